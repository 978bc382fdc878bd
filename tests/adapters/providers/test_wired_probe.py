"""The wired provider beside completions: asked whether it would answer, and for vectors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat, OpenAIEmbeddings
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import WireRequest, WireResponse, WireStream
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import (
    BadResponse,
    CredentialRejected,
    ProviderLimited,
    Unsupported,
)
from hexgate.domain.usage import Usage
from hexgate.ports.probe import Probe
from tests.adapters.providers.transports.servers import Do, RawServer, Step, whole
from tests.adapters.providers.wiring import ScriptedWire, wired
from tests.contracts.probe import LIMITS, PROMPTLY_S, ProbeContract
from tests.fakes import FakeClock, embed_call

REFUSED = json.dumps({"error": {"message": "no", "code": "invalid_api_key"}}).encode()


class TestWiredProbe(ProbeContract):
    """Over real sockets."""

    @pytest.fixture(autouse=True)
    async def serve(self) -> AsyncIterator[None]:
        """One server for each kind of provider."""
        async with contextlib.AsyncExitStack() as stack:
            self.session = await stack.enter_async_context(open_session())
            self.good = await self._served(stack, whole(b'{"object": "list", "data": []}'))
            self.bad = await self._served(stack, whole(REFUSED, "401 Unauthorized"))
            self.dead = await self._served(stack, Do.HANG)
            yield

    async def _served(self, stack: contextlib.AsyncExitStack, *steps: Step) -> WiredProvider:
        self.server = await stack.enter_async_context(RawServer(*steps))
        transport = HttpTransport(self.session, self.server.url, {}, provider="p")
        return WiredProvider(OpenAIChat("p"), transport, monotonic=FakeClock().monotonic)

    def accepting(self) -> Probe:
        return self.good

    def rejecting(self) -> Probe:
        return self.bad

    def hanging(self) -> Probe:
        return self.dead

    async def until_asked(self) -> None:
        await self.server.asked.wait()

    async def test_a_rejected_key_is_told_from_other_trouble(self) -> None:
        with pytest.raises(CredentialRejected):
            await self.bad.check(LIMITS)

    async def test_cancelling_ends_it_at_once(self) -> None:
        await super().test_cancelling_ends_it_at_once()
        await asyncio.wait_for(self.server.gone.wait(), PROMPTLY_S)


def embedding(*vectors: list[float]) -> WiredProvider:
    """A provider that answers every request for embeddings with these vectors."""
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    body = json.dumps({"data": data, "model": "m", "usage": {"prompt_tokens": 2}}).encode()
    return WiredProvider(
        OpenAIChat("p"),
        ScriptedWire([body]),
        monotonic=FakeClock().monotonic,
        provider="p",
        embeddings=OpenAIEmbeddings("p"),
    )


async def test_there_is_one_vector_for_each_input_or_none_at_all() -> None:
    embedded = await embedding([1.0], [2.0]).embed(embed_call("a", "b"))
    assert [list(vector) for vector in embedded.vectors] == [[1.0], [2.0]]
    for vectors in ([[1.0]], [[1.0], [2.0], [3.0]], []):
        with pytest.raises(BadResponse, match=f"2 inputs with {len(vectors)} vectors") as caught:
            await embedding(*vectors).embed(embed_call("a", "b"))
        assert caught.value.billed == Usage(uncached_input=2)


class Halves:
    """A transport of a provider that answers the first of several requests, and no other."""

    def __init__(self, first: bytes) -> None:
        self._first = first

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport."""
        if "first" in str(request.payload):
            return WireResponse(200, {}, self._first)
        return WireResponse(429, {}, b"{}")

    async def open(self, request: WireRequest, timeouts: Timeouts) -> WireStream:
        """See Transport."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "billed"),
    [
        (
            b'{"data": [{"index": 0, "embedding": [1]}], "usage": {"prompt_tokens": 7}}',
            Usage(uncached_input=7),
        ),
        (b'{"data": [{"index": 0, "embedding": [1]}]}', None),
        (b"nothing of sense", None),
    ],
)
async def test_what_some_requests_of_a_refused_call_were_billed_for_is_told(
    answer: bytes, billed: Usage | None
) -> None:
    provider = WiredProvider(
        OpenAIChat("p"),
        Halves(answer),
        monotonic=FakeClock().monotonic,
        provider="p",
        embeddings=OpenAIEmbeddings("p"),
    )
    texts = ("first" + "x" * 400_000, "y" * 400_000)  # too much for one request
    with pytest.raises(ProviderLimited) as caught:
        await provider.embed(embed_call(*texts))
    assert caught.value.billed == billed


async def test_a_provider_without_embeddings_says_so() -> None:
    with pytest.raises(Unsupported, match="has no embeddings"):
        await wired(ScriptedWire()).embed(embed_call("a"))


async def test_an_odd_answer_to_a_check_is_no_acceptance() -> None:
    odd = WiredProvider(
        OpenAIChat("p"), ScriptedWire(status=302), monotonic=FakeClock().monotonic, provider="p"
    )
    with pytest.raises(BadResponse, match="check its base_url"):
        await odd.check(Timeouts())
