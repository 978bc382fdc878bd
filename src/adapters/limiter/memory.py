"""Rate limits of one process: requests, tokens and concurrency of a key, taken in one step."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hexgate.domain.errors import RateLimited
from hexgate.ports.clock import Clock
from hexgate.ports.limiter import Lease, Left

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_DAY_US = 24 * 60 * _MINUTE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one key may use; None is no limit. Raises ValueError for a limit below 1.

    `burst` is how many minutes' worth of the two rates an idle key may use at once, above zero. At
    least one request and one token always fit.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    burst: float = 1.0

    def __post_init__(self) -> None:
        for name in ("requests_per_minute", "tokens_per_minute", "concurrency"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; give at least 1, or leave it out for none")
        if not 0 < self.burst < float("inf"):
            raise ValueError(f"burst is {self.burst}; it must be a number above 0")


class _Rate:
    """GCRA: `_until` is when everything taken so far will have been paid for at the steady rate.

    It is counted in steps of 1/limit microseconds. One unit then lasts exactly a minute's worth of
    microseconds, so nothing is rounded, whatever the limit.
    """

    __slots__ = ("_until", "burst", "limit")

    def __init__(self, limit: int, burst: float) -> None:
        self.limit = limit
        self.burst = max(1, int(limit * burst))
        self._until = 0

    def wait_us(self, now_us: int, cost: int) -> int:
        """How long until `cost` fits; 0 when it does now."""
        now = now_us * self.limit
        early = max(self._until, now) + (cost - self.burst) * _MINUTE_US - now
        return -(-early // self.limit) if early > 0 else 0

    def left(self, now_us: int) -> int:
        """The most that fits now."""
        ahead = max(0, self._until - now_us * self.limit)
        return max(0, (self.burst * _MINUTE_US - ahead) // _MINUTE_US)

    def add(self, now_us: int, cost: int) -> None:
        """Take `cost`, or give back a negative one. May end in debt."""
        self._until = max(self._until, now_us * self.limit) + cost * _MINUTE_US


class _Waiter:
    __slots__ = ("_woken", "tokens")

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self._woken: asyncio.Future[None] | None = None

    def wake(self, _: object = None) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Return when woken, and at the latest after so many seconds."""
        self._woken = asyncio.get_running_loop().create_future()
        timer = asyncio.create_task(clock.sleep(seconds))
        timer.add_done_callback(self.wake)
        try:
            await self._woken
        finally:
            # Else the cancelled timer would wake the next pause.
            timer.remove_done_callback(self.wake)
            timer.cancel()


class _Bound(NamedTuple):
    wait_us: int
    limit: str
    value: int


class _Bucket:
    """The state of one key. Nothing here awaits, so each method is one atomic step."""

    def __init__(self, scope: str, limits: Limits) -> None:
        rpm, tpm = limits.requests_per_minute, limits.tokens_per_minute
        self._scope = scope
        self._requests = _Rate(rpm, limits.burst) if rpm is not None else None
        self._tokens = _Rate(tpm, limits.burst) if tpm is not None else None
        self._slots = limits.concurrency
        self._held = 0
        self._reserved = 0  # by leases that are still open
        self._queue: deque[_Waiter] = deque()
        self._queued_tokens = 0

    def clamped(self, tokens: int) -> int:
        """Without this, an estimate above the burst could never pass."""
        return min(tokens, self._tokens.burst) if self._tokens else tokens

    def admit(self, now_us: int, tokens: int, waiter: _Waiter | None = None) -> bool:
        """Take everything or nothing. Nobody overtakes the first in the queue."""
        first = self._queue[0] if self._queue else None
        if first is not waiter or self._full() or self.wait_us(now_us, tokens):
            return False
        if self._requests:
            self._requests.add(now_us, 1)
        if self._tokens:
            self._tokens.add(now_us, tokens)
        self._held += 1
        self._reserved += tokens
        return True

    def wait_us(self, now_us: int, tokens: int) -> int:
        """How long until both rates have room."""
        requests = self._requests.wait_us(now_us, 1) if self._requests else 0
        return max(requests, self._tokens.wait_us(now_us, tokens) if self._tokens else 0)

    def hopeless(self, now_us: int, tokens: int, wait_us: int) -> bool:
        """Not even if every open lease gave all its tokens back would there be room in time."""
        return self.wait_us(now_us, tokens - self._reserved) > wait_us

    def settle(self, now_us: int, reserved: int, used: int) -> None:
        """Take back a lease: the slot is free, the tokens are those used."""
        self._held -= 1
        self._reserved -= reserved
        if self._tokens:
            self._tokens.add(now_us, used - reserved)
        self._wake()

    def waiting(self) -> int:
        """How many are in the queue."""
        return len(self._queue)

    def first(self, waiter: _Waiter) -> bool:
        """Whether it is this one's turn."""
        return self._queue[0] is waiter

    def join(self, waiter: _Waiter) -> None:
        """Stand at the end of the queue."""
        self._queue.append(waiter)
        self._queued_tokens += waiter.tokens

    def leave(self, waiter: _Waiter) -> None:
        """Admitted, out of time or cancelled: the next one may be first now."""
        self._queue.remove(waiter)
        self._queued_tokens -= waiter.tokens
        self._wake()

    def refusal(self, now_us: int, tokens: int) -> RateLimited:
        """What to tell a caller that comes back at the end of the queue."""
        bound = max(self._bounds(now_us, tokens + self._queued_tokens))
        what = bound.limit.replace("_", " ")
        return RateLimited(
            f"the limit of {self._scope} is reached: {bound.value} {what}",
            metadata={"limit": bound.limit, "scope": self._scope, "value": str(bound.value)},
            retry_after_s=max(bound.wait_us, 1_000) / _SECOND_US,
        )

    def _bounds(self, now_us: int, tokens: int) -> list[_Bound]:
        bounds = []
        if self._slots is not None:
            # Nobody knows when a slot comes free; a second is a polite guess.
            wait_us = _SECOND_US if self._full() else 0
            bounds.append(_Bound(wait_us, "concurrency", self._slots))
        if self._requests:
            wait_us = self._requests.wait_us(now_us, 1 + len(self._queue))
            bounds.append(_Bound(wait_us, "requests_per_minute", self._requests.limit))
        if self._tokens:
            wait_us = self._tokens.wait_us(now_us, tokens)
            bounds.append(_Bound(wait_us, "tokens_per_minute", self._tokens.limit))
        return bounds

    def left(self, now_us: int) -> tuple[Left, ...]:
        """What each limit leaves."""
        found = []
        if self._requests:
            found.append(Left("requests", self._requests.limit, self._requests.left(now_us)))
        if self._tokens:
            found.append(Left("tokens", self._tokens.limit, self._tokens.left(now_us)))
        if self._slots is not None:
            found.append(Left("concurrency", self._slots, self._slots - self._held))
        return tuple(found)

    def _full(self) -> bool:
        return self._slots is not None and self._held >= self._slots

    def _wake(self) -> None:
        if self._queue:
            self._queue[0].wake()


