"""Many keys of one provider, through a real gateway and over every wire that takes a key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from grpc import aio

from hexgate.adapters.simulator import Fault, Simulator
from hexgate.adapters.simulator.wire import key_of
from hexgate.client import dial, explain
from hexgate.domain.keys import hash_prefix
from hexgate.entrypoints.server import running
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import admin_service_pb2 as admin
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2, embedding_service_pb2
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from tests.e2e.wires import WIRES, Wire, said
from tests.entrypoints.grpc.conftest import streamed, whole

if TYPE_CHECKING:
    from hexgate.v1.admin_service_pb2 import ProviderKey
    from hexgate.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub
    from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceAsyncStub

A, B, NEW = "sk-first-one", "sk-second-one", "sk-new-one"
KEYED = [wire for wire in WIRES if wire.kind not in ("vertex", "bedrock")]
REFUSALS = {
    Fault.UNAUTHORIZED: admin.KEY_STATE_REJECTED,
    Fault.LIMITED: admin.KEY_STATE_LIMITED,
    Fault.LIMITED_SECONDS: admin.KEY_STATE_LIMITED,
    Fault.QUOTA: admin.KEY_STATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class Pool:
    """A gateway whose only provider has keys, and the simulator behind it."""

    simulator: Simulator
    calls: CompletionServiceAsyncStub
    vectors: EmbeddingServiceAsyncStub
    admin: AdminServiceAsyncStub

    def used(self) -> list[str]:
        """The keys of the requests so far."""
        return [key_of(request.headers) for request in self.simulator.requests]

    async def status(self) -> list[tuple[str, int]]:
        """The keys as operators see them."""
        found = await self.admin.ListProviderKeys(admin.ListProviderKeysRequest(), timeout=10)
        return [(key.hash_prefix, key.state) for key in found.keys]

    async def replace(self, *keys: str) -> Sequence[ProviderKey]:
        """Give the provider these keys."""
        request = admin.ReplaceProviderKeysRequest(provider="pool", keys=keys)
        return (await self.admin.ReplaceProviderKeys(request, timeout=10)).keys


@asynccontextmanager
async def pooled(wire: Wire, *keys: str, pace_s: float = 0.0, **more: Any) -> AsyncIterator[Pool]:
    """A gateway whose provider `pool` speaks this wire with these keys."""
    async with Simulator(pace_s=pace_s) as simulator, said(wire, simulator) as fields:
        del fields["api_key"]
        settings = Settings.model_validate(
            {
                "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"},
                "providers": {"pool": {**fields, "api_keys": keys, **more}},
                "retry": {"attempts": 1},
                "ledger": {"backend": "memory"},
            }
        )
        async with (
            running(settings) as gateway,
            dial(gateway.address) as public,
            dial(gateway.admin_address) as private,
        ):
            yield Pool(
                simulator,
                CompletionServiceStub(public),
                EmbeddingServiceStub(public),
                AdminServiceStub(private),
            )


ASKED = whole("Tell me of harbours.", "pool/sim-story")
STREAMED = streamed("Tell me of harbours.", "pool/sim-story")


async def streamed_whole(pool: Pool) -> pb.StreamCompleteResponse:
    """The last event of a stream."""
    last = pb.StreamCompleteResponse()
    async for event in pool.calls.StreamComplete(STREAMED, timeout=20):
        last = event
    return last


@pytest.mark.parametrize("fault", REFUSALS, ids=lambda fault: fault.value)
@pytest.mark.parametrize("wire", KEYED, ids=str)
async def test_no_call_fails_while_one_key_is_good(
    wire: Wire, fault: Fault, capfd: pytest.CaptureFixture[str]
) -> None:
    async with pooled(wire, A, B) as pool:
        pool.simulator.script_key(A, fault)
        answer = await pool.calls.Complete(ASKED, timeout=20)
        others = [await pool.calls.Complete(ASKED, timeout=20) for _ in range(3)]
        assert (await streamed_whole(pool)).HasField("finished")
        assert pool.used() == [A, B, B, B, B, B]
        status = await pool.status()
    assert status == [
        (hash_prefix(A), REFUSALS[fault]),
        (hash_prefix(B), admin.KEY_STATE_ACTIVE),
    ]
    assert [attempt.failure == 0 for attempt in answer.route.attempts] == [False, True]
    assert all(len(other.route.attempts) == 1 for other in others)
    assert "sk-" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("wire", KEYED, ids=str)
async def test_a_stream_and_a_check_go_on_by_another_key_too(wire: Wire) -> None:
    async with pooled(wire, A, B) as pool:
        pool.simulator.script_key(A, Fault.UNAUTHORIZED)
        assert (await streamed_whole(pool)).HasField("finished")
        assert pool.used() == [A, B]
        await pool.replace(B, NEW)
        pool.simulator.script_key(NEW, Fault.UNAUTHORIZED)
        checked = await pool.admin.CheckProvider(
            admin.CheckProviderRequest(provider="pool"), timeout=10
        )
        assert checked.ok
        assert pool.used()[2:] == [NEW, B]


@pytest.mark.parametrize("wire", [w for w in KEYED if w.kind not in ("anthropic",)], ids=str)
async def test_vectors_go_on_by_another_key_too(wire: Wire) -> None:
    async with pooled(wire, A, B) as pool:
        pool.simulator.script_key(A, Fault.UNAUTHORIZED)
        text = content_pb2.ContentPart(text=content_pb2.TextPart(text="one"))
        one = embedding_service_pb2.EmbedInput(parts=[text])
        request = embedding_service_pb2.EmbedRequest(model="pool/sim-story", inputs=[one])
        answer = await pool.vectors.Embed(request, timeout=20)
        assert len(answer.route.attempts) == 2
        assert pool.used() == [A, B]


@pytest.mark.parametrize("wire", KEYED, ids=str)
async def test_keys_are_replaced_while_a_stream_runs_on(wire: Wire) -> None:
    async with pooled(wire, A, pace_s=0.01) as pool:
        call = pool.calls.StreamComplete(STREAMED, timeout=20)
        events = aiter(call)
        await anext(events)
        found = await pool.replace(NEW)
        pool.simulator.script_key(A, Fault.UNAUTHORIZED)
        answer = await pool.calls.Complete(ASKED, timeout=20)
        rest = [event async for event in events]
        assert pool.used() == [A, NEW]
    assert rest[-1].HasField("finished")
    assert len(answer.route.attempts) == 1
    assert [key.hash_prefix for key in found] == [hash_prefix(NEW)]


@pytest.mark.parametrize("wire", KEYED, ids=str)
async def test_when_all_keys_are_limited_the_provider_is_left_alone(wire: Wire) -> None:
    async with pooled(wire, A, B) as pool:
        for key in (A, B):
            pool.simulator.script_key(key, Fault.LIMITED)
        for _ in range(3):
            with pytest.raises(aio.AioRpcError) as caught:
                await pool.calls.Complete(ASKED, timeout=20)
            problem = explain(caught.value)
            assert problem.reason == "PROVIDER_RATE_LIMITED"
            assert "sk-" not in f"{problem} {caught.value.trailing_metadata()}"
        assert pool.used() == [A, B]
        assert problem.retry_after_s is not None
