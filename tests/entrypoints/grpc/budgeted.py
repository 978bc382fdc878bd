"""A gateway with budgets and somebody who hears of them, and ways to spend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from google.rpc import error_details_pb2, status_pb2
from grpc import aio

from hexgate.client import dial
from hexgate.domain.answer import Finish, Finished, PartFinished, TextDelta
from hexgate.domain.chat import Text
from hexgate.domain.usage import Usage
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.server import serving
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.stores import open_herald, open_ledger
from hexgate.ports.store import Store
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import generation_pb2
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.entrypoints.grpc.conftest import Served, spec
from tests.fakes import FakeProvider, Script

if TYPE_CHECKING:
    from google.protobuf.message import Message

# The longest input that a model takes and the longest answer that it gives, in tokens.
READS, WRITES = 100, 50
# A dollar per million tokens in, two out: 1,000 and 2,000 nano-USD a token.
DEAR, CHEAP = 200_000, 20_000
"""What a call with a long text costs at the most, at each model, in nano-USD."""

LIMITS = {"context_tokens": READS, "max_output_tokens": WRITES}
CARDS: dict[str, Any] = {
    "fake/m": {**LIMITS, "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 2}},
    "fake/cheap": {**LIMITS, "price": {"input_usd_per_mtok": 0.1, "output_usd_per_mtok": 0.2}},
}
LONG = "x" * 1000


def spending(tokens_in: int = READS, tokens_out: int = WRITES) -> FakeProvider:
    """A provider whose answers use so many tokens; no less than that is all a call may."""
    usage = Usage(uncached_input=tokens_in, output=tokens_out)
    end = Finished(finish=Finish.STOP, usage=usage, model="m")
    return FakeProvider(Script((TextDelta(0, "Hi"), PartFinished(0, Text("Hi")), end)))


def usd(nanos: int) -> str:
    """As a setting."""
    return f"{nanos / 10**9:.9f}"


def budget(limit_nanos: int, window: str = "total", **more: Any) -> dict[str, Any]:
    """The settings of a budget."""
    return {"limit_usd": usd(limit_nanos), "window": window, **more}


@asynccontextmanager
async def budgeted(
    leaf: FakeProvider,
    budgets: dict[str, Any],
    *,
    store: Store | None = None,
    file: Path | None = None,
    hook: dict[str, Any] | None = None,
    **models: Any,
) -> AsyncIterator[Served]:
    """Serve `fake` under these budgets: over a store, a file, or memory; `hook` is a webhook."""
    settings = Settings.model_validate(
        {
            "server": {
                "listen": "127.0.0.1:0",
                "admin_listen": "127.0.0.1:0",
                "metrics_listen": "127.0.0.1:0",
                "drain_s": 0.2,
            },
            "providers": {"fake": {"kind": "vllm"}},
            "models": {"cards": CARDS, **models},
            "retry": {"attempts": 1},
            "ledger": {"backend": "sqlite", "path": str(file)} if file else {"backend": "memory"},
            "budgets": budgets,
            "alerts": {"webhook": hook} if hook else {},
        }
    )
    async with AsyncExitStack() as stack:
        ledger = store or await open_ledger(settings, stack)
        herald = await open_herald(settings, stack)
        running = serving(settings, Leaves({"fake": leaf}), ledger, herald=herald)
        gateway = await stack.enter_async_context(running)
        channel = await stack.enter_async_context(dial(gateway.address))
        yield Served(gateway, channel, CompletionServiceStub(channel), ledger)


def asking(model: str = "fake/m", **who: Any) -> pb.CompleteRequest:
    """A long text for a model, for whom it says."""
    attribution = generation_pb2.Attribution(**who)
    options = generation_pb2.CallOptions(attribution=attribution)
    return pb.CompleteRequest(spec=spec(LONG, model), options=options)


def details(error: aio.AioRpcError) -> dict[str, Message]:
    """The details of an error, by the names of their types."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    known = (
        error_details_pb2.ErrorInfo,
        error_details_pb2.QuotaFailure,
        error_details_pb2.RetryInfo,
        error_details_pb2.PreconditionFailure,
        pb.CompletionFailure,
    )
    found: dict[str, Message] = {}
    for packed in status.details:
        (kind,) = (one for one in known if packed.Is(one.DESCRIPTOR))
        unpacked = kind()
        packed.Unpack(unpacked)
        found[kind.DESCRIPTOR.name] = unpacked
    return found


async def metrics(served: Served) -> str:
    """What Prometheus reads."""
    url = f"http://{served.gateway.metrics_address}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        return await answer.text()