class _Lease:
    __slots__ = ("_bucket", "_clock", "_open", "_reserved")

    def __init__(self, bucket: _Bucket, clock: Clock, reserved: int) -> None:
        self._bucket = bucket
        self._clock = clock
        self._reserved = reserved
        self._open = True

    async def settle(self, tokens: int) -> None:
        # Never suspends, so a cancelled call can still settle on its way out.
        if self._open:
            self._open = False
            self._bucket.settle(_us(self._clock.monotonic()), self._reserved, max(0, tokens))


class _Free:
    __slots__ = ()

    async def settle(self, tokens: int) -> None:
        pass


_FREE = _Free()


class MemoryLimiter:
    """A Limiter for one process. Waiters of a key are served in the order in which they came.

    A wait that cannot succeed is refused at once, and so is one behind `max_waiting` others.
    """

    def __init__(self, limits: Mapping[str, Limits], clock: Clock, max_waiting: int = 1000) -> None:
        self._clock = clock
        self._max_waiting = max_waiting
        self._buckets = {
            key: _Bucket(key, limit)
            for key, limit in limits.items()
            if limit != Limits(burst=limit.burst)
        }

    async def acquire(self, key: str, tokens: int, wait_s: float) -> Lease:
        """See Limiter. `tokens` and `wait_s` are at least 0; a wait is at most a day."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return _FREE
        if tokens < 0:
            raise ValueError(f"tokens is {tokens}; it must be at least 0")
        tokens = bucket.clamped(tokens)
        now_us = _us(self._clock.monotonic())
        if bucket.admit(now_us, tokens):
            return _Lease(bucket, self._clock, tokens)
        wait_us = min(_us(wait_s), _DAY_US) if wait_s < _DAY_US else _DAY_US
        if (
            wait_us <= 0
            or bucket.waiting() >= self._max_waiting
            or bucket.hopeless(now_us, tokens, wait_us)
        ):
            raise bucket.refusal(now_us, tokens)
        if await self._turn(bucket, tokens, now_us + wait_us):
            return _Lease(bucket, self._clock, tokens)
        raise bucket.refusal(_us(self._clock.monotonic()), tokens)

    async def left(self, key: str) -> tuple[Left, ...]:
        """See Limiter."""
        bucket = self._buckets.get(key)
        return () if bucket is None else bucket.left(_us(self._clock.monotonic()))

    async def _turn(self, bucket: _Bucket, tokens: int, until_us: int) -> bool:
        """Queue until admitted (True) or out of time.

        Each waiter admits itself when it runs, never while it is suspended: so a cancellation
        finds it either without a grant or already past this method.
        """
        waiter = _Waiter(tokens)
        bucket.join(waiter)
        try:
            while True:
                now_us = _us(self._clock.monotonic())
                if bucket.admit(now_us, tokens, waiter):
                    return True
                if now_us >= until_us:
                    return False
                pause_us = until_us - now_us
                if bucket.first(waiter):
                    # 0 means that a slot is missing, and whoever frees one wakes us.
                    pause_us = min(pause_us, bucket.wait_us(now_us, tokens) or pause_us)
                await waiter.pause(self._clock, pause_us / _SECOND_US)
        finally:
            bucket.leave(waiter)


def _us(seconds: float) -> int:
    return round(seconds * _SECOND_US)
