"""One suite for the simulator over every wire and transport, bare and hardened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.cache.memory import in_memory
from hexgate.adapters.clock import SystemClock
from hexgate.adapters.limiter.memory import Limits, MemoryLimiter
from hexgate.adapters.simulator import Simulator
from hexgate.application.pipeline import harden, unite
from hexgate.application.policies.retry import RetryRules
from hexgate.application.vitals import Vitals
from hexgate.domain.call import CacheMode, ChatCall, EmbedCall, Hop
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.embed import Embedded
from hexgate.domain.spec import Spec, Tool, ToolChoice, ToolMode
from hexgate.ports.provider import Provider
from tests.contracts.provider import ProviderContract
from tests.e2e.wires import WIRES, Wire, wired
from tests.fakes import call

TOOLS = (
    Tool(
        "weather", "Tells the weather.", '{"type":"object","properties":{"city":{"type":"string"}}}'
    ),
    Tool("clock", "Tells the time.", '{"type":"object","properties":{"zone":{"type":"string"}}}'),
)


class Aimed:
    """A provider that is always asked for one model: the contract's calls name none.

    Where embedding models go by names of their own, `vectors` is one, and `fail` makes it go wrong.
    """

    def __init__(
        self, inner: Provider, model: str, vectors: str, fail: Callable[[str], None]
    ) -> None:
        self._inner = inner
        self._model = model
        self._vectors = vectors
        self._fail = fail

    def _to(self, asked: ChatCall) -> ChatCall:
        hop = Hop(provider="fake", model=self._model, max_output_tokens=asked.max_output_tokens)
        return replace(asked, model=self._model, hops=(hop,))

    async def complete(self, asked: ChatCall) -> Any:
        return await self._inner.complete(self._to(asked))

    async def open(self, asked: ChatCall) -> Any:
        return await self._inner.open(self._to(asked))

    async def embed(self, asked: EmbedCall) -> Embedded:
        model = self._vectors or self._model
        if self._vectors and self._model.startswith("fault-"):
            self._fail(self._model.removeprefix("fault-"))
        hop = Hop(provider="fake", model=model, max_output_tokens=0)
        return await self._inner.embed(replace(asked, model=model, hops=(hop,)))


@pytest.mark.parametrize("wire", WIRES, ids=str)
class SimulatedContract(ProviderContract):
    """The suite over the simulator; subclasses say what is asked and what stands around."""

    model: ClassVar[str] = "sim-story"

    @pytest.fixture(autouse=True)
    async def _open(self, wire: Wire) -> AsyncIterator[None]:
        async with Simulator(hang_s=30) as simulator, wired(wire, simulator) as provider:
            self.simulator = simulator
            self.provider = provider
            self.embeds = wire.kind != "anthropic"
            self.vectors = "amazon.titan-embed-text-v2:0" if wire.kind == "bedrock" else ""
            yield

    def around(self, provider: Provider) -> Provider:
        """What is tested; the bare provider by default."""
        return provider

    def aimed(self, model: str) -> Provider:
        provider = self.around(self.provider)
        return Aimed(provider, model, self.vectors, lambda name: self.simulator.script([name]))

    def make(self) -> Provider:
        return self.aimed(self.model)

    def failing(self) -> Provider:
        return self.aimed("fault-error-500")

    def truncated(self) -> Provider:
        return self.aimed("fault-close-mid-stream")

    def stalled(self) -> Provider:
        return self.aimed("fault-hang-before-headers")

    async def until_stalled(self) -> None:
        await self.simulator.next_request()

    async def released(self) -> None:
        """A connection that was given up was seen to close."""

    def call(self) -> ChatCall:
        return call("Tell me of harbours.", max_output_tokens=200)


class TestText(SimulatedContract):
    pass


class TestTools(SimulatedContract):
    model = "sim-tools"

    def call(self) -> ChatCall:
        asked = super().call()
        choice = ToolChoice(mode=ToolMode.AUTO)
        return replace(asked, spec=replace(asked.spec, tools=TOOLS, tool_choice=choice))


class TestReasoning(SimulatedContract):
    model = "sim-think"


class TestHardened(SimulatedContract):
    def around(self, provider: Provider) -> Provider:
        clock = SystemClock()
        hardened = harden(
            provider,
            name="fake",
            limiter=MemoryLimiter({"fake": Limits(concurrency=1)}, clock),
            breaker=Breakers(clock),
            rules=RetryRules(attempts=1),
            vitals=Vitals(clock),
            clock=clock,
        )
        return unite({"fake": hardened}, in_memory(clock), CacheMode.BYPASS, 60, clock)


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_cancelled_call_closes_the_providers_connection(wire: Wire, streamed: bool) -> None:
    async with Simulator(hang_s=30) as simulator, wired(wire, simulator) as provider:
        asked = call(model="fault-hang-before-headers")
        going = provider.open(asked) if streamed else provider.complete(asked)
        task: asyncio.Task[object] = asyncio.ensure_future(going)
        await simulator.next_request()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.wait_for(simulator.next_disconnect(), 5)


@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_stream_that_is_left_closes_the_providers_connection(wire: Wire) -> None:
    async with Simulator(hang_s=30) as simulator, wired(wire, simulator) as provider:
        stream = await provider.open(call(model="fault-hang-mid-stream"))
        await anext(stream)
        await stream.aclose()
        assert await asyncio.wait_for(simulator.next_disconnect(), 5)


async def test_the_same_seed_gives_the_same_text_on_every_wire_and_transport() -> None:
    texts = set()
    spec = Spec(model="m", messages=(Message(Role.USER, (Text("Tell me of harbours."),)),))
    async with Simulator(seed=7) as simulator:
        for wire in WIRES:
            async with wired(wire, simulator) as provider:
                asked = call(spec=spec, model="sim-story", max_output_tokens=500)
                answer = await provider.complete(asked)
                texts.add("".join(part.text for part in answer.parts if isinstance(part, Text)))
    assert len(texts) == 1
