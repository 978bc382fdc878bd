"""A vendor that knows its keys, and one provider of it for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from hexgate.adapters.providers.keys import Ring, open_ring
from hexgate.adapters.providers.ratelimits import Limit, RateLimits
from hexgate.adapters.providers.turns import Closer
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall, Timeouts
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import CredentialRejected, GatewayError, ProviderLimited, Unserved
from hexgate.domain.keys import KeyOrder, KeyState, KeyStatus
from hexgate.ports.provider import Stream
from tests.fakes import FakeClock, FakeProvider, call


class Vendor:
    """Answers any key until told otherwise, by key or by key and model; a failure is made anew."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.asked: list[str] = []  # the keys, in order
        self.closed: list[str] = []
        self.gone = asyncio.Event()  # something was closed
        self.told: list[KeyStatus] = []  # which keys began to rest
        self.limits: dict[str, RateLimits] = {}
        self.played: FakeProvider | None = None  # answers any key that is good, if it is there
        self.gate = asyncio.Event()
        self.gate.set()
        self.entered = asyncio.Event()
        self._failures: dict[tuple[str, str], Callable[[], Unserved]] = {}

    async def ring(
        self, *keys: str, order: KeyOrder = KeyOrder.ROUND_ROBIN, longest_s: float = 600
    ) -> Ring:
        """A ring of these keys."""
        return await open_ring(
            "fake",
            keys,
            self.make,
            self.clock,
            order=order,
            longest_s=longest_s,
            rested=self.told.append,
        )

    def make(self, key: str) -> tuple[Leaf, Closer]:
        """See Make."""

        async def close() -> None:
            self.closed.append(key)
            self.gone.set()

        return Leaf(self, key), close

    def fail(
        self,
        key: str,
        kind: type[Unserved] | None,
        model: str = "",
        *,
        status: int = 0,
        wait_s: float | None = None,
    ) -> None:
        """From now on this key fails so; None mends it."""
        if kind is None:
            self._failures.pop((key, model), None)
        else:
            self._failures[key, model] = partial(
                kind, "no", http_status=status, retry_after_s=wait_s
            )

    def reject(self, *keys: str) -> None:
        """From now on these keys are wrong."""
        for key in keys:
            self.fail(key, CredentialRejected, status=401)

    def limit(self, *keys: str, wait_s: float | None = None) -> None:
        """From now on these keys are limited."""
        for key in keys:
            self.fail(key, ProviderLimited, status=429, wait_s=wait_s)

    def use_up(self, key: str, reset_s: float | None) -> None:
        """Say with every answer to this key that its limit is used up."""
        whole = Limit(limit=10, remaining=9, reset_s=1)
        spent = Limit(limit=10, remaining=0, reset_s=reset_s)
        self.limits[key] = RateLimits(requests=spent, tokens=whole)

    def hold(self) -> asyncio.Event:
        """Requests from now on wait for this; those before have theirs."""
        self.gate = asyncio.Event()
        return self.gate

    async def until(self, count: int) -> None:
        """Return once so many requests have come."""
        while len(self.asked) < count:
            self.entered.clear()
            await self.entered.wait()

    async def served(self, key: str, model: str) -> None:
        """One request. Raises what this key has for it."""
        self.asked.append(key)
        self.entered.set()
        await self.gate.wait()
        found = self._failures.get((key, model)) or self._failures.get((key, ""))
        if found is not None:
            raise found()


class Leaf:
    """See Keyed."""

    def __init__(self, vendor: Vendor, key: str) -> None:
        self._vendor = vendor
        self._key = key
        self._own = FakeProvider(f"by {key}")

    @property
    def _inner(self) -> FakeProvider:
        return self._vendor.played or self._own

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        await self._vendor.served(self._key, call.model)
        return await self._inner.complete(call)

    async def open(self, call: ChatCall) -> Stream:
        """See Provider."""
        await self._vendor.served(self._key, call.model)
        return await self._inner.open(call)

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider."""
        await self._vendor.served(self._key, call.model)
        return await self._inner.embed(call)

    def fits(self, call: ChatCall) -> None:
        """See Fitting."""

    async def check(self, timeouts: Timeouts) -> None:
        """See Probe."""
        await self._vendor.served(self._key, "")

    def rate_limits(self, model: str) -> RateLimits | None:
        """See Keyed."""
        return self._vendor.limits.get(self._key)


async def ask(ring: Ring, times: int = 1, model: str = "m") -> list[str]:
    """How calls end, in order: by the key that answered, or by the reason of the error."""
    found = []
    for _ in range(times):
        try:
            answer = await ring.complete(call(model=model))
        except GatewayError as error:
            found.append(error.reason)
        else:
            found.append("".join(getattr(part, "text", "") for part in answer.parts)[3:])
    return found


async def failed(ring: Ring, model: str = "m") -> Unserved:
    """The error of a call that fails."""
    with pytest.raises(Unserved) as caught:
        await ring.complete(call(model=model))
    return caught.value


def states(ring: Ring) -> list[KeyState]:
    """How the keys stand, in the order in which they were given."""
    return [status.state for status in ring.status()]
