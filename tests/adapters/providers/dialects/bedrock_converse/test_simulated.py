"""From a call to the simulator and back, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse, BedrockEmbeddings
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.answer import Chunk, Finish, Finished
from hexgate.domain.assemble import Assembler
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import EmbedCall, Options, Timeouts
from hexgate.domain.chat import (
    Inline,
    Media,
    Message,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedSpec, Purpose
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
)
from hexgate.domain.spec import (
    Effort,
    Params,
    SchemaJson,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    HELLO,
    HOUR,
    accepted,
    ask,
    model,
    tool,
    user,
)

TOOLS = (Tool("weather", "", '{"properties":{"city":{"type":"string"}}}'), Tool("tides", "", ""))


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7, hang_s=5, giant_bytes=1 << 22) as simulator:
        yield simulator


@pytest.fixture
async def aws(sim: Simulator) -> AsyncIterator[WiredProvider]:
    async with open_session() as session:
        yield wired(sim, session, "key")


def wired(sim: Simulator, session: Any, key: str) -> WiredProvider:
    transport = HttpTransport(
        session, sim.bedrock_url, {"Authorization": f"Bearer {key}"}, max_body_bytes=1 << 20
    )
    return WiredProvider(
        BedrockConverse("aws", sim.bedrock_url),
        transport,
        monotonic=SystemClock.monotonic,
        provider="aws",
        embeddings=BedrockEmbeddings("aws"),
    )


async def streamed(aws: WiredProvider, call: Any) -> list[Chunk]:
    stream = await aws.open(call)
    async with aclosing(stream):
        return [chunk async for chunk in stream]


def parts(chunks: list[Chunk]) -> Any:
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk)
    return assembler.parts()


CALLS = {
    "text": ask("sim-story"),
    "tools": ask("sim-tools", tools=TOOLS),
    "required": ask("sim-echo", tools=TOOLS, tool_choice=ToolChoice(ToolMode.REQUIRED)),
    "one": ask("sim-echo", tools=TOOLS, tool_choice=ToolChoice(name="tides")),
    "alone": ask(
        "sim-echo", tools=TOOLS, tool_choice=ToolChoice(ToolMode.REQUIRED, parallel=False)
    ),
    "schema": ask("sim-echo", output=SchemaJson("a", '{"type":"object","properties":{"a":{}}}')),
    "reasoning": ask("sim-think", thinking=Thinking(Effort.HIGH, include=True)),
    "length": ask("sim-story", limit=3),
    "stop": ask("sim-echo", messages=(user(Text("one two three")),), params=Params(stop=("two",))),
    "seen": ask("sim-vision", messages=(user(Text("a"), Media("image/png", Inline(b"x"))),)),
    "arn": ask("arn:aws:bedrock:us-east-1::foundation-model/sim-echo"),
}


@pytest.mark.parametrize("case", CALLS)
async def test_a_stream_says_what_the_whole_answer_says(
    aws: WiredProvider, sim: Simulator, case: str
) -> None:
    call = CALLS[case]
    whole = await aws.complete(call)
    received: Any = sim.requests[-1].body
    accepted(call.model, received, stream=False)
    chunks = await streamed(aws, call)
    finished = chunks[-1]
    assert isinstance(finished, Finished)

    def known(made: Any) -> list[Any]:  # ids are new in every answer
        return [
            (part.name, part.arguments_json) if isinstance(part, ToolCall) else part
            for part in made
        ]

    assert known(parts(chunks)) == known(whole.parts)
    assert whole.parts
    assert (finished.finish, finished.usage) == (whole.finish, whole.usage)
    assert finished.stop_sequence == whole.stop_sequence
    assert len(whole.request_id) == 36


async def test_tools_are_called_and_their_results_told(aws: WiredProvider) -> None:
    first = await aws.complete(CALLS["tools"])
    calls = [part for part in first.parts if isinstance(part, ToolCall)]
    results = [ToolResult(call.call_id, (Text(call.name),)) for call in calls]
    messages = (*HELLO, model(*first.parts), tool(*results))
    told = await aws.complete(ask("sim-tools", tools=TOOLS, messages=messages))
    assert first.finish is Finish.TOOL_CALLS
    assert told.parts == (Text("The tools returned: weather; tides"),)


async def test_reasoning_goes_back_as_it_came(aws: WiredProvider) -> None:
    for include in (True, False):
        think = Thinking(Effort.HIGH, include=include)
        chunks = await streamed(aws, ask("sim-think", thinking=think))
        thought = parts(chunks)[0]
        assert isinstance(thought, Reasoning)
        assert (bool(thought.text), bool(thought.signature)) == (include, True)
        messages = (*HELLO, model(*parts(chunks)), *HELLO)
        again = await aws.complete(ask("sim-think", messages=messages))
        assert again.warnings == ()


async def test_marks_fill_and_read_the_cache(aws: WiredProvider) -> None:
    system = Message(Role.SYSTEM, (Text("Be brief. " * 20, HOUR),))
    call = ask("sim-echo", messages=(system, *HELLO))
    first, second = await aws.complete(call), await aws.complete(call)
    assert first.usage is not None
    assert second.usage is not None
    assert first.usage.cache_write_1h == second.usage.cache_read == 50
    assert first.usage.input == second.usage.input


async def test_usage_that_is_withheld_is_not_invented(aws: WiredProvider) -> None:
    assert (await aws.complete(ask("fault-no-usage"))).usage is None
    finished = (await streamed(aws, ask("fault-no-usage")))[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("limited", ProviderLimited),
        ("error-500", ProviderFailed),
        ("error-502", ProviderFailed),
        ("error-503", Overloaded),
        ("unauthorized", CredentialRejected),
        ("forbidden", CredentialRejected),
        ("quota", QuotaExhausted),
        ("model-gone", ModelGone),
        ("context-too-long", ContextTooLong),
        ("html", BadResponse),
    ],
)
async def test_errors_are_of_one_class_whole_and_streamed(
    aws: WiredProvider, fault: str, kind: type[GatewayError]
) -> None:
    call = ask(f"fault-{fault}")
    for asked in (aws.complete(call), streamed(aws, call)):
        with pytest.raises(GatewayError) as caught:
            await asked
        assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("error-before-output", ProviderFailed),
        ("error-after-output", ProviderFailed),
        ("close-mid-stream", BadResponse),
        ("bad-json", BadResponse),
        ("out-of-order", BadResponse),
        ("endless-line", BadResponse),
        ("giant-body", BadResponse),
    ],
)
async def test_streams_that_break_raise(
    aws: WiredProvider, fault: str, kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as caught:
        await streamed(aws, ask(f"fault-{fault}"))
    assert type(caught.value) is kind


@pytest.mark.parametrize("fault", ["split-bytes", "duplicate-end", "duplicate-event"])
async def test_streams_that_are_merely_odd_are_read(aws: WiredProvider, fault: str) -> None:
    assert isinstance((await streamed(aws, ask(f"fault-{fault}")))[-1], Finished)


async def test_a_filtered_answer_says_so(aws: WiredProvider) -> None:
    finished = (await streamed(aws, ask("fault-filter-at-end")))[-1]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.CONTENT_FILTER


async def test_the_check_tells_a_good_key_from_a_bad_one(sim: Simulator) -> None:
    async with open_session() as session:
        await wired(sim, session, "key").check(Timeouts())
        with pytest.raises(CredentialRejected):
            await wired(sim, session, "invalid").check(Timeouts())


@pytest.mark.parametrize(
    ("name", "dimensions", "tokens"),
    [
        ("amazon.titan-embed-text-v1", None, 97),
        ("amazon.titan-embed-text-v2:0", 256, 97),
        ("amazon.titan-embed-image-v1", 384, 97),
        ("cohere.embed-english-v3", None, 47),
        ("cohere.embed-v4:0", 512, 47),
        ("amazon.nova-2-multimodal-embeddings-v1:0", 384, 97),
    ],
)
async def test_every_family_embeds_every_input_in_order(
    aws: WiredProvider, name: str, dimensions: int | None, tokens: int
) -> None:
    inputs = tuple((Text(str(i)),) for i in range(97))
    call = EmbedCall(
        call_id="c",
        tenant="t",
        model=name,
        spec=EmbedSpec(model=name, inputs=inputs, dimensions=dimensions, purpose=Purpose.QUERY),
        options=Options(),
        deadline=1e9,
        attempts=Attempts(1),
    )
    answer = await aws.embed(call)
    assert len({tuple(vector) for vector in answer.vectors}) == 97
    assert {len(vector) for vector in answer.vectors} == {dimensions or 64}
    assert answer.usage == Usage(uncached_input=tokens)
