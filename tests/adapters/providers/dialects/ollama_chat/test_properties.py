"""What holds for every conversation and every stream, sensible or not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.simulator.chat import Part as Heard
from hexgate.adapters.simulator.chat import Text as Words
from hexgate.adapters.simulator.ollama import reading
from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import (
    Message,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
)
from hexgate.domain.errors import GatewayError
from hexgate.domain.spec import Spec
from tests import fakes
from tests.adapters.providers.dialects.conversing import conversations, heard

BETWEEN = "\n\n"

WORDS = st.sampled_from(("", "a", "bc", "東京"))
CALLS = st.fixed_dictionaries(
    {"function": st.fixed_dictionaries({"name": st.sampled_from(("f", "g"))})},
    optional={"id": st.sampled_from((None, "a", "b"))},
)
LINES = st.fixed_dictionaries(
    {
        "message": st.fixed_dictionaries(
            {},
            optional={
                "content": WORDS,
                "thinking": WORDS,
                "tool_calls": st.lists(CALLS, max_size=2),
            },
        )
    },
    optional={"error": st.none(), "eval_count": st.integers(-1, 2**70), "model": st.none()},
)
DONE = {"message": {}, "done": True, "done_reason": "stop"}
KEYS = st.sampled_from(
    ("message", "content", "thinking", "tool_calls", "function", "name", "done", "error", "model")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def ndjson(lines: list[Any]) -> bytes:
    """Lines as the server writes them."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def take(pieces: list[bytes]) -> tuple[list[Chunk], GatewayError | None]:
    """What a stream says, and how it failed."""
    reader = OllamaChat("ollama").reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks.extend(reader.feed(piece))
        if reader.failure is not None:
            return chunks, reader.failure
    chunks.extend(reader.end())
    return chunks, reader.failure


@given(st.lists(LINES, max_size=8))
def test_what_is_said_is_kept_in_order_and_finished_last_and_once(lines: list[Any]) -> None:
    chunks, failure = take([ndjson([*lines, DONE])])
    assert failure is None
    assert [i for i, chunk in enumerate(chunks) if isinstance(chunk, Finished)] == [len(chunks) - 1]
    assembler = Assembler()
    for chunk in chunks[:-1]:
        assembler.add(chunk)
    parts = [chunk.part for chunk in chunks if isinstance(chunk, PartFinished)]
    assert list(assembler.parts()) == parts
    said = [line["message"] for line in lines]
    assert told(parts, Text) == "".join(each.get("content", "") for each in said)
    assert told(parts, Reasoning) == "".join(each.get("thinking", "") for each in said)
    assert [part.name for part in parts if isinstance(part, ToolCall)] == [
        call["function"]["name"] for each in said for call in each.get("tool_calls", ())
    ]


def told(parts: list[Part], kind: type[Text] | type[Reasoning]) -> str:
    """The words of one kind."""
    return "".join(part.text for part in parts if isinstance(part, kind))


@given(st.lists(LINES, max_size=8), st.booleans())
def test_lines_one_by_one_say_what_they_say_together(lines: list[Any], ended: bool) -> None:
    def parts(pieces: list[bytes]) -> tuple[list[Chunk], str]:
        chunks, failure = take(pieces)
        deltas = TextDelta | ReasoningDelta | ToolCallDelta
        rest: list[Chunk] = [chunk for chunk in chunks if not isinstance(chunk, deltas)]
        return rest, failure.message if failure else ""

    lines = [*lines, DONE] if ended else lines
    assert parts([ndjson(lines)]) == parts([ndjson([line]) for line in lines])


@given(st.lists(LINES, max_size=8), st.data())
def test_no_stream_is_finished_without_its_marker(lines: list[Any], data: st.DataObject) -> None:
    whole = ndjson([*lines, DONE])
    chunks, failure = take([whole[: data.draw(st.integers(0, len(whole) - 1))]])
    assert not any(isinstance(chunk, Finished) for chunk in chunks)
    assert failure is not None


@given(JSON)
def test_any_json_gives_an_answer_or_an_error_of_the_tree(value: object) -> None:
    body = json.dumps(value).encode()
    dialect = OllamaChat("ollama")
    with contextlib.suppress(GatewayError):
        assert isinstance(dialect.completion(WireResponse(200, {}, body)), Completion)
    reader = dialect.reader()
    reader.feed(body + b"\n")
    reader.end()
    for status in (400, 404, 429, 500):
        assert isinstance(dialect.error(WireResponse(status, {}, body)), GatewayError)


@given(conversations())
def test_the_other_side_reads_every_part_in_its_place(messages: tuple[Message, ...]) -> None:
    call = fakes.call(spec=Spec(model="m", messages=messages))
    payload = OllamaChat("ollama").request(call, stream=False).payload
    asked = reading.ask(reading.read(json.dumps(payload).encode()))
    heard = [(turn.role, part) for turn in asked.turns for part in turn.parts]
    assert heard == [pair for message in messages for pair in expected(message)]


def expected(message: Message) -> list[tuple[str, Heard]]:
    """How the simulator sees a message: its texts are one, unless a picture stands among them."""
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) == len(message.parts) or message.role is Role.ASSISTANT:
        rest = [heard(part, BETWEEN) for part in message.parts if not isinstance(part, Text)]
        words: list[Heard] = [Words(BETWEEN.join(texts))] if texts else []
        return [(message.role.value, part) for part in (*words, *rest)]
    return [(message.role.value, heard(part, BETWEEN)) for part in message.parts]
