"""Circuit breakers on pybreaker's state machine, told of outcomes instead of making the calls.

pybreaker by itself lets everyone through while half-open, takes a cancellation for a failure, and
counts what began before a state change. So it never runs across an await: an attempt is admitted
here, and afterwards pybreaker is shown a function that returns or raises. Its clock is not used
either, because it is asked nothing while open.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import pybreaker

from hexgate.domain.errors import CircuitOpen
from hexgate.domain.health import BreakerState, BreakerStatus
from hexgate.ports.breaker import Outcome, Permit
from hexgate.ports.clock import Clock

_STATES = {
    pybreaker.STATE_CLOSED: BreakerState.CLOSED,
    pybreaker.STATE_HALF_OPEN: BreakerState.HALF_OPEN,
    pybreaker.STATE_OPEN: BreakerState.OPEN,
}
_CLOSED = BreakerStatus()
_PROBING_S = 1.0  # the hint while probes are out: nobody knows when they come back


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """When to open, and what it takes to close. Raises ValueError for a value out of range.

    `failures` in a row open; after `rest_s` seconds at most `probes` attempts at a time are let
    through, and `successes` of them in a row close. Counts are at least 1, `rest_s` is above 0.
    """

    failures: int = 5
    failure_ratio: float = 0.5
    window_s: float = 60.0
    min_calls: int = 20
    rest_s: float = 30.0
    probes: int = 1
    successes: int = 2

    def __post_init__(self) -> None:
        for name in ("failures", "probes", "successes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if not self.rest_s > 0:
            raise ValueError(f"rest_s is {self.rest_s}; it must be above 0")


class Breakers:
    """A Breaker per key, made on demand, for at most `max_keys` keys.

    A key beyond them takes the place of one that is closed without failures, else of the oldest.
    """

    def __init__(
        self, clock: Clock, settings: Settings | None = None, max_keys: int = 4096
    ) -> None:
        if max_keys < 1:
            raise ValueError(f"max_keys is {max_keys}; it must be at least 1")
        self._clock = clock
        self._settings = settings or Settings()
        self._max_keys = max_keys
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
            spare = (name for name, gate in self._gates.items() if gate.clean())
            del self._gates[next(spare, None) or next(iter(self._gates))]
        gate = self._gates[key] = _Gate(key, self._settings, self._clock)
        return gate


class _Gate(pybreaker.CircuitBreakerListener):
    """Admission and outcome of one key."""

    def __init__(self, key: str, settings: Settings, clock: Clock) -> None:
        self._key = key
        self._settings = settings
        self._monotonic = clock.monotonic
        self._state = BreakerState.CLOSED
        self._opened = 0.0
        self._probes = 0  # admitted in this epoch and not settled
        self._epoch = 0  # counts state changes
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
        self._state = _STATES[new_state.name]
        self._epoch += 1
        self._probes = 0
        if self._state is BreakerState.OPEN:
            self._opened = self._monotonic()

    def admit(self) -> _Permit:
        """A permit, or CircuitOpen."""
        if self._state is BreakerState.CLOSED:
            return _Permit(self, self._epoch, probe=False)
        if self._state is BreakerState.OPEN:
            left_s = self._left_s()
            if left_s > 0:
                raise self._resting(left_s)
            self._machine.half_open()
        if self._probes >= self._settings.probes:
            raise self._resting(min(_PROBING_S, self._settings.rest_s))
        self._probes += 1
        return _Permit(self, self._epoch, probe=True)

    def settle(self, permit: _Permit, outcome: Outcome) -> None:
        """Move the machine, unless the permit is of an earlier state."""
        if permit.epoch != self._epoch:
            return
        if permit.probe:
            self._probes -= 1
        if outcome is Outcome.FAILURE:
            with contextlib.suppress(_Failed):
                self._machine.call(_fail)
        elif outcome is Outcome.SUCCESS and not self.clean():
            self._machine.call(_succeed)

    def trip(self) -> None:
        """Open, or begin the rest anew."""
        self._machine.open()

    def status(self) -> BreakerStatus:
        """The state as the next attempt would find it."""
        left_s = max(0.0, self._left_s()) if self._state is BreakerState.OPEN else 0.0
        if self._state is BreakerState.OPEN and not left_s:
            return BreakerStatus(state=BreakerState.HALF_OPEN)
        return BreakerStatus(state=self._state, rest_s=left_s)

    def clean(self) -> bool:
        """Closed and without failures: as if it had just been made."""
        return self._state is BreakerState.CLOSED and not self._machine.fail_counter

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
