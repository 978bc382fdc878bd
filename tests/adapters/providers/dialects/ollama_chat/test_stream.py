"""The streamed answers of Ollama."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    GatewayError,
    ModelGone,
    Overloaded,
    ProviderFailed,
    Unsupported,
)
from hexgate.domain.usage import Usage

DATA = Path(__file__).parents[4] / "data" / "ollama_chat"
NAMES = ("text", "tools", "thinking")
RECORDED = {name: (DATA / f"{name}.ndjson").read_bytes() for name in (*NAMES, "cached_prompt")}


def take(*pieces: bytes) -> tuple[list[Chunk], GatewayError | None]:
    """Everything a stream says, its end included, and how it failed."""
    reader = OllamaChat("ollama").reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks.extend(reader.feed(piece))
        if reader.failure is not None:
            return chunks, reader.failure
    chunks.extend(reader.end())
    return chunks, reader.failure


def read(*pieces: bytes) -> list[Chunk]:
    """Everything a stream says, its end included. Raises how it failed."""
    chunks, failure = take(*pieces)
    if failure is not None:
        raise failure
    return chunks


def joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The same chunks with neighbouring deltas of one part in one piece."""
    out: list[Chunk] = []
    for chunk in chunks:
        match out[-1] if out else None, chunk:
            case TextDelta(i, a, p), TextDelta(j, b, q) if i == j:
                out[-1] = TextDelta(i, a + b, p + q)
            case ReasoningDelta(i, a), ReasoningDelta(j, b) if i == j:
                out[-1] = ReasoningDelta(i, a + b)
            case _:
                out.append(chunk)
    return out


def line(*, done: bool = False, **message: object) -> bytes:
    reason = {"done_reason": "stop"} if done else {}
    body = {"model": "m", "created_at": "now", "message": message, "done": done, **reason}
    return json.dumps(body).encode() + b"\n"


DONE = line(done=True)


def test_text_comes_in_whole_characters_and_ends_with_usage_and_times() -> None:
    *chunks, finished = read(RECORDED["text"])
    assert chunks == [
        TextDelta(0, "Grüße aus 東京 🗼"),
        PartFinished(0, Text("Grüße aus 東京 🗼")),
    ]
    assert isinstance(finished, Finished)
    assert (finished.finish, finished.model) == (Finish.STOP, "llama3.2:3b")
    assert finished.usage == Usage(uncached_input=26, output=5)
    assert json.loads(finished.metadata_json) == {
        "created_at": "2026-11-20T10:15:30.123456789Z",
        "total_duration": 4883583458,
        "load_duration": 1334875,
        "prompt_eval_duration": 342546000,
        "eval_duration": 4535599000,
    }


def test_calls_come_whole_and_turn_stop_into_tool_calls() -> None:
    *chunks, finished = read(RECORDED["tools"])
    minted = chunks[2]
    assert isinstance(minted, ToolCallStarted)
    assert minted.call_id.startswith("call_")
    assert chunks == [
        TextDelta(0, "Let me look."),
        PartFinished(0, Text("Let me look.")),
        ToolCallStarted(1, minted.call_id, "get_weather"),
        ToolCallDelta(1, '{"city":"Oslo","days":3}'),
        PartFinished(1, ToolCall(minted.call_id, "get_weather", '{"city":"Oslo","days":3}')),
        ToolCallStarted(2, "call_kept", "get_time"),
        ToolCallDelta(2, "{}"),
        PartFinished(2, ToolCall("call_kept", "get_time", "{}")),
    ]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.TOOL_CALLS


def test_minted_ids_repeat_with_the_answer_and_differ_otherwise() -> None:
    calls = [{"function": {"name": "f", "arguments": {}}}] * 2
    twice = line(tool_calls=calls) + line(tool_calls=calls[:1]) + DONE
    ids = [chunk.call_id for chunk in read(twice) if isinstance(chunk, ToolCallStarted)]
    assert len(set(ids)) == 3
    assert ids == [chunk.call_id for chunk in read(twice) if isinstance(chunk, ToolCallStarted)]
    later = twice.replace(b'"now"', b'"later"')
    others = [chunk.call_id for chunk in read(later) if isinstance(chunk, ToolCallStarted)]
    assert not set(ids) & set(others)


def test_thinking_is_reasoning_and_length_is_length() -> None:
    *chunks, finished = read(RECORDED["thinking"])
    assert chunks == [
        ReasoningDelta(0, "Two and two."),
        PartFinished(0, Reasoning("Two and two.", provider="ollama")),
        TextDelta(1, "Four."),
        PartFinished(1, Text("Four.")),
    ]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.LENGTH


def test_a_prompt_that_was_not_counted_makes_no_usage() -> None:
    finished = read(RECORDED["cached_prompt"])[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is None


def test_logprobs_travel_with_their_text() -> None:
    body = {"message": {"content": "Yes"}, "logprobs": [{"token": "Yes", "logprob": -0.5}]}
    first = read(json.dumps(body).encode() + b"\n" + DONE)[0]
    assert first == TextDelta(0, "Yes", (Logprob("Yes", -0.5),))


def test_an_unknown_reason_is_kept_as_it_came() -> None:
    finished = read(DONE.replace(b'"stop"', b'"load"'))[-1]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.OTHER
    assert json.loads(finished.metadata_json)["done_reason"] == "load"


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 5_000), max_size=12))
def test_any_split_of_the_bytes_says_the_same(name: str, at: list[int]) -> None:
    data = RECORDED[name]
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert joined(read(*pieces)) == joined(read(data))


