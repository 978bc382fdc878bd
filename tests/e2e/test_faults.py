"""Every fault that the simulator knows, through a real gateway, on every wire: a true outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio

from hexgate.adapters.simulator import Fault, Simulator
from hexgate.client import dial, explain
from hexgate.entrypoints.server import running
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import generation_pb2
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.wires import WIRES, said
from tests.entrypoints.grpc.conftest import streamed, whole

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

# The caller's own limits, for what would go on for ever.
ENDLESS = (
    Fault.HANG_BEFORE_HEADERS,
    Fault.HANG_AFTER_HEADERS,
    Fault.HANG_MID_STREAM,
    Fault.SLOW_DRIP,
)
BRIEF = generation_pb2.Timeouts(
    first_token=Duration(seconds=1),
    between_tokens=Duration(seconds=1),
    attempt=Duration(seconds=2),
)

OK = "OK"
CUT = "STREAM_INTERRUPTED"
BAD, FAILED, LATE = "PROVIDER_BAD_RESPONSE", "PROVIDER_ERROR", "PROVIDER_TIMEOUT"
BUSY, PACE, SPENT = "PROVIDER_OVERLOADED", "PROVIDER_RATE_LIMITED", "PROVIDER_QUOTA_EXHAUSTED"
KEY, GONE, LONG = "PROVIDER_AUTH_FAILED", "MODEL_NOT_FOUND", "CONTEXT_WINDOW_EXCEEDED"
FILTERED, INVALID = "CONTENT_FILTERED", "INVALID_REQUEST"

# What a unary call and a stream may end with. Where two are named, the wires differ, or it depends
# on whether the pieces before the fault arrived together with it. gRPC has one status for a server
# that is busy and for one that hangs up.
Outcome = tuple[set[str], set[str]]
OUTCOMES: dict[Fault, Outcome] = {
    Fault.HANG_BEFORE_HEADERS: ({LATE}, {LATE}),
    Fault.HANG_AFTER_HEADERS: ({LATE}, {LATE}),
    Fault.HANG_MID_STREAM: ({LATE}, {CUT}),
    Fault.RESET_BEFORE_HEADERS: ({FAILED, BUSY}, {FAILED, BUSY}),
    Fault.CLOSE_BEFORE_HEADERS: ({FAILED, BUSY}, {FAILED, BUSY}),
    Fault.RESET_MID_STREAM: ({FAILED, BUSY}, {CUT, FAILED, BUSY}),
    Fault.CLOSE_MID_STREAM: ({BAD}, {CUT}),
    Fault.CUT_MID_STREAM: ({FAILED, BUSY}, {CUT, BUSY}),
    Fault.NO_USAGE: ({OK}, {OK}),
    Fault.BAD_JSON: ({BAD}, {CUT, BAD}),
    Fault.ERROR_BEFORE_OUTPUT: ({FAILED, BUSY}, {FAILED, BUSY}),
    Fault.ERROR_AFTER_OUTPUT: ({FAILED, BUSY}, {CUT, FAILED, BUSY}),
    Fault.LIMITED_SECONDS: ({PACE}, {PACE}),
    Fault.LIMITED_DATE: ({PACE}, {PACE}),
    Fault.LIMITED_MS: ({PACE}, {PACE}),
    Fault.LIMITED_BODY: ({PACE}, {PACE}),
    Fault.LIMITED: ({PACE}, {PACE}),
    Fault.ERROR_500: ({FAILED}, {FAILED}),
    Fault.ERROR_502: ({FAILED, BUSY}, {FAILED, BUSY}),
    Fault.ERROR_503: ({BUSY}, {BUSY}),
    Fault.ERROR_504: ({LATE}, {LATE}),
    Fault.ERROR_529: ({BUSY}, {BUSY}),
    Fault.UNAUTHORIZED: ({KEY}, {KEY}),
    Fault.FORBIDDEN: ({KEY}, {KEY}),
    # Ollama has no word for the second, and what Google says before Claude is reached for neither:
    # to the gateway they are rate limits.
    Fault.QUOTA: ({SPENT, PACE}, {SPENT, PACE}),
    Fault.SPEND_LIMIT: ({SPENT, PACE}, {SPENT, PACE}),
    Fault.MODEL_GONE: ({GONE}, {GONE}),
    Fault.CONTEXT_TOO_LONG: ({LONG}, {LONG}),
    # Anthropic and Ollama have no word for it: to the gateway the request is at fault.
    Fault.FILTER_PROMPT: ({FILTERED, INVALID}, {FILTERED, INVALID}),
    Fault.FILTER_BEFORE_OUTPUT: ({OK}, {OK}),
    Fault.FILTER_AT_END: ({OK}, {OK}),
    Fault.EMPTY: ({OK}, {OK}),
    Fault.HTML: ({BAD}, {BAD}),
    Fault.HTML_502: ({FAILED, BUSY}, {FAILED, BUSY}),
    Fault.GIANT_HEADERS: ({BAD}, {BAD}),
    Fault.GIANT_BODY: ({BAD, LATE}, {CUT, BAD, LATE}),
    Fault.ENDLESS_LINE: ({BAD, LATE}, {BAD, LATE}),
    Fault.SLOW_DRIP: ({LATE}, {LATE, CUT}),
    # Gemini's answers end with their body, and this one breaks off.
    Fault.WRONG_LENGTH: ({FAILED, BUSY}, {OK, CUT}),
    Fault.BAD_GZIP: ({BAD}, {BAD}),
    Fault.BAD_CHUNKING: ({BAD}, {BAD, CUT}),
    Fault.SPLIT_BYTES: ({OK}, {OK}),
    Fault.DUPLICATE_EVENT: ({OK}, {OK, CUT, BAD}),
    Fault.DUPLICATE_END: ({OK}, {OK}),
    # What comes after a wire's own end is no part of the answer.
    Fault.OUT_OF_ORDER: ({OK}, {CUT, BAD, OK}),
}
# A piece of text that comes twice cannot be told from a model that repeats itself.


@pytest.fixture
async def stub() -> AsyncIterator[CompletionServiceAsyncStub]:
    """A gateway whose providers, one for each wire, are one simulator."""
    async with (
        Simulator(hang_s=60, drip_s=0.3, giant_bytes=64 << 20) as simulator,
        AsyncExitStack() as stack,
    ):
        providers = {
            str(wire): await stack.enter_async_context(said(wire, simulator)) for wire in WIRES
        }
        settings = Settings.model_validate(
            {
                "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"},
                "providers": providers,
                "retry": {"attempts": 1},
                "ledger": {"backend": "memory"},
            }
        )
        async with running(settings) as gateway, dial(gateway.address) as channel:
            yield CompletionServiceStub(channel)


async def unary(stub: CompletionServiceAsyncStub, model: str, fault: Fault) -> str:
    """The reason of the error, or OK."""
    request = whole("Tell me of harbours.", model)
    if fault in ENDLESS:
        request.options.timeouts.CopyFrom(BRIEF)
    try:
        await stub.Complete(request, timeout=50)
    except aio.AioRpcError as error:
        return explain(error).reason
    return OK


async def stream(stub: CompletionServiceAsyncStub, model: str, fault: Fault) -> str:
    """The reason of the error, or OK; OK without an end would be the lie that must not happen."""
    request = streamed("Tell me of harbours.", model)
    if fault in ENDLESS:
        request.options.timeouts.CopyFrom(BRIEF)
    last = pb.StreamCompleteResponse()
    try:
        async for event in stub.StreamComplete(request, timeout=50):
            last = event
    except aio.AioRpcError as error:
        assert not last.HasField("finished"), "an error after the end"
        problem = explain(error)
        if problem.reason == CUT:
            assert problem.failure is not None
            assert problem.failure.last_sequence == last.sequence
        return problem.reason
    assert last.HasField("finished"), "OK without the end of the answer"
    return OK


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
async def test_a_fault_ends_as_the_table_says(
    stub: CompletionServiceAsyncStub, fault: Fault
) -> None:
    models = [f"{wire}/{wire.prefix}fault-{fault.value}" for wire in WIRES]
    whole_ones = await asyncio.gather(*(unary(stub, model, fault) for model in models))
    streams = await asyncio.gather(*(stream(stub, model, fault) for model in models))
    expected_whole, expected_stream = OUTCOMES[fault]
    assert {m: r for m, r in zip(models, whole_ones, strict=True) if r not in expected_whole} == {}
    assert {m: r for m, r in zip(models, streams, strict=True) if r not in expected_stream} == {}
