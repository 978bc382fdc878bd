"""Make one call of each kind; exits 0 only when every step did what it should.

    python example.py 127.0.0.1:50051

The address may also come from HEXGATE_ADDRESS, a token from HEXGATE_TOKEN.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from hexgate.client import Problem, dial, explain
from hexgate.v1.completion_service_pb2 import (
    FINISH_REASON_TOOL_CALLS,
    CompleteRequest,
    StreamCompleteRequest,
)
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from hexgate.v1.content_pb2 import (
    ROLE_TOOL,
    ROLE_USER,
    ContentPart,
    Message,
    TextPart,
    ToolResult,
)
from hexgate.v1.embedding_service_pb2 import EMBED_PURPOSE_DOCUMENT, EmbedInput, EmbedRequest
from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceStub
from hexgate.v1.generation_pb2 import (
    Attribution,
    CallOptions,
    CompletionSpec,
    RoutingPolicy,
    ToolDefinition,
)
from hexgate.v1.usage_service_pb2 import SummarizeUsageRequest, UsageFilter
from hexgate.v1.usage_service_pb2_grpc import UsageServiceStub

if TYPE_CHECKING:  # the name of an async stub exists for type checkers alone
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub
    from hexgate.v1.embedding_service_pb2_grpc import EmbeddingServiceAsyncStub

WEATHER = ToolDefinition(
    name="get_weather",
    description="Tells the weather of a city.",
    parameters_schema_json=(
        '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}'
    ),
)


def ask(model: str, question: str, *tools: ToolDefinition) -> CompletionSpec:
    """One question to one model."""
    message = Message(role=ROLE_USER, parts=[part(question)])
    return CompletionSpec(model=model, messages=[message], tools=tools)


def part(text: str) -> ContentPart:
    """A piece of plain text."""
    return ContentPart(text=TextPart(text=text))


def text(message: Message) -> str:
    """Every piece of text of a message, joined."""
    return "".join(p.text.text for p in message.parts)


async def unary(client: CompletionServiceAsyncStub) -> None:
    """The answer in one message."""
    answer = await client.Complete(CompleteRequest(spec=ask("sim/sim-echo", "Hello, gateway!")))
    assert text(answer.message), "unary: the answer has no text"
    print(f'unary: "{text(answer.message)}", {answer.usage.output_tokens} output tokens')


async def stream(client: CompletionServiceAsyncStub) -> None:
    """The answer as events."""
    request = StreamCompleteRequest(spec=ask("sim/sim-story", "Tell me a story."))
    pieces, finished = 0, False
    async for event in client.StreamComplete(request):
        match event.WhichOneof("event"):
            case "text":
                pieces += 1
            case "finished":
                finished = True
    assert pieces, "stream: no text"
    assert finished, "stream: it ended without its finished event"
    print(f"stream: {pieces} pieces of text")


async def tools(client: CompletionServiceAsyncStub) -> None:
    """The model calls a tool, reads its result and answers."""
    spec = ask("sim/sim-tools", "What is the weather in Paris?", WEATHER)
    asked = await client.Complete(CompleteRequest(spec=spec))
    assert asked.finish_reason == FINISH_REASON_TOOL_CALLS, "tools: the model called none"
    results = []
    for call in (p.tool_call for p in asked.message.parts if p.HasField("tool_call")):
        print(f"tools: the model calls {call.name}({call.arguments_json})")
        result = ToolResult(call_id=call.call_id, parts=[part("18 degrees and sunny")])
        results.append(ContentPart(tool_result=result))
    assert results, "tools: the message holds no call"
    # The assistant's message goes back unchanged: providers check ids and reasoning signatures.
    spec.messages.extend([asked.message, Message(role=ROLE_TOOL, parts=results)])
    answer = await client.Complete(CompleteRequest(spec=spec))
    assert text(answer.message), "tools: the answer has no text"
    print(f'tools: "{text(answer.message)}"')


async def embed(client: EmbeddingServiceAsyncStub) -> None:
    """A vector for each text."""
    inputs = [EmbedInput(parts=[part(said)]) for said in ("a quiet harbour", "a busy gate")]
    answer = await client.Embed(
        EmbedRequest(model="sim/sim-echo", inputs=inputs, purpose=EMBED_PURPOSE_DOCUMENT)
    )
    lengths = [len(vector.values) for vector in answer.embeddings]
    assert len(lengths) == len(inputs), f"embed: {len(lengths)} vectors for {len(inputs)} inputs"
    assert lengths[0], "embed: the vectors are empty"
    print(f"embed: {len(lengths)} vectors of {lengths[0]} numbers")


async def usage(channel: grpc.aio.Channel) -> None:
    """What a session cost."""
    session = "example-python"
    options = CallOptions(attribution=Attribution(session_id=session))
    asked = CompleteRequest(spec=ask("sim/sim-echo", "Hello, ledger!"), options=options)
    await CompletionServiceStub(channel).Complete(asked)
    request = SummarizeUsageRequest(filter=UsageFilter(session_id=session))
    (total,) = (await UsageServiceStub(channel).SummarizeUsage(request)).summaries
    assert total.call_count, "usage: the session has no call"
    assert total.cost.total_nanos, "usage: the session cost nothing"
    print(f"usage: the session cost {total.cost.total_nanos} billionths of a dollar")


async def errors(client: CompletionServiceAsyncStub) -> None:
    """What failed, in a word that code can act on, and when to come back."""
    unknown = await problem(client, CompleteRequest(spec=ask("sim/no-such-model", "Hello")))
    assert unknown.code is grpc.StatusCode.NOT_FOUND, f"errors: expected NOT_FOUND, found {unknown}"
    assert unknown.reason == "MODEL_NOT_FOUND", f"errors: expected MODEL_NOT_FOUND, got {unknown}"
    print(f"errors: {unknown.reason} for model {unknown.metadata.get('model')}")
    once = CallOptions(routing=RoutingPolicy(max_attempts=1))
    spec = ask("sim/fault-limited-seconds", "Hello")
    limited = await problem(client, CompleteRequest(spec=spec, options=once))
    assert limited.reason == "PROVIDER_RATE_LIMITED", f"errors: found {limited}"
    assert limited.retry_after_s is not None, "errors: the answer names no retry time"
    print(f"errors: {limited.reason}, retry after {limited.retry_after_s:g} s")


async def problem(client: CompletionServiceAsyncStub, request: CompleteRequest) -> Problem:
    """How a call that must fail fails."""
    try:
        answer = await client.Complete(request)
    except grpc.aio.AioRpcError as error:
        return explain(error)
    raise AssertionError(f"errors: expected a failure, found an answer by {answer.route.provider}")


async def cancelled(client: CompletionServiceAsyncStub) -> None:
    """Leave after the first piece of text."""
    call = client.StreamComplete(
        StreamCompleteRequest(spec=ask("sim/slow-100", "Tell me a story."))
    )
    async for event in call:
        if event.HasField("text"):
            break
    # The gateway closes the provider's connection; what was delivered is charged.
    assert call.cancel(), "cancel: the stream had already ended"
    code = await call.code()
    assert code is grpc.StatusCode.CANCELLED, f"cancel: expected CANCELLED, found {code}"
    print("cancel: the stream ended as cancelled")


async def main() -> None:
    """Every step over one channel."""
    address = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("HEXGATE_ADDRESS")
    channel = dial(
        address or "127.0.0.1:50051",
        token=os.environ.get("HEXGATE_TOKEN"),
        plaintext_token=True,  # the example talks to a gateway on the same machine
    )
    async with channel:
        client = CompletionServiceStub(channel)
        for step in (unary, stream, tools):
            await step(client)
        await embed(EmbeddingServiceStub(channel))
        await usage(channel)
        for step in (errors, cancelled):
            await step(client)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except grpc.aio.AioRpcError as error:
        sys.exit(f"failed: {explain(error)}")