@pytest.mark.parametrize("name", NAMES)
def test_cut_anywhere_a_stream_is_broken_off_and_never_finished(name: str) -> None:
    data = RECORDED[name]
    whole = joined(read(data))
    for length in range(len(data)):
        chunks, failure = take(data[:length])
        seen = joined(chunks)
        assert not any(isinstance(chunk, Finished) for chunk in seen)
        assert seen[:-1] == whole[: max(0, len(seen) - 1)]
        assert isinstance(failure, BadResponse)
        assert "without done: true" in failure.message


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_answer_has_the_parts_of_its_stream(name: str) -> None:
    body = (DATA / f"{name}.json").read_bytes()
    whole = OllamaChat("ollama").completion(WireResponse(200, {}, body))
    assembler = Assembler()
    *chunks, finished = read(RECORDED[name])
    for chunk in chunks:
        assembler.add(chunk)
    assert isinstance(finished, Finished)
    assert (finished.finish, finished.usage) == (whole.finish, whole.usage)
    streamed = [part for part in assembler.parts() if not isinstance(part, ToolCall)]
    assert streamed == [part for part in whole.parts if not isinstance(part, ToolCall)]
    names = [(c.name, json.loads(c.arguments_json)) for c in whole.parts if isinstance(c, ToolCall)]
    assert names == [
        (c.name, json.loads(c.arguments_json)) for c in assembler.parts() if isinstance(c, ToolCall)
    ]


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (line(content="x"), "without done"),
        (b"", "without done"),
        (b'{"message":\n', "no chat answer"),
        (b"[]\n", "no chat answer"),
        (b"[" * 100_000 + b"\n", "no chat answer"),
        (b'{"message":{"content":"\xff"}}\n', "no chat answer"),
        (b"{}\n", "without a message"),
        (b"<html>Bad gateway</html>\n", "no chat answer"),
        (line(tool_calls=[{"function": {"arguments": {}}}]), "without a name"),
        (line(tool_calls=[{"function": {"name": "f", "arguments": [1]}}]), "no object"),
        (
            line(tool_calls=[{"function": {"name": "f", "arguments": {"a": "?"}}}]).replace(
                b"?", b"\xff"
            ),
            "no text",
        ),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than"),
    ],
)
def test_what_makes_no_sense_is_a_bad_response(stream: bytes, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        read(stream)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("model 'x' not found", ModelGone),
        ("server busy, please try again. maximum pending requests exceeded", Overloaded),
        ("the input exceeds the context length", ContextTooLong),
        ("x does not support thinking", Unsupported),
        ("an error was encountered while running the model", ProviderFailed),
    ],
)
def test_an_error_line_is_told_by_known_words(said: str, kind: type[GatewayError]) -> None:
    with pytest.raises(kind):
        read(json.dumps({"error": said}).encode() + b"\n")


def test_an_error_after_output_does_not_take_the_output_back() -> None:
    data = (DATA / "error_after_output.ndjson").read_bytes()
    first, rest = data.split(b"\n", 1)
    for pieces in ([data], [first + b"\n", rest]):
        chunks, failure = take(*pieces)
        assert chunks == [TextDelta(0, "Half an")]
        assert type(failure) is ProviderFailed
        assert "CUDA" not in failure.message


@given(st.binary(max_size=200), st.integers(0, 1_000))
def test_garbage_gives_errors_of_the_tree_and_nothing_else(junk: bytes, at: int) -> None:
    data = RECORDED["tools"]
    with contextlib.suppress(GatewayError):
        read(data[:at] + junk + data[at:])


def test_a_second_end_does_no_harm() -> None:
    said = line(content="Hi") + DONE
    assert read(said + DONE) == read(said)


@pytest.mark.parametrize("more", [line(content="x"), b"garbage\n", b'{"error":"boom"}\n'])
def test_what_comes_after_the_end_does_not_hide_the_end(more: bytes) -> None:
    said = line(content="Hi") + DONE
    chunks, failure = take(said + more)
    assert chunks == read(said)
    assert isinstance(failure, BadResponse | ProviderFailed)


@pytest.mark.parametrize("odd", [b"-1", b"1.5", b'"26"', b"1e400", b"9" * 30, b"null", b"[{}]"])
def test_an_odd_count_is_none_and_costs_no_answer(odd: bytes) -> None:
    data = RECORDED["text"]
    for count in (b'"prompt_eval_count":26', b'"eval_count":5'):
        assert count in data
        *chunks, finished = read(data.replace(count, count.split(b":")[0] + b":" + odd))
        assert chunks == read(data)[:-1]
        assert isinstance(finished, Finished)
        assert finished.usage is None


@pytest.mark.parametrize("odd", [b"7", b"{}", b"1e400", b"null"])
def test_what_is_said_beside_the_words_may_be_odd(odd: bytes) -> None:
    data = RECORDED["tools"]
    for name in (b"model", b"created_at", b"done_reason", b"total_duration"):
        broken = re.sub(b'"%s":("[^"]*"|[0-9]+)' % name, b'"%s":%s' % (name, odd), data)
        assert broken != data
        assert len(read(broken)) == len(read(data))
