"""Circuit breakers on pybreaker's state machine, told of outcomes instead of making the calls.

pybreaker by itself lets everyone through while half-open, takes a cancellation for a failure, and
counts what began before a state change. So it never runs across an await: an attempt is admitted
here, and afterwards pybreaker is shown a function that returns or raises. Its clock is not used
either, because it is asked nothing while open. It counts failures in a row; their share is counted
beside it.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass

import pybreaker

from hexgate.adapters.breaker.window import Window
from hexgate.domain.errors import CircuitOpen
from hexgate.domain.health import BreakerState, BreakerStatus
from hexgate.ports.breaker import Changed, Outcome, Permit
from hexgate.ports.clock import Clock

_STATES = {
    pybreaker.STATE_CLOSED: BreakerState.CLOSED,
    pybreaker.STATE_HALF_OPEN: BreakerState.HALF_OPEN,
    pybreaker.STATE_OPEN: BreakerState.OPEN,
}
_CLOSED = BreakerStatus()
_PROBING_S = 1.0  # the hint while probes are out: nobody knows when they come back
_LOOKED_AT = 64  # keys, when one has to make room


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When to open, and what it takes to close. Raises ValueError for a value out of range.

    `failures` in a row open, and so does a failure with which a share of at least `failure_ratio`,
    0 to 1, of at least `min_calls` attempts within `window_s` seconds, to a tenth of it, has
    failed; 0 is never. After `rest_s` seconds at most `probes` attempts at a time are let through,
    and `successes` of them in a row close; the window begins empty then. Counts are at least 1,
    seconds above 0.
    """

    failures: int = 5
    failure_ratio: float = 0.5
    window_s: float = 60.0
    min_calls: int = 20
    rest_s: float = 30.0
    probes: int = 1
    successes: int = 2

    def __post_init__(self) -> None:
        for name in ("failures", "min_calls", "probes", "successes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("window_s", "rest_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 <= self.failure_ratio <= 1:
            raise ValueError(f"failure_ratio is {self.failure_ratio}; it must be from 0 to 1")


def _ignore(_key: str, _old: BreakerState, _new: BreakerState) -> None:
    pass


class Breakers:
    """A Breaker per key, made on demand, for at most `max_keys` keys.

    A key beyond them takes the place of one of the oldest: of one that is closed without failures,
    else of one that is closed, else of the very oldest. `changed` is told of every change of state.
    """

    def __init__(
        self,
        clock: Clock,
        settings: Settings | None = None,
        max_keys: int = 4096,
        changed: Changed = _ignore,
    ) -> None:
        if max_keys < 1:
            raise ValueError(f"max_keys is {max_keys}; it must be at least 1")
        self._clock = clock
        self._settings = settings or Settings()
        self._max_keys = max_keys
        self._changed = changed
        self._gates: dict[str, _Gate] = {}

    def admit(self, key: str) -> Permit:
        """See Breaker. The error names the provider, and the model where the key has one."""
        gate = self._gates.get(key)
        return (gate or self._added(key)).admit()

    def status(self, key: str) -> BreakerStatus:
        """See Breaker. HALF_OPEN as soon as the rest is over, before the first probe too."""
        gate = self._gates.get(key)
        return gate.status() if gate else _CLOSED

    def trip(self, key: str) -> None:
        """See Breaker."""
        (self._gates.get(key) or self._added(key)).trip()

    def _added(self, key: str) -> _Gate:
        if len(self._gates) >= self._max_keys:
            self._gates.pop(self._spare()).retire()
        gate = self._gates[key] = _Gate(key, self._settings, self._clock, self._changed)
        return gate

    def _spare(self) -> str:
        oldest = list(itertools.islice(self._gates.items(), _LOOKED_AT))
        for key, gate in oldest:
            if gate.clean():
                return key
        return next((key for key, gate in oldest if gate.closed), oldest[0][0])


class _Gate(pybreaker.CircuitBreakerListener):
    """Admission and outcome of one key."""

    def __init__(self, key: str, settings: Settings, clock: Clock, changed: Changed) -> None:
        self._key = key
        self._settings = settings
        self._monotonic = clock.monotonic
        self._changed = changed
        self._state = BreakerState.CLOSED
        self._window = Window(settings.window_s)
        self._opened = 0.0
        self._probes: dict[_Permit, float] = {}  # not settled in this epoch; since when they run
        self._epoch = 0  # counts state changes
        self._failed = False  # and not succeeded since: only then has pybreaker to be told
        self._machine = pybreaker.CircuitBreaker(
            fail_max=settings.failures,
            success_threshold=settings.successes,
            listeners=[self],
            throw_new_error_on_trip=False,
        )

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,  # noqa: ARG002 (pybreaker's signature)
        old_state: pybreaker.CircuitBreakerState | None,  # noqa: ARG002 (pybreaker's signature)
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        """Called by pybreaker inside each transition."""
        old, self._state = self._state, _STATES[new_state.name]
        self._epoch += 1
        self._probes.clear()
        if self._state is BreakerState.OPEN:
            self._opened = self._monotonic()
        elif self._state is BreakerState.CLOSED:
            self._window.clear()
        if old is not self._state:
            self._changed(self._key, old, self._state)

    def admit(self) -> _Permit:
        """A permit, or CircuitOpen."""
        if self._state is BreakerState.CLOSED:
            return _Permit(self, self._epoch, probe=False)
        if self._state is BreakerState.OPEN:
            left_s = self._left_s()
            if left_s > 0:
                raise self._resting(left_s)
            self._machine.half_open()
        now = self._monotonic()
        if len(self._probes) >= self._settings.probes:
            oldest = next(iter(self._probes))
            if now - self._probes[oldest] < self._settings.rest_s:
                raise self._resting(min(_PROBING_S, self._settings.rest_s))
            # Its verdict still counts, if it ever comes; but nobody waits for it any longer.
            del self._probes[oldest]
        permit = _Permit(self, self._epoch, probe=True)
        self._probes[permit] = now
        return permit

    def settle(self, permit: _Permit, outcome: Outcome) -> None:
        """Move the machine, unless the permit is of an earlier state."""
        if permit.epoch != self._epoch:
            return
        if permit.probe:
            self._probes.pop(permit, None)
        if outcome is Outcome.NEUTRAL:
            return
        failed = outcome is Outcome.FAILURE
        self._window.add(self._monotonic(), failed=failed)
        if failed:
            self._fail()
        elif self._failed or self._state is not BreakerState.CLOSED:
            self._failed = False
            self._machine.call(_succeed)

    def trip(self) -> None:
        """Open, or begin the rest anew."""
        self._machine.open()

    def retire(self) -> None:
        """Permits that are still out have nobody to report to."""
        self._epoch += 1

    def status(self) -> BreakerStatus:
        """The state as the next attempt would find it."""
        calls, failures = self._window.counts(self._monotonic())
        if self.closed and not failures:
            return _CLOSED
        state, left_s = self._state, 0.0
        if state is BreakerState.OPEN:
            left_s = max(0.0, self._left_s())
            state = BreakerState.OPEN if left_s else BreakerState.HALF_OPEN
        ratio = failures / calls if calls else 0.0
        return BreakerStatus(state=state, rest_s=left_s, failure_ratio=ratio)

    @property
    def closed(self) -> bool:
        """Everybody may pass."""
        return self._state is BreakerState.CLOSED

    def clean(self) -> bool:
        """Closed and without failures: as if it had just been made."""
        failed = self._failed or self._window.counts(self._monotonic())[1]
        return self.closed and not failed

    def _fail(self) -> None:
        self._failed = True
        with contextlib.suppress(_Failed):
            self._machine.call(_fail)
        wish = self._settings
        if self.closed and wish.failure_ratio:
            calls, failures = self._window.counts(self._monotonic())
            if calls >= wish.min_calls and failures / calls >= wish.failure_ratio:
                self._machine.open()

    def _left_s(self) -> float:
        return self._opened + self._settings.rest_s - self._monotonic()

    def _resting(self, retry_after_s: float) -> CircuitOpen:
        provider, _, model = self._key.partition("/")
        return CircuitOpen(
            f"{self._key} is resting after repeated failures",
            metadata={"provider": provider} | ({"model": model} if model else {}),
            retry_after_s=retry_after_s,
        )


class _Permit:
    __slots__ = ("_gate", "_open", "_probe", "epoch")

    def __init__(self, gate: _Gate, epoch: int, *, probe: bool) -> None:
        self._gate = gate
        self._open = True
        self._probe = probe
        self.epoch = epoch

    @property
    def probe(self) -> bool:
        return self._probe

    def settle(self, outcome: Outcome) -> None:
        if self._open:
            self._open = False
            self._gate.settle(self, outcome)


class _Failed(Exception):
    pass


def _fail() -> None:
    raise _Failed


def _succeed() -> None:
    pass
