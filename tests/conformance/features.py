"""What a provider can be asked for, each with a question and what a right answer is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hexgate.domain.attempts import Attempts
from hexgate.domain.call import ChatCall, EmbedCall
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
from hexgate.domain.embed import EmbedSpec
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
from tests.conformance import checks
from tests.conformance.checks import LINK, PNG
from tests.fakes import call as a_call

PDF = b"%PDF-1.4\n" + bytes(range(64))
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


@dataclass(frozen=True, slots=True)
class EmbedFeature:
    """The same for embeddings."""

    name: str
    says: str
    call: EmbedCall
    check: Callable[[Provider, EmbedCall], Awaitable[None]]


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


def embedding(*texts: str, dimensions: int | None = None) -> EmbedCall:
    """A call for vectors."""
    inputs = tuple((Text(text),) for text in texts)
    spec = EmbedSpec(model="sim-echo", inputs=inputs, dimensions=dimensions)
    chat = asking(model="sim-echo")
    return EmbedCall(
        call_id=chat.call_id,
        tenant=chat.tenant,
        model=spec.model,
        spec=spec,
        options=chat.options,
        deadline=chat.deadline,
        attempts=Attempts(8),
    )


THOUGHTFUL = Thinking(effort=Effort.HIGH, include=True)
FEATURES = (
    Feature("unary", "an answer in one piece", asking(), checks.unary),
    Feature("stream", "the same answer as a stream", asking(), checks.stream),
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
        checks.conversation,
    ),
    Feature(
        "system",
        "instructions",
        asking(before=(Message(Role.SYSTEM, (Text("Be brief."),)),)),
        checks.system,
    ),
    Feature("tools", "a tool call", using(WEATHER), checks.one_tool),
    Feature(
        "parallel tools", "several tool calls at once", using(WEATHER, CLOCK), checks.two_tools
    ),
    Feature(
        "tool stream", "arguments of tools, streamed", using(WEATHER, CLOCK), checks.tool_stream
    ),
    Feature("tool results", "results of several calls", after(RESULTS), checks.tool_results),
    Feature("tool errors", "the error of a call", after(FAILURE), checks.failed_tool),
    Feature(
        "tool required",
        "some tool must be called",
        using(WEATHER, CLOCK, mode=ToolMode.REQUIRED),
        checks.some_tool,
    ),
    Feature(
        "tool named",
        "this tool must be called",
        using(WEATHER, CLOCK, name="clock"),
        checks.named_tool,
    ),
    Feature(
        "tool none", "no tool may be called", using(WEATHER, mode=ToolMode.NONE), checks.no_tool
    ),
    Feature(
        "one tool at a time",
        "parallel calls switched off",
        using(WEATHER, CLOCK, parallel=False),
        checks.exactly_one,
    ),
    Feature(
        "image bytes",
        "an image",
        asking((Text("This?"), Media("image/png", Inline(PNG))), model="sim-vision"),
        checks.seen,
    ),
    Feature(
        "image link",
        "an image by its URL",
        asking((Text("This?"), Media("image/png", Link(LINK))), model="sim-vision"),
        checks.linked,
    ),
    Feature(
        "document",
        "a PDF",
        asking((Text("This?"), Media("application/pdf", Inline(PDF), "a.pdf")), model="sim-vision"),
        checks.seen,
    ),
    Feature(
        "text file",
        "a text file",
        asking(
            (Text("This?"), Media("text/plain", Inline(b"The harbour."), "a.txt")),
            model="sim-story",
        ),
        checks.read,
    ),
    Feature(
        "JSON",
        "any JSON object",
        asking("Say it in JSON.", model="sim-json", output=AnyJson()),
        checks.any_json,
    ),
    Feature(
        "schema",
        "JSON that conforms to a schema",
        asking("Who is it?", model="sim-json", output=SchemaJson("person", SCHEMA, strict=True)),
        checks.by_schema,
    ),
    Feature(
        "reasoning",
        "the model's reasoning",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        checks.reasoning,
    ),
    Feature(
        "reasoning returned",
        "its reasoning in the next turn",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        checks.reasoning_returned,
    ),
    Feature(
        "foreign reasoning",
        "another vendor's reasoning, left out with a warning",
        asking(
            "And the third?",
            model="sim-echo",
            before=(
                Message(Role.USER, (Text("One."),)),
                Message(Role.ASSISTANT, (Reasoning("Hm.", b"sig", "elsewhere"), Text("Two."))),
            ),
        ),
        checks.foreign_reasoning,
    ),
    Feature(
        "reasoning tokens",
        "how many tokens it reasoned",
        asking(model="sim-think", most=2000, thinking=THOUGHTFUL),
        checks.told_reasoning_tokens,
    ),
    Feature(
        "stop",
        "stop sequences",
        asking("one two three four", model="sim-echo", params=Params(stop=("three",))),
        checks.stopped,
    ),
    Feature(
        "stop told",
        "which stop sequence it was",
        asking("one two three four", model="sim-echo", params=Params(stop=("three",))),
        checks.told_stopped,
    ),
    Feature("length", "the longest answer", asking(most=16), checks.cut),
    Feature(
        "filter",
        "an answer that the provider held back",
        asking(model="fault-filter-at-end"),
        checks.filtered,
    ),
    Feature("usage", "tokens, whole and streamed", asking(), checks.counted),
    Feature(
        "prompt cache",
        "tokens read from the provider's cache",
        asking((Text("A long text. " * 400, CacheMark()), Text("Why?"))),
        checks.cached,
    ),
    Feature("logprobs", "log probabilities of tokens", tuned(top_logprobs=2), checks.logprobs),
    Feature(
        "temperature", "temperature and top_p", tuned(temperature=0.5, top_p=0.9), checks.accepted
    ),
    Feature("top_k", "top_k", tuned(top_k=20), checks.accepted),
    Feature("seed", "seed", tuned(seed=7), checks.accepted),
    Feature(
        "penalties",
        "presence and frequency penalty",
        tuned(presence_penalty=0.5, frequency_penalty=0.5),
        checks.accepted,
    ),
)
TEXTS = ("A harbour.", "A ship.", "A harbour.")
EMBEDDINGS = (
    EmbedFeature("embeddings", "embeddings", embedding(*TEXTS), checks.embedded),
    EmbedFeature(
        "embedding length",
        "embeddings of a chosen length",
        embedding(*TEXTS, dimensions=256),
        checks.shortened,
    ),
)
