"""The streamed answers of the Messages API."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageUpdate,
    Warned,
)
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
)
from hexgate.domain.usage import Usage

DATA = Path(__file__).parents[4] / "data" / "anthropic_messages"
TEXT = (DATA / "text.sse").read_bytes()
TOOLS = (DATA / "tools.sse").read_bytes()


def take(*pieces: bytes) -> tuple[list[Chunk], GatewayError | None]:
    """Everything a stream says, its end included, and how it failed."""
    reader = AnthropicMessages("anthropic").reader()
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
            case TextDelta(i, a), TextDelta(j, b) if i == j:
                out[-1] = TextDelta(i, a + b)
            case ReasoningDelta(i, a), ReasoningDelta(j, b) if i == j:
                out[-1] = ReasoningDelta(i, a + b)
            case ToolCallDelta(i, a), ToolCallDelta(j, b) if i == j:
                out[-1] = ToolCallDelta(i, a + b)
            case _:
                out.append(chunk)
    return out


def event(name: str, **fields: object) -> bytes:
    """One event as the API frames it."""
    body = json.dumps({"type": name, **fields})
    return f"event: {name}\ndata: {body}\n\n".encode()


START = event("message_start", message={"type": "message", "model": "m", "usage": None})
OPEN = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "a"})
CLOSE = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 1})
STOP = event("message_stop")


def test_text_that_arrives_together_is_one_chunk_and_usage_is_disjoint() -> None:
    before = Usage(uncached_input=12, cache_read=5, cache_write=20, cache_write_1h=10, output=1)
    usage = Usage(uncached_input=12, cache_read=5, cache_write=20, cache_write_1h=10, output=15)
    assert read(TEXT) == [
        UsageUpdate(before),
        TextDelta(0, "Grüße aus 東京 🗼!\n"),
        PartFinished(0, Text("Grüße aus 東京 🗼!\n")),
        UsageUpdate(usage),
        Finished(
            finish=Finish.STOP,
            usage=usage,
            model="claude-sonnet-5",
            metadata_json='{"service_tier":"standard"}',
        ),
    ]


def test_reasoning_and_tool_calls_are_assembled_and_indexes_leave_no_gap() -> None:
    arguments = '{"city": "Zürich", "at": 9007199254740993}'
    usage = Usage(uncached_input=480, output=89, reasoning=40)
    thought = "The user wants two cities."
    said = "the answer held server_tool_use content; dropped"
    assert read(TOOLS) == [
        UsageUpdate(Usage(uncached_input=472, output=2)),
        ReasoningDelta(0, thought),
        PartFinished(0, Reasoning(thought, b"EqQBCgIYAhIM1gbcDa9GJwZA2b3h", "anthropic")),
        PartFinished(1, Reasoning("", b"EmwKAhgBEgy3va3pzix", "anthropic", redacted=True)),
        Warned("CONTENT_DROPPED", said),
        TextDelta(2, "Let me look."),
        PartFinished(2, Text("Let me look.")),
        ToolCallStarted(3, "toolu_01", "weather"),
        ToolCallDelta(3, arguments),
        PartFinished(3, ToolCall("toolu_01", "weather", arguments)),
        ToolCallStarted(4, "toolu_02", "now"),
        ToolCallDelta(4, "{}"),
        PartFinished(4, ToolCall("toolu_02", "now", "{}")),
        UsageUpdate(usage),
        Finished(finish=Finish.TOOL_CALLS, usage=usage, model="claude-opus-4-5-20251101"),
    ]


@pytest.mark.parametrize("recorded", [TEXT, TOOLS], ids=["text", "tools"])
@given(cuts=st.lists(st.integers(0, 4000), max_size=30))
def test_any_split_of_the_bytes_says_the_same(recorded: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(recorded)) for cut in cuts), len(recorded)]
    pieces = [recorded[a:b] for a, b in itertools.pairwise(edges)]
    assert joined(read(*pieces)) == read(recorded)


def test_single_bytes_say_the_same() -> None:
    assert joined(read(*(bytes([byte]) for byte in TOOLS))) == read(TOOLS)


def test_carriage_returns_and_missing_event_lines_say_the_same() -> None:
    assert read(TOOLS.replace(b"\n", b"\r\n")) == read(TOOLS)
    nameless = b"\n".join(line for line in TEXT.split(b"\n") if not line.startswith(b"event:"))
    assert read(nameless) == read(TEXT)


def test_no_truncation_passes_for_an_end() -> None:
    last = TOOLS.rindex(b"event: message_stop")
    for cut in range(last + len(b"event: message_stop\ndata: ")):
        with pytest.raises(BadResponse):
            read(TOOLS[:cut])


@given(garbage=st.binary(max_size=200), at=st.integers(0, len(TOOLS)))
def test_garbage_is_an_error_of_ours_or_nothing(garbage: bytes, at: int) -> None:
    try:
        chunks = read(TOOLS[:at] + garbage + TOOLS[at:])
    except GatewayError:
        return
    assert sum(isinstance(chunk, Finished) for chunk in chunks) == 1


@pytest.mark.parametrize(
    "events",
    [
        [DELTA],
        [OPEN],
        [END],
        [STOP],
        [START, START],
        [START, DELTA],
        [START, CLOSE],
        [START, STOP],
        [START, OPEN, OPEN],
        [START, OPEN, END],
        [START, OPEN, DELTA, STOP],
        [START, OPEN, CLOSE, OPEN],
        [START, OPEN, CLOSE, DELTA],
        [START, OPEN, CLOSE, CLOSE],
        [START, END, OPEN],
        [START, OPEN, event("content_block_delta", index=1, delta={"type": "text_delta"})],
        [START, OPEN, event("content_block_delta", index=0, delta={"type": "input_json_delta"})],
        [START, event("message_delta", delta={"stop_reason": None}), STOP],
        [START, event("content_block_start", index=-1, content_block={"type": "text"})],
        [START, b"event: content_block_delta\ndata: {\n\n"],
        [START, b"event: content_block_delta\ndata: " + b"[" * 5000 + b"\n\n"],
        [b"data: <html>Bad gateway</html>\n\n"],
        [b"data: " + b"a" * (5 << 20)],
    ],
)
def test_events_out_of_order_or_without_sense_are_refused(events: list[bytes]) -> None:
    _, failure = take(b"".join(events))
    assert isinstance(failure, BadResponse)


def test_a_page_is_no_stream() -> None:
    with pytest.raises(BadResponse):
        read(b"<html>\n<body>Bad gateway</body>\n</html>\n")


def test_what_follows_the_terminal_marker_is_ignored() -> None:
    whole = [START, OPEN, DELTA, CLOSE, END, STOP]
    assert read(b"".join([*whole, *whole, b"data: {\n\n"])) == read(b"".join(whole))


def test_events_and_deltas_that_are_not_known_are_skipped() -> None:
    odd = event("content_block_delta", index=0, delta={"type": "hum_delta"})
    cited = event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": {}})
    chunks = read(event("weather"), START, OPEN, odd, cited, cited, DELTA, CLOSE, END, STOP)
    warned = [chunk.message for chunk in chunks if isinstance(chunk, Warned)]
    assert warned == [
        "the answer held hum_delta content; dropped",
        "the answer held citations content; dropped",
    ]
    assert PartFinished(0, Text("a")) in chunks


def test_a_block_may_start_with_content() -> None:
    text = event("content_block_start", index=0, content_block={"type": "text", "text": "Hi "})
    assert PartFinished(0, Text("Hi a")) in read(START, text, DELTA, CLOSE, END, STOP)
    tool = {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}}
    start = event("content_block_start", index=0, content_block=tool)
    assert PartFinished(0, ToolCall("t", "n", '{"a": 1}')) in read(START, start, CLOSE, END, STOP)


def test_a_stream_without_usage_reports_none() -> None:
    end = event("message_delta", delta={"stop_reason": "end_turn"})
    *_, last = read(START, end, STOP)
    assert last == Finished(finish=Finish.STOP, usage=None, model="m")


def test_a_full_context_window_is_a_length_with_a_warning() -> None:
    end = event("message_delta", delta={"stop_reason": "model_context_window_exceeded"})
    *_, warned, last = read(START, end, STOP)
    assert isinstance(warned, Warned)
    assert warned.code == "CONTEXT_EXHAUSTED"
    assert isinstance(last, Finished)
    assert last.finish is Finish.LENGTH


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"type": "overloaded_error"}, Overloaded),
        ({"type": "api_error"}, ProviderFailed),
        ({"type": "rate_limit_error"}, ProviderLimited),
        (
            {
                "type": "rate_limit_error",
                "details": {"error_code": "enforced_spend_limit_reached"},
            },
            QuotaExhausted,
        ),
        ({"type": "brand_new_error"}, ProviderFailed),
        ({}, ProviderFailed),
    ],
)
def test_an_error_event_means_what_its_type_says(
    fault: dict[str, object], kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as raised:
        read(START, OPEN, DELTA, event("error", error={"message": "secret words", **fault}))
    assert type(raised.value) is kind
    assert "secret words" not in str(raised.value)


def test_a_recorded_error_event_ends_the_stream_after_what_came_before() -> None:
    chunks, failure = take((DATA / "error.sse").read_bytes())
    assert isinstance(failure, Overloaded)
    assert any(isinstance(chunk, UsageUpdate) for chunk in chunks)


def test_what_came_before_a_failure_in_the_same_read_comes_out() -> None:
    for last in (event("error", error={"type": "overloaded_error"}), START, b"data: {\n\n"):
        together, failure = take(START + OPEN + DELTA + last)
        assert together == [TextDelta(0, "a")]
        apart, again = take(START, OPEN, DELTA, last)
        assert apart == together
        assert type(failure) is type(again)


def test_an_error_in_the_words_of_google_is_an_error_without_a_name() -> None:
    fault = {"error": {"code": 503, "message": "secret words", "status": "UNAVAILABLE"}}
    chunks, failure = take(START, OPEN, DELTA, b"data: " + json.dumps(fault).encode() + b"\n\n")
    assert chunks == [TextDelta(0, "a")]
    assert type(failure) is Overloaded
    assert "secret words" not in str(failure)


def test_usage_is_told_once_input_and_output_are_known() -> None:
    head = {"type": "message", "model": "m", "usage": {"input_tokens": 7, "output_tokens": None}}
    start = event("message_start", message=head)
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3})
    usage = Usage(uncached_input=7, output=3)
    assert read(start + end + STOP) == [
        UsageUpdate(usage),
        Finished(finish=Finish.STOP, usage=usage, model="m"),
    ]


@pytest.mark.parametrize("odd", [-1, "3", 1.5, 2**41, 2**90, [3]])
def test_an_odd_count_costs_the_usage_and_no_answer(odd: object) -> None:
    head = {"type": "message", "model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}}
    end = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": odd})
    start = event("message_start", message=head)
    *chunks, last = read(start + OPEN + DELTA + CLOSE + end + STOP)
    assert chunks[1:] == [TextDelta(0, "a"), PartFinished(0, Text("a"))]
    assert last == Finished(finish=Finish.STOP, usage=None, model="m")


@pytest.mark.parametrize("usage", [None, 5, "many", [1]])
def test_a_message_may_start_with_an_odd_usage_and_model(usage: object) -> None:
    start = event("message_start", message={"type": "message", "model": 5, "usage": usage})
    assert read(start + END + STOP) == [Finished(finish=Finish.STOP, usage=None, model="")]


def test_blocks_that_say_nothing_are_no_parts() -> None:
    blocks = [{"type": "text", "text": ""}, {"type": "thinking", "thinking": ""}]
    pieces = [
        event("content_block_start", index=index, content_block=block)
        + event("content_block_stop", index=index)
        for index, block in enumerate(blocks)
    ]
    assert len(read(START, *pieces, END, STOP)) == 1


def test_neighbouring_blocks_of_one_kind_stay_apart() -> None:
    block = {"type": "text", "text": "a"}
    pieces = [
        event("content_block_start", index=index, content_block=block)
        + event("content_block_stop", index=index)
        for index in range(2)
    ]
    chunks = read(b"".join([START, *pieces, END, STOP]))
    assert [chunk for chunk in chunks if isinstance(chunk, PartFinished)] == [
        PartFinished(0, Text("a")),
        PartFinished(1, Text("a")),
    ]


def test_reasoning_that_is_not_shown_keeps_its_signature() -> None:
    start = {"type": "thinking", "thinking": "", "signature": ""}
    sign = {"type": "signature_delta", "signature": "EqQB"}
    pieces = [
        event("content_block_start", index=0, content_block=start),
        event("content_block_delta", index=0, delta=sign),
        CLOSE,
    ]
    chunks = read(b"".join([START, *pieces, END, STOP]))
    assert chunks[0] == PartFinished(0, Reasoning("", b"EqQB", "anthropic"))
