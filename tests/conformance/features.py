"""What a provider can be asked for, each with a question and what a right answer is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from hexgate.domain.answer import Completion, Finish, Finished, ToolCallDelta, UsageUpdate, Warned
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import (
    CacheMark,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    Params,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from hexgate.ports.provider import Provider
from tests.fakes import call as a_call

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
PDF = b"%PDF-1.4\n" + bytes(range(64))
LINK = "https://files.test/a.png"
WEATHER = Tool(
    "weather",
    "Tells the weather.",
    '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}',
)
CLOCK = Tool(
    "clock",
    "Tells the time.",
    '{"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"]}',
)
SCHEMA = (
    '{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},'
    '"required":["name","age"],"additionalProperties":false}'
)


@dataclass(frozen=True, slots=True)
class Feature:
    """`says` is for the table; `check` raises AssertionError."""

    name: str
    says: str
    call: ChatCall
    check: Callable[[Provider, ChatCall], Awaitable[None]]


def asking(
    text: str | Sequence[Part] = "Tell me of harbours.",
    *,
    model: str = "sim-story",
    before: tuple[Message, ...] = (),
    most: int = 400,
    **spec: Any,
) -> ChatCall:
    """A call that asks for this."""
    parts = (Text(text),) if isinstance(text, str) else tuple(text)
    messages = (*before, Message(Role.USER, parts))
    asked = Spec(model=model, messages=messages, **spec)
    return a_call(spec=asked, model=model, max_output_tokens=most)


async def streamed(provider: Provider, call: ChatCall) -> tuple[Completion, list[object]]:
    """A stream put together, and its chunks."""
    assembler, warnings, chunks = Assembler(), [], []
    async with aclosing(await provider.open(call)) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            if isinstance(chunk, Warned):
                warnings.append(chunk)
            elif not isinstance(chunk, UsageUpdate | Finished):
                assembler.add(chunk)
    end = chunks[-1]
    assert isinstance(end, Finished)
    whole = Completion(
        parts=assembler.parts(),
        finish=end.finish,
        usage=end.usage,
        model=end.model,
        stop_sequence=end.stop_sequence,
        warnings=tuple(warnings),
    )
    return whole, list(chunks)


async def both(provider: Provider, call: ChatCall) -> Completion:
    """The answer, which has to be the same whole and streamed."""
    whole = await provider.complete(call)
    again, _ = await streamed(provider, call)
    assert (again.parts, again.finish) == (whole.parts, whole.finish)
    assert {w.code for w in again.warnings} == {w.code for w in whole.warnings}
    return whole


def text_of(answer: Completion) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


def calls_of(answer: Completion) -> list[ToolCall]:
    return [part for part in answer.parts if isinstance(part, ToolCall)]


async def unary(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    assert len(text_of(answer)) > 100
    assert answer.finish is Finish.STOP
    assert answer.warnings == ()


async def stream(provider: Provider, call: ChatCall) -> None:
    answer, chunks = await streamed(provider, call)
    assert text_of(answer) == text_of(await provider.complete(call))
    assert len(chunks) > 2


async def conversation(provider: Provider, call: ChatCall) -> None:
    assert text_of(await both(provider, call)) == "And the third?"


async def system(provider: Provider, call: ChatCall) -> None:
    with_it = text_of(await both(provider, call))
    without = replace(call, spec=replace(call.spec, messages=call.spec.messages[1:]))
    assert with_it != text_of(await provider.complete(without))


async def one_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    (made,) = calls_of(answer)
    assert made.name == "weather"
    assert made.call_id
    assert isinstance(json.loads(made.arguments_json)["city"], str)
    assert answer.finish is Finish.TOOL_CALLS


async def two_tools(provider: Provider, call: ChatCall) -> None:
    made = calls_of(await both(provider, call))
    assert [each.name for each in made] == ["weather", "clock"]
    assert len({each.call_id for each in made}) == 2


async def tool_stream(provider: Provider, call: ChatCall) -> None:
    answer, chunks = await streamed(provider, call)
    fragments = "".join(chunk.fragment for chunk in chunks if isinstance(chunk, ToolCallDelta))
    assert fragments == "".join(each.arguments_json for each in calls_of(answer)) != ""


async def exactly_one(provider: Provider, call: ChatCall) -> None:
    assert [each.name for each in calls_of(await both(provider, call))] in (["weather"], ["clock"])


async def named_tool(provider: Provider, call: ChatCall) -> None:
    assert [each.name for each in calls_of(await both(provider, call))] == ["clock"]


async def no_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert calls_of(answer) == []
    assert text_of(answer)


async def some_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert calls_of(answer)
    assert answer.finish is Finish.TOOL_CALLS


async def tool_results(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    assert "21 degrees" in said
    assert "half past nine" in said
    assert said.index("21 degrees") < said.index("half past nine")


async def failed_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert "no such city" in text_of(answer)


async def seen(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    media = [part for part in call.spec.messages[-1].parts if isinstance(part, Media)]
    for each in media:
        assert isinstance(each.source, Inline)
        assert hashlib.sha256(each.source.data).hexdigest()[:16] in said


async def linked(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    # Either the provider was given the link, or the bytes that the gateway fetched.
    assert LINK in said or hashlib.sha256(PNG).hexdigest()[:16] in said


async def any_json(provider: Provider, call: ChatCall) -> None:
    assert isinstance(json.loads(text_of(await both(provider, call))), dict)


async def by_schema(provider: Provider, call: ChatCall) -> None:
    made = json.loads(text_of(await both(provider, call)))
    assert made.keys() == {"name", "age"}
    assert isinstance(made["age"], int)


async def reasoning(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    first, *rest = answer.parts
    assert isinstance(first, Reasoning)
    assert first.text
    assert any(isinstance(part, Text) for part in rest)


async def reasoning_returned(provider: Provider, call: ChatCall) -> None:
    """The simulator refuses signatures that it did not make, and reasoning out of its place."""
    first = await provider.complete(call)
    assert any(isinstance(part, Reasoning) for part in first.parts)
    more = (
        *call.spec.messages,
        Message(Role.ASSISTANT, first.parts),
        Message(Role.USER, (Text("Go on."),)),
    )
    answer = await both(provider, replace(call, spec=replace(call.spec, messages=more)))
    assert text_of(answer)
    assert answer.warnings == ()


async def foreign_reasoning(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer)


async def stopped(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer) == "one two "
    assert answer.finish in (Finish.STOP, Finish.STOP_SEQUENCE)


async def told_stopped(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert (answer.finish, answer.stop_sequence) == (Finish.STOP_SEQUENCE, "three")


async def cut(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert answer.finish is Finish.LENGTH
    assert answer.usage is None or answer.usage.output <= call.max_output_tokens


async def filtered(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert answer.finish in (Finish.CONTENT_FILTER, Finish.REFUSAL)


async def counted(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    again, _ = await streamed(provider, call)
    for usage in (answer.usage, again.usage):
        assert usage is not None
        assert usage.input > 0
        assert usage.output > 0
        assert not usage.estimated


async def told_reasoning_tokens(provider: Provider, call: ChatCall) -> None:
    usage = (await provider.complete(call)).usage
    assert usage is not None
    assert 0 < usage.reasoning < usage.output


async def cached(provider: Provider, call: ChatCall) -> None:
    await provider.complete(call)
    usage = (await provider.complete(call)).usage
    assert usage is not None
    assert usage.cache_read > 0


async def logprobs(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    assert answer.logprobs
    assert "".join(each.token for each in answer.logprobs) == text_of(answer)


async def accepted(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer)
    assert [w for w in answer.warnings if w.code != "PARAM_CLAMPED"] == []


HISTORY = (
    Message(Role.USER, (Text("What is it like in Bergen?"),)),
    Message(
        Role.ASSISTANT,
        (
            ToolCall("call-1", "weather", '{"city":"Bergen"}'),
            ToolCall("call-2", "clock", '{"zone":"CET"}'),
        ),
    ),
)
RESULTS = Message(
    Role.TOOL,
    (
        ToolResult("call-1", (Text("21 degrees"),)),
        ToolResult("call-2", (Text("half past nine"),)),
    ),
)
FAILURE = Message(
    Role.TOOL,
    (
        ToolResult("call-1", (Text("no such city"),), is_error=True),
        ToolResult("call-2", (Text("half past nine"),)),
    ),
)


def after(results: Message) -> ChatCall:
    """A call whose last message is what tools returned."""
    spec = Spec(model="sim-tools", messages=(*HISTORY, results), tools=(WEATHER, CLOCK))
    return a_call(spec=spec, model="sim-tools", max_output_tokens=400)


def using(*tools: Tool, **choice: Any) -> ChatCall:
    """A call that offers tools."""
    chosen = ToolChoice(**choice) if choice else None
    return asking("What is it like?", model="sim-tools", tools=tools, tool_choice=chosen)


def tuned(**params: Any) -> ChatCall:
    """A call with settings."""
    return asking(params=Params(**params))


THOUGHTFUL = Thinking(effort=Effort.HIGH, include=True)
FEATURES = (
    Feature("unary", "an answer in one piece", asking(), unary),
    Feature("stream", "the same answer as a stream", asking(), stream),
    Feature(
        "conversation",
        "several turns",
        asking(
            "And the third?",
            model="sim-echo",
            before=(
                Message(Role.USER, (Text("One."),)),
                Message(Role.ASSISTANT, (Text("Two."),)),
            ),
        ),
        conversation,
    ),
    Feature(
        "system",
        "instructions",
        asking(before=(Message(Role.SYSTEM, (Text("Be brief."),)),)),
        system,
    ),
    Feature("tools", "a tool call", using(WEATHER), one_tool),
    Feature("parallel tools", "several tool calls at once", using(WEATHER, CLOCK), two_tools),
    Feature("tool stream", "arguments of tools, streamed", using(WEATHER, CLOCK), tool_stream),
    Feature("tool results", "results of several calls", after(RESULTS), tool_results),
    Feature("tool errors", "the error of a call", after(FAILURE), failed_tool),
    Feature(
        "tool required",
        "some tool must be called",
        using(WEATHER, CLOCK, mode=ToolMode.REQUIRED),
        some_tool,
    ),
    Feature(
        "tool named", "this tool must be called", using(WEATHER, CLOCK, name="clock"), named_tool
    ),
    Feature("tool none", "no tool may be called", using(WEATHER, mode=ToolMode.NONE), no_tool),
    Feature(
        "one tool at a time",
        "parallel calls switched off",
        using(WEATHER, CLOCK, parallel=False),
        exactly_one,
    ),
    Feature(
        "image bytes",
        "an image",
        asking((Text("This?"), Media("image/png", Inline(PNG))), model="sim-vision"),
        seen,
    ),
    Feature(
        "image link",
        "an image by its URL",
        asking((Text("This?"), Media("image/png", Link(LINK))), model="sim-vision"),
        linked,
    ),
    Feature(
        "document",
        "a PDF",
        asking((Text("This?"), Media("application/pdf", Inline(PDF), "a.pdf")), model="sim-vision"),
        seen,
    ),
    Feature(
        "JSON",
        "any JSON object",
        asking("Say it in JSON.", model="sim-json", output=AnyJson()),
        any_json,
    ),
    Feature(
        "schema",
        "JSON that conforms to a schema",
        asking("Who is it?", model="sim-json", output=SchemaJson("person", SCHEMA, strict=True)),
        by_schema,
    ),
    Feature(
        "reasoning",
        "the model's reasoning",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        reasoning,
    ),
    Feature(
        "reasoning returned",
        "its reasoning in the next turn",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        reasoning_returned,
    ),
    Feature(
        "reasoning tokens",
        "how many tokens it reasoned",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        told_reasoning_tokens,
    ),
    Feature(
        "stop",
        "stop sequences",
        asking("one two three four", model="sim-echo", params=Params(stop=("three",))),
        stopped,
    ),
    Feature(
        "stop told",
        "which stop sequence it was",
        asking("one two three four", model="sim-echo", params=Params(stop=("three",))),
        told_stopped,
    ),
    Feature("length", "the longest answer", asking(most=16), cut),
    Feature(
        "filter",
        "an answer that the provider held back",
        asking(model="fault-filter-at-end"),
        filtered,
    ),
    Feature("usage", "tokens, whole and streamed", asking(), counted),
    Feature(
        "prompt cache",
        "tokens read from the provider's cache",
        asking((Text("A long text. " * 400, CacheMark()), Text("Why?"))),
        cached,
    ),
    Feature("logprobs", "log probabilities of tokens", tuned(top_logprobs=2), logprobs),
    Feature("temperature", "temperature and top_p", tuned(temperature=0.5, top_p=0.9), accepted),
    Feature("top_k", "top_k", tuned(top_k=20), accepted),
    Feature("seed", "seed", tuned(seed=7), accepted),
    Feature(
        "penalties",
        "presence and frequency penalty",
        tuned(presence_penalty=0.5, frequency_penalty=0.5),
        accepted,
    ),
)
