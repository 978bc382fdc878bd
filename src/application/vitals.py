"""How each target fares, as seen from the traffic of this process, and what is wished of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from statistics import median

from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.health import TargetState, Wish
from hexgate.ports.clock import Clock

# A peak counts at once and is forgotten over so many seconds.
DECAY_S = 10.0
# What is usual of a target is learned over so many seconds,
USUAL_S = 60.0
# and half of it is forgotten in each so many in which nobody asked: then it is worth another try.
FORGET_S = 300.0
# A failure counts as twice what was expected, from a second up to this, or as long as it took.
PENALTY_S = 60.0
_RECENT = 101  # first tokens whose median is told
_MAX_TARGETS = 4096
MAX_WISHES = 1000
ALL = "*"

ENABLED = Wish()


class Vital:
    """One target.

    `active` counts attempts from admission to the end of their stream; `attempts`, what was sent,
    and `failures`, what of that went wrong on the provider's side, count since the start of the
    process. `failure` is the reason of the latest one, and `failed_at` when that was, on the
    monotonic scale.

    How long its calls wait is a peak EWMA, as in Twitter Finagle's load balancer (`PeakEwma` in
    com.twitter.finagle.loadbalancer): a longer wait is believed at once, a shorter one by the
    weight 1 - exp(-dt / DECAY_S) of the time since the one before.
    """

    __slots__ = (
        "_peak_s",
        "_usual_s",
        "active",
        "attempts",
        "failed_at",
        "failure",
        "failures",
        "firsts",
        "sampled_at",
    )

    def __init__(self) -> None:
        self.active = 0
        self.attempts = 0
        self.failures = 0
        self.failure = ""
        self.failed_at = -math.inf
        self.firsts: deque[float] = deque(maxlen=_RECENT)  # seconds to the first token, of late
        self._peak_s: float | None = None
        self._usual_s: float | None = None
        self.sampled_at = -math.inf  # monotonic

    def answered(self, duration_s: float, now: float, *, streamed: bool = True) -> None:
        """An attempt gave its answer or, `streamed`, its first token after so long."""
        self.attempts += 1
        if streamed:
            self.firsts.append(duration_s)
        usual_s = self._usual_s
        if usual_s is None:
            self._usual_s = duration_s
        else:
            weight = 1 - math.exp((self.sampled_at - now) / USUAL_S)
            self._usual_s = usual_s + weight * (duration_s - usual_s)
        self._sample(duration_s, now)

    def failed(self, reason: str, duration_s: float, now: float) -> None:
        """An attempt failed on the provider's side. Failing fast does not look like being fast."""
        self.attempts += 1
        self.broke(reason, now)
        self._sample(max(duration_s, min(max(1.0, 2 * (self._peak_s or 0.0)), PENALTY_S)), now)

    def broke(self, reason: str, now: float) -> None:
        """A stream that had been opened failed later, on the provider's side."""
        self.failures += 1
        self.failure = reason
        self.failed_at = now

    def left(self, duration_s: float, now: float) -> None:
        """An attempt ended without a verdict: cancelled, out of the caller's time, rejected.

        It would have taken at least so long, which says something only where that is long.
        """
        self.attempts += 1
        if duration_s > (self._peak_s or 0.0):
            self._sample(duration_s, now)

    def latency_s(self) -> float | None:
        """The peak-sensitive moving average, in seconds; None where nothing is known yet."""
        return self._peak_s

    def expected_s(self, now: float) -> float | None:
        """The same for a call that begins now.

        While nobody asks, a peak fades into what is usual, and what is usual is forgotten, so that
        a slow target gets another chance.
        """
        if self._peak_s is None or self.active:
            return self._peak_s
        idle_s = now - self.sampled_at
        usual_s = min(self._peak_s, self._usual_s or 0.0)
        faded_s = usual_s + (self._peak_s - usual_s) * math.exp(-idle_s / DECAY_S)
        return faded_s * math.exp2(-idle_s / FORGET_S)

    def first_token_s(self) -> float | None:
        """The median of recent streams; None where there is none."""
        return median(self.firsts) if self.firsts else None

    def _sample(self, seconds: float, now: float) -> None:
        peak_s = self._peak_s
        if peak_s is None or seconds >= peak_s:
            self._peak_s = seconds
        else:
            kept = math.exp((self.sampled_at - now) / DECAY_S)
            self._peak_s = seconds + kept * (peak_s - seconds)
        self.sampled_at = now


