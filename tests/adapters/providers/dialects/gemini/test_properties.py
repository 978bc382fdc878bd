"""What holds for every conversation, and for every answer, sensible or not."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.gemini import Gemini, GeminiOnVertex
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator import chat as heard
from hexgate.adapters.simulator.anthropic.signature import sign
from hexgate.adapters.simulator.gemini import reading
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.gemini.checks import signed_call
from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
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
from hexgate.domain.errors import BadResponse, GatewayError
from hexgate.domain.json import JsonObject
from tests.adapters.providers.dialects.gemini.asking import ask
from tests.adapters.providers.dialects.gemini.hearing import dumped, sse

MODEL = "sim-echo"
TEXTS = st.text(min_size=1, max_size=12).filter(lambda text: text.isprintable()).map(Text)
MEDIA = st.builds(
    lambda kind, data: Media(kind, Inline(data)),
    st.sampled_from(("image/png", "application/pdf", "audio/wav")),
    st.binary(min_size=1, max_size=8),
)
ARGUMENTS: st.SearchStrategy[JsonObject] = st.dictionaries(
    st.sampled_from(("a_b", "cD", "e")), st.integers() | st.text(max_size=4), max_size=2
)


@dataclass
class Talk:
    """A conversation, and what of it has to arrive: role and part, in order."""

    messages: list[Message] = field(default_factory=list)
    expected: list[tuple[str, Any]] = field(default_factory=list)
    signed: list[str] = field(default_factory=list)


@st.composite
def talks(draw: st.DrawFn) -> Talk:
    talk = Talk()
    system = draw(st.lists(TEXTS, max_size=2))
    if system:
        talk.messages.append(Message(Role.SYSTEM, tuple(system)))
        talk.expected += [("system", part.text) for part in system]
    for turn in range(draw(st.integers(1, 4))):
        said = tuple(draw(st.lists(TEXTS | MEDIA, min_size=1, max_size=3)))
        talk.messages.append(Message(Role.USER, said))
        talk.expected += [("user", told(part)) for part in said]
        if draw(st.booleans()):
            answered(draw, talk, turn)
    return talk


def answered(draw: st.DrawFn, talk: Talk, turn: int) -> None:
    parts: list[Any] = []
    for text in draw(st.lists(TEXTS, min_size=1, max_size=2)):
        if draw(st.booleans()):
            parts.append(Reasoning("", signature(talk, sign(text.text)), "gemini"))
        parts.append(text)
        talk.expected.append(("assistant", text.text))
    calls: list[ToolCall] = []
    for position, arguments in enumerate(draw(st.lists(ARGUMENTS, max_size=3))):
        call = ToolCall(f"c{turn}-{position}", f"f_{position}", json.dumps(arguments))
        if draw(st.booleans()):
            made = signature(talk, signed_call(call.name, arguments))
            parts.append(Reasoning("", made, "gemini"))
        calls.append(call)
        parts.append(call)
        talk.expected.append(("assistant", (call.name, arguments)))
    talk.messages.append(Message(Role.ASSISTANT, tuple(parts)))
    texts = [tuple(draw(st.lists(TEXTS, max_size=2))) for _ in calls]
    results = [ToolResult(call.call_id, text) for call, text in zip(calls, texts, strict=True)]
    talk.expected += [("tool", "".join(part.text for part in text)) for text in texts]
    shuffled = draw(st.permutations(results))
    cut = draw(st.integers(0, len(results)))
    for some in (shuffled[:cut], shuffled[cut:]):
        if some:
            talk.messages.append(Message(Role.TOOL, tuple(some)))


def signature(talk: Talk, made: str) -> bytes:
    talk.signed.append(made)
    return made.encode()


def told(part: Text | Media) -> Any:
    if isinstance(part, Text):
        return part.text
    assert isinstance(part.source, Inline)
    return part.media_type, part.source.data


def arrived(body: JsonObject, *, vertex: bool) -> tuple[list[tuple[str, Any]], list[str]]:
    """What the simulator, which checks everything, makes of a request."""
    decoder: Any = wire.ON_VERTEX if vertex else wire.DEVELOPER
    request = reading.read(decoder, msgspec.json.encode(body))
    parts = [
        (turn.role, _heard(part))
        for turn in reading.ask(request, MODEL).turns
        for part in turn.parts
    ]
    signed = [
        part.thought_signature
        for content in request.contents
        for part in content.parts
        if part.thought_signature
    ]
    return parts, signed


def _heard(part: heard.Part) -> Any:
    match part:
        case heard.Text(text) | heard.Result(_, text):
            return text
        case heard.Called(_, name, arguments):
            return name, json.loads(arguments)
        case heard.Media(kind, data):
            return kind, data


@given(talks())
def test_a_conversation_arrives_whole_and_in_order(talk: Talk) -> None:
    call = ask(MODEL, messages=tuple(talk.messages))
    for dialect in (Gemini("gemini"), GeminiOnVertex("gemini", "p", "l")):
        request = dialect.request(call, stream=False)
        found = arrived(request.payload, vertex=isinstance(dialect, GeminiOnVertex))
        assert found == (talk.expected, talk.signed)
        assert not request.warnings


WORDS = st.sampled_from((None, "", "a", "bc", "東京"))
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "text": WORDS,
        "thought": st.booleans(),
        "thoughtSignature": st.sampled_from((None, "", "QQ==")),
        "functionCall": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(("", "f")), "args": st.just({"a": 1})}
        ),
        "inlineData": st.just({"mimeType": "image/png", "data": "QQ=="}),
    },
)
CANDIDATES = st.fixed_dictionaries(
    {"content": st.fixed_dictionaries({"parts": st.lists(PARTS, max_size=3)})},
    optional={
        "finishReason": st.sampled_from((None, None, None, "STOP", "SAFETY")),
        "index": st.sampled_from((0, 0, 1)),
    },
)
EVENTS = st.fixed_dictionaries(
    {"candidates": st.lists(CANDIDATES, max_size=2)},
    optional={"usageMetadata": st.just({"promptTokenCount": 2, "candidatesTokenCount": 1})},
)
KEYS = st.sampled_from(
    (
        *("candidates", "content", "parts", "text", "functionCall", "name", "args", "inlineData"),
        *("finishReason", "usageMetadata", "promptFeedback", "error", "code", "status", "details"),
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def coherent(chunks: list[Chunk]) -> None:
    """Indices rise one by one, and the deltas of a part are the part."""
    last, said = -1, ""
    for chunk in chunks:
        match chunk:
            case TextDelta(index, text) | ReasoningDelta(index, text) | ToolCallDelta(index, text):
                assert text
                said = said + text if index == last else text
            case ToolCallStarted(index):
                assert index == last + 1
                said = ""
            case PartFinished(index, Text(whole)):
                assert said == whole
            case PartFinished(index, Reasoning(whole)):
                assert whole == (said if index == last else "")
            case PartFinished(index, ToolCall() as call):
                assert said == call.arguments_json
            case PartFinished(index):
                pass
            case _:
                continue
        assert index in (last, last + 1)
        last = index


def streamed(pieces: list[bytes]) -> tuple[list[Chunk], GatewayError | None]:
    reader = Gemini("gemini").reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += reader.feed(piece)
        if reader.failure is not None:
            return chunks, reader.failure
    chunks += reader.end()
    return chunks, reader.failure


@given(st.lists(EVENTS, max_size=6))
def test_what_is_shown_is_coherent_and_finished_last_and_once(events: list[Any]) -> None:
    chunks, failure = streamed([sse(*events)])
    coherent(chunks)
    ends = [index for index, chunk in enumerate(chunks) if isinstance(chunk, Finished)]
    assert ends == ([len(chunks) - 1] if failure is None else [])
    assert failure is None or isinstance(failure, BadResponse)


@given(st.lists(EVENTS, max_size=6))
def test_events_one_by_one_say_what_they_say_together(events: list[Any]) -> None:
    def parts(pieces: list[bytes]) -> Any:
        chunks, failure = streamed(pieces)
        deltas = TextDelta | ReasoningDelta | ToolCallDelta
        told = [chunk for chunk in chunks if not isinstance(chunk, deltas)]
        return told, failure and failure.message

    assert parts([sse(*events)]) == parts([sse(event) for event in events])


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = dumped(value)
    dialect = Gemini("gemini")
    with contextlib.suppress(GatewayError):
        assert isinstance(dialect.completion(WireResponse(200, {}, body)), Completion)
    streamed([b"data: " + body + b"\n\n"])
    for status in (400, 404, 429, 500):
        assert isinstance(dialect.error(WireResponse(status, {}, body)), GatewayError)
