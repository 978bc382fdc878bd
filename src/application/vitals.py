"""How each target fares, as seen from the traffic of this process, and what is wished of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median

from hexgate.domain.health import TargetState, Wish
from hexgate.ports.clock import Clock

# A burst of slowness counts at once and is forgotten over so many seconds (peak EWMA, as in
# Finagle's load balancer of that name).
DECAY_S = 10.0
_RECENT = 101  # first tokens whose median is told
_MAX_TARGETS = 4096
ALL = "*"

ENABLED = Wish()


class Vital:
    """One target. `active` counts calls from admission to the end of their stream."""

    __slots__ = ("_firsts", "_latency_s", "_seen", "active", "attempts", "failure", "failures")

    def __init__(self) -> None:
        self.active = 0
        self.attempts = 0
        self.failures = 0  # on the provider's side
        self.failure = ""  # the reason of the latest
        self._latency_s = 0.0
        self._seen = 0.0  # monotonic
        self._firsts: deque[float] = deque(maxlen=_RECENT)

    def answered(self, duration_s: float, now: float) -> None:
        """An attempt gave its answer, or opened its stream, after so long."""
        self.attempts += 1
        self._firsts.append(duration_s)
        self._sample(duration_s, now)

    def failed(self, reason: str, duration_s: float, now: float) -> None:
        """An attempt failed on the provider's side. Failing fast must not look like being fast."""
        self.attempts += 1
        self.failures += 1
        self.failure = reason
        self._sample(max(duration_s, 2 * self._latency_s, 1.0), now)

    def latency_s(self) -> float | None:
        """Peak-sensitive moving average, in seconds; None before the first attempt."""
        return self._latency_s if self.attempts else None

    def first_token_s(self) -> float | None:
        """The median of recent answers; None where there is none."""
        return median(self._firsts) if self._firsts else None

    def _sample(self, seconds: float, now: float) -> None:
        if seconds > self._latency_s:
            self._latency_s = seconds
        else:
            kept = math.exp((self._seen - now) / DECAY_S)
            self._latency_s = kept * self._latency_s + (1 - kept) * seconds
        self._seen = now


class Vitals:
    """Every target that was called, the wishes of operators, and the verdicts of probes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vitals: dict[tuple[str, str], Vital] = {}
        self._wishes: dict[tuple[str, str], Wish] = {}
        self._unhealthy: set[str] = set()

    def of(self, provider: str, model: str) -> Vital:
        """The vital of a target, made on first use; a bound number of them is kept."""
        key = (provider, model)
        vital = self._vitals.get(key)
        if vital is None:
            if len(self._vitals) >= _MAX_TARGETS:
                idle = (key for key, one in self._vitals.items() if not one.active)
                del self._vitals[next(idle, next(iter(self._vitals)))]
            vital = self._vitals[key] = Vital()
        return vital

    @property
    def quiet(self) -> bool:
        """Whether no operator wishes anything and no probe fails: then nobody need be asked."""
        return not self._wishes and not self._unhealthy

    def wish(self, provider: str, model: str) -> Wish:
        """The stricter of what is wished of the target and of its provider."""
        wishes = (self._standing((provider, model)), self._standing((provider, ALL)))
        return max(wishes, key=lambda wish: _STRICT.index(wish.state))

    def set(self, provider: str, model: str, wish: Wish) -> None:
        """Wish this of a target, or of a provider by the model `*`. ENABLED takes it back."""
        if wish.state is TargetState.ENABLED:
            self._wishes.pop((provider, model), None)
        else:
            self._wishes[provider, model] = wish

    def healthy(self, provider: str) -> bool:
        """Whether the probes of this provider succeed; True where there are none."""
        return provider not in self._unhealthy

    def probed(self, provider: str, *, healthy: bool) -> None:
        """What the probes of a provider have come to say."""
        (self._unhealthy.discard if healthy else self._unhealthy.add)(provider)

    def seen(self) -> Iterator[tuple[str, str]]:
        """Every target that was called or wished anything of."""
        yield from dict.fromkeys((*self._vitals, *self._wishes))

    def _standing(self, key: tuple[str, str]) -> Wish:
        wish = self._wishes.get(key, ENABLED)
        if wish.until is not None and wish.until <= self._clock.monotonic():
            del self._wishes[key]
            return ENABLED
        return wish


_STRICT = (TargetState.ENABLED, TargetState.DRAINING, TargetState.DISABLED)
