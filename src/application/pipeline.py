"""How one provider is made safe, and how many become one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from hexgate.application.policies.breaker import Guarded
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.deadline import Timed
from hexgate.application.policies.fallback import Fallback
from hexgate.application.policies.hedge import Hedged
from hexgate.application.policies.hold import Held
from hexgate.application.policies.limit import Limited
from hexgate.application.policies.record import Recorded
from hexgate.application.policies.retry import Retried, RetryRules
from hexgate.application.policies.rotate import Rotated
from hexgate.application.vitals import Vitals
from hexgate.domain.call import CacheMode
from hexgate.ports.breaker import Breaker
from hexgate.ports.cache import CompletionCache
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger
from hexgate.ports.limiter import Limiter
from hexgate.ports.provider import Provider


def harden(
    leaf: Provider,
    *,
    name: str,
    limiter: Limiter,
    breaker: Breaker,
    rules: RetryRules,
    vitals: Vitals,
    clock: Clock,
    several_keys: bool = False,
    ledger: Ledger | None = None,
    chance: Callable[[], float] = random.random,
) -> Provider:
    """Read upward: each retry asks the breaker, then the limiter; what passes is held
    and recorded.

    With `several_keys` a failure that is about one key is repeated at once with another. `ledger`
    is where the holds are of calls that may need more than one attempt.
    """
    timed = Timed(leaf, name, clock)
    recorded = Recorded(timed, name, vitals, clock)
    held = recorded if ledger is None else Held(recorded, ledger)
    limited = Limited(held, limiter, clock, key=name)
    guarded = Guarded(limited, breaker, vitals, name)
    rotated = Rotated(guarded) if several_keys else guarded
    return Retried(rotated, rules, clock, chance)


def unite(
    providers: Mapping[str, Provider],
    cache: CompletionCache,
    mode: CacheMode,
    ttl_s: float,
    clock: Clock,
    wait_s: float = 0.0,
    chance: Callable[[], float] = random.random,
) -> Cached:
    """One provider out of many hardened ones: cache, hedge, fallback, from the outside in.

    `wait_s` is how long a call waits for the first of its targets to be back when all rest.
    """
    fallback = Fallback(providers, clock, wait_s, chance)
    return Cached(Hedged(fallback, clock), cache, mode, ttl_s)
