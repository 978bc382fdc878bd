"""How one provider is made safe, and how many become one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from hexgate.application.policies.breaker import Guarded
from hexgate.application.policies.cache import Cached
from hexgate.application.policies.deadline import Timed
from hexgate.application.policies.fallback import Fallback
from hexgate.application.policies.limit import Limited
from hexgate.application.policies.record import Recorded
from hexgate.application.policies.retry import Retried, RetryRules
from hexgate.domain.call import CacheMode
from hexgate.ports.breaker import Breaker
from hexgate.ports.cache import CompletionCache
from hexgate.ports.clock import Clock
from hexgate.ports.limiter import Limiter
from hexgate.ports.provider import Provider


def harden(
    leaf: Provider,
    *,
    name: str,
    limiter: Limiter,
    breaker: Breaker,
    rules: RetryRules,
    clock: Clock,
    chance: Callable[[], float] = random.random,
) -> Provider:
    """Read upward: each retry asks the breaker, then the limiter; what passes is recorded."""
    timed = Timed(leaf, name, clock)
    recorded = Recorded(timed, name, clock)
    limited = Limited(recorded, limiter, key=name)
    guarded = Guarded(limited, breaker, name)
    return Retried(guarded, rules, clock, chance)


def unite(
    providers: Mapping[str, Provider], cache: CompletionCache, mode: CacheMode, ttl_s: float
) -> Cached:
    """One provider out of many hardened ones: a cache in front of the fallback chain."""
    return Cached(Fallback(providers), cache, mode, ttl_s)