class Vitals:
    """Every target that was called, the wishes of operators, and the verdicts of probes.

    `quiet` is True while no operator wishes anything and no probe fails: then nobody need be asked.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._vitals: dict[tuple[str, str], Vital] = {}
        self._wishes: dict[tuple[str, str], Wish] = {}
        self._unhealthy: set[str] = set()
        self.quiet = True

    def of(self, provider: str, model: str) -> Vital:
        """The vital of a target, made on first use.

        Of many thousands, those that were not heard of for longest are forgotten, unless active.
        """
        key = (provider, model)
        vital = self._vitals.get(key)
        if vital is None:
            if len(self._vitals) >= _MAX_TARGETS:
                self._make_room()
            vital = self._vitals[key] = Vital()
        return vital

    def known(self, provider: str, model: str) -> Vital | None:
        """The vital of a target, if it was called."""
        return self._vitals.get((provider, model))

    def broke(self, provider: str, model: str, reason: str) -> None:
        """A stream of this target failed after it had been opened, on the provider's side."""
        self.of(provider, model).broke(reason, self._clock.monotonic())

    def wish(self, provider: str, model: str) -> Wish:
        """The stricter of what is wished of the target and of its provider, or the longer one."""
        wishes = (self._standing((provider, model)), self._standing((provider, ALL)))
        return max(wishes, key=_strictness)

    def set(self, provider: str, model: str, wish: Wish) -> None:
        """Wish this of a target, or of a provider by the model `*`. ENABLED takes it back.

        Raises InvalidRequest when MAX_WISHES others stand.
        """
        key = (provider, model)
        self.expire()
        if wish.state is TargetState.ENABLED:
            self._wishes.pop(key, None)
        elif key in self._wishes or len(self._wishes) < MAX_WISHES:
            self._wishes[key] = wish
        else:
            text = f"{MAX_WISHES} targets are out of rotation; put some back, or name provider/*"
            raise InvalidRequest(text, (Violation("target", text, "TOO_MANY"),))
        self._hush()

    def healthy(self, provider: str) -> bool:
        """Whether the probes of this provider succeed; True where there are none."""
        return provider not in self._unhealthy

    def probed(self, provider: str, *, healthy: bool) -> None:
        """What the probes of a provider have come to say."""
        (self._unhealthy.discard if healthy else self._unhealthy.add)(provider)
        self._hush()

    def in_rotation(self, provider: str) -> bool:
        """Whether no operator has taken a provider as a whole out of rotation."""
        return self._standing((provider, ALL)).state is TargetState.ENABLED

    def expire(self) -> None:
        """Forget the wishes whose time is over, also of targets that nobody asks for any more."""
        for key in tuple(self._wishes):
            self._standing(key)

    def called(self) -> Iterator[tuple[str, str, Vital]]:
        """Every target that was called: provider, model and how it fares."""
        for (provider, model), vital in self._vitals.items():
            yield provider, model, vital

    def seen(self) -> Iterator[tuple[str, str]]:
        """Every target that was called or wished anything of."""
        self.expire()
        yield from dict.fromkeys((*self._vitals, *self._wishes))

    def _make_room(self) -> None:
        # A quarter at once, so that whoever calls one name after the other pays little for each.
        idle = [(one.sampled_at, key) for key, one in self._vitals.items() if not one.active]
        for _, key in sorted(idle)[: _MAX_TARGETS // 4]:
            del self._vitals[key]

    def _standing(self, key: tuple[str, str]) -> Wish:
        wish = self._wishes.get(key, ENABLED)
        if wish.until is not None and wish.until <= self._clock.monotonic():
            del self._wishes[key]
            self._hush()
            return ENABLED
        return wish

    def _hush(self) -> None:
        self.quiet = not self._wishes and not self._unhealthy


_STRICT = (TargetState.ENABLED, TargetState.DRAINING, TargetState.DISABLED)


def _strictness(wish: Wish) -> tuple[int, float]:
    return _STRICT.index(wish.state), math.inf if wish.until is None else wish.until
