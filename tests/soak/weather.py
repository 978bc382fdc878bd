"""Providers that fare as their weather says: by chance, but the same for the same seed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Self

from hexgate.domain.answer import Chunk, Completion, Finished
from hexgate.domain.call import Call, ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import (
    BadResponse,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    Unreachable,
    Unserved,
    Unsupported,
)
from hexgate.domain.health import BreakerState
from hexgate.ports.breaker import Breaker
from hexgate.ports.clock import Clock
from tests.fakes import script, whole

WORDS = "one two three four five"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How a provider fares. Shares are from 0 to 1, and waits are exponential around their mean."""

    fails: float = 0.0  # of attempts, before any output
    breaks: float = 0.0  # of streams, after some output
    mute: float = 0.0  # of answers, for ever
    wait_s: float = 0.5  # until the answer, or its first output
    pause_s: float = 0.05  # between the pieces of a stream
    per_s: int = 0  # attempts in any second, before it asks for pace; 0 is any number
    retry_after_s: float = 2.0  # and for how long
    dead: tuple[tuple[float, float], ...] = ()  # from, until: nobody is there


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt, as its provider saw it arrive."""

    at: float
    provider: str
    call_id: str
    hedged: bool
    state: BreakerState  # of its breaker, then
    end: str = ""  # how it ended there


class Sky:
    """What all providers share: the time, the seed, and the list of what they saw."""

    def __init__(self, seed: str, clock: Clock, breaker: Breaker) -> None:
        self.seed = seed
        self.clock = clock
        self.breaker = breaker
        self.seen: list[Seen] = []
        self.open = 0  # attempts and streams that have not ended


class Outdoors:
    """A provider under this weather. Asserts of each attempt that there is time for it."""

    def __init__(self, name: str, weather: Weather, sky: Sky) -> None:
        self.name = name
        self.weather = weather
        self._sky = sky
        self._dice = Random(f"{sky.seed} {name}")
        self._lately: deque[float] = deque()

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        with self._attempt(call):
            await self._begin()
            return whole(script(WORDS, model=call.model).chunks, "soak")

    async def open(self, call: ChatCall) -> Outpour:
        """See Provider."""
        with self._attempt(call):
            await self._begin()
        return Outpour(self, call)

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider."""
        raise Unsupported("nobody embeds here")

    @contextmanager
    def _attempt(self, call: Call) -> Iterator[None]:
        sky, now = self._sky, self._sky.clock.monotonic()
        assert now < call.deadline, "sent after the deadline"
        state = sky.breaker.status(f"{self.name}/{call.model}").state
        end = "INTERNAL"
        sky.open += 1
        try:
            yield
            end = ""
        except Unserved as error:
            end = error.reason
            raise
        except asyncio.CancelledError:
            end = "CANCELLED"
            raise
        finally:
            sky.open -= 1
            sky.seen.append(Seen(now, self.name, call.call_id, call.hedged, state, end))

    async def _begin(self) -> None:
        """Wait for the first output, or raise."""
        weather, now = self.weather, self._sky.clock.monotonic()
        if any(start <= now < end for start, end in weather.dead):
            await asyncio.sleep(self._dice.expovariate(20))
            raise Unreachable(f"nobody is at {self.name}")
        self._pace(now)
        failing, mute = self._dice.random() < weather.fails, self._dice.random() < weather.mute
        wait_s = self._dice.expovariate(1 / weather.wait_s)
        failure = self._dice.choice(_FAILURES)
        await asyncio.sleep(1e6 if mute else wait_s)
        if failing:
            raise failure()

    def _pace(self, now: float) -> None:
        lately, limit = self._lately, self.weather.per_s
        while lately and lately[0] <= now - 1:
            lately.popleft()
        if limit and len(lately) >= limit:
            raise ProviderLimited(
                "slow down", http_status=429, retry_after_s=self.weather.retry_after_s
            )
        lately.append(now)

    def pause_s(self) -> float:
        """Until the next piece of a stream."""
        return self._dice.expovariate(1 / self.weather.pause_s)

    def length(self, chunks: int) -> int:
        """After how many of so many chunks a stream breaks off, if it does."""
        broken = self._dice.random() < self.weather.breaks
        return 1 + self._dice.randrange(chunks - 2) if broken else chunks

    def opened(self, *, ended: bool) -> None:
        """A stream was opened, or has ended."""
        self._sky.open += -1 if ended else 1


class Outpour:
    """A stream that may break off."""

    request_id = "soak"

    def __init__(self, owner: Outdoors, call: ChatCall) -> None:
        chunks = script(WORDS, model=call.model).chunks
        self._chunks = iter(chunks[: owner.length(len(chunks))])
        self._owner = owner
        self._closed = self._shown = self._finished = False
        owner.opened(ended=False)

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        if self._closed or self._finished:
            raise StopAsyncIteration
        if self._shown:
            await asyncio.sleep(self._owner.pause_s())
        self._shown = True
        chunk = next(self._chunks, None)
        if chunk is None:
            raise BadResponse("the stream ended without its terminal marker")
        self._finished = isinstance(chunk, Finished)
        return chunk

    async def aclose(self) -> None:
        """See Stream."""
        if not self._closed:
            self._closed = True
            self._owner.opened(ended=True)


_FAILURES = (
    lambda: ProviderFailed("down", http_status=500),
    lambda: Overloaded("busy", http_status=503),
    lambda: Overloaded("busy", http_status=529),
    lambda: Unreachable("hung up"),
    lambda: BadResponse("what?"),
)
