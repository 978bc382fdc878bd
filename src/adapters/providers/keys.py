"""Many keys of one provider: each call goes by one that does not rest."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar

from hexgate.adapters.providers.rests import EVERYTHING
from hexgate.adapters.providers.turns import Closer, Key, Keyed, Turns
from hexgate.domain.answer import Completion
from hexgate.domain.call import Call, ChatCall, EmbedCall, Timeouts
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import CredentialRejected, InvalidRequest, Unserved
from hexgate.domain.keys import KeyOrder, KeyState, KeyStatus, unfit
from hexgate.ports.clock import Clock
from hexgate.ports.provider import Stream

Make: TypeAlias = Callable[[str], tuple[Keyed, Closer]]
"""From a key to the provider that uses it, and what closes its connections."""
Rested: TypeAlias = Callable[[KeyStatus], None]

C = TypeVar("C", bound=Call)
T = TypeVar("T", Completion, Stream, Embedded)


async def open_ring(
    provider: str,
    keys: Sequence[str],
    make: Make,
    clock: Clock,
    *,
    order: KeyOrder = KeyOrder.ROUND_ROBIN,
    longest_s: float = 600.0,
    rested: Rested = lambda _status: None,
) -> Ring:
    """A ring of these keys; whoever opens it closes it. Raises InvalidRequest and what `make` does.

    No call takes longer than `longest_s`. `rested` is told when a key begins to rest.
    """
    turns = Turns(provider, order)
    ring = Ring(provider, make, clock, turns, longest_s=longest_s, rested=rested)
    await ring.replace(keys)
    return ring


class Ring:
    """A Provider, a Probe and a Keyring: one provider for each key, and which of them is next.

    An only key is never passed over, whatever its state. Of several, one that was limited is left
    alone until its rest is over, so where all are limited nothing is sent. One that was rejected is
    asked where nothing else is left, or a key that was mended would never come back. One that used
    up its limit, as an answer said, is passed over while others do not rest.

    `other_key` of a failure says that it is about the key, and that another one is ready.
    """

    def __init__(
        self,
        provider: str,
        make: Make,
        clock: Clock,
        turns: Turns,
        *,
        longest_s: float,
        rested: Rested,
    ) -> None:
        self._provider = provider
        self._make = make
        self._clock = clock
        self._turns = turns
        self._longest_s = longest_s
        self._rested = rested
        self._keys: tuple[Key, ...] = ()  # as given
        self._changing = asyncio.Lock()
        self._retired: dict[Key, asyncio.Task[None]] = {}

    def complete(self, call: ChatCall) -> Coroutine[Any, Any, Completion]:
        """See Provider."""
        return self._asked(_complete, call)

    def open(self, call: ChatCall) -> Coroutine[Any, Any, Stream]:
        """See Provider. The stream keeps its key to its end."""
        return self._asked(_open, call)

    def embed(self, call: EmbedCall) -> Coroutine[Any, Any, Embedded]:
        """See Provider."""
        return self._asked(_embed, call)

    def fits(self, call: ChatCall) -> None:
        """See Fitting. With any key it is the same."""
        self._keys[0].leaf.fits(call)

    async def check(self, timeouts: Timeouts) -> None:
        """See Probe. Returns when one of the keys is accepted; those that are not begin to rest."""
        while True:
            now = self._clock.monotonic()
            key = self._turns.ready(EVERYTHING, now) or self._turns.longest(EVERYTHING, now)
            try:
                await key.leaf.check(timeouts)
            except CredentialRejected as failure:
                self._failed(key, failure, EVERYTHING)
                if not failure.other_key:
                    raise
            else:
                return key.rests.accepted(EVERYTHING)

    def status(self) -> tuple[KeyStatus, ...]:
        """See Keyring."""
        return tuple(map(self._of, self._keys))

    async def replace(self, keys: Sequence[str]) -> tuple[KeyStatus, ...]:
        """See Keyring. What belongs to keys that go is closed when no call can need it any more."""
        if violations := tuple(unfit(keys)):
            said = "; ".join(f"{one.field} {one.description}" for one in violations[:3])
            raise InvalidRequest(f"not the keys of {self._provider}: {said}", violations)
        async with self._changing:
            known = {key.text: key for key in self._keys}
            made = await self._made([text for text in keys if text not in known])
            known |= {key.text: key for key in made}
            before, self._keys = self._keys, tuple(known[text] for text in keys)
            self._turns.admit(self._keys)
            for key in set(before) - set(self._keys):
                self._retired[key] = asyncio.create_task(self._end(key))
        return self.status()

    async def aclose(self) -> None:
        """Close the connections of all keys, present and past."""
        ending = tuple(self._retired.values())
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        await _close((*self._keys, *self._retired))

    async def _asked(self, ask: Callable[[Keyed, C], Awaitable[T]], call: C) -> T:
        keys, model = self._keys, call.model
        several = len(keys) > 1
        key = self._turns.next(model, self._clock.monotonic()) if several else keys[0]
        try:
            answer = await ask(key.leaf, call)
        except Unserved as failure:
            self._failed(key, failure, model)
            raise
        key.used = now = self._clock.monotonic()
        key.rests.accepted(model)
        if several and (limits := key.leaf.rate_limits(model)) and (wait_s := limits.wait_s):
            key.rests.told(wait_s, model, now)
        return answer

    def _failed(self, key: Key, failure: Unserved, model: str) -> None:
        begins = self._turns.judge(key, failure, model, self._clock.monotonic())
        if begins and key in self._keys:
            self._rested(self._of(key))

    def _of(self, key: Key) -> KeyStatus:
        now = self._clock.monotonic()
        epoch = self._clock.now() - now
        rest = key.rests.longest(now)
        retry_at = epoch + rest.until if rest is not None and len(self._keys) > 1 else None
        return KeyStatus(
            hash_prefix=key.prefix,
            state=KeyState.ACTIVE if rest is None else rest.state,
            retry_at=retry_at,
            used_at=None if key.used is None else epoch + key.used,
        )

    async def _made(self, texts: Sequence[str]) -> list[Key]:
        """A provider for each key; where one cannot be made, none is left open."""
        made: list[Key] = []
        try:
            for text in texts:
                made.append(Key(text, *self._make(text)))
                await asyncio.sleep(0)  # the client of an SDK takes a while to make; calls go on
        except BaseException:
            await _close(made)
            raise
        return made

    async def _end(self, key: Key) -> None:
        await self._clock.sleep(self._longest_s)
        try:
            await key.close()
        finally:
            del self._retired[key]


async def _close(keys: Iterable[Key]) -> None:
    """Close all, also where closing one fails."""
    async with AsyncExitStack() as stack:
        for key in keys:
            stack.push_async_callback(key.close)


def _complete(leaf: Keyed, call: ChatCall) -> Awaitable[Completion]:
    return leaf.complete(call)


def _open(leaf: Keyed, call: ChatCall) -> Awaitable[Stream]:
    return leaf.open(call)


def _embed(leaf: Keyed, call: EmbedCall) -> Awaitable[Embedded]:
    return leaf.embed(call)
