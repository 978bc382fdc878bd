"""Streams: what recorded ones say, and what may go wrong with any."""

from __future__ import annotations

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.gemini import Gemini
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
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    ContentFiltered,
    GatewayError,
    Overloaded,
    ProviderLimited,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.gemini.hearing import (
    GOOD,
    body,
    finished,
    read,
    recorded,
    shown,
    sse,
    whole,
)

END = body(finish="STOP")


def test_text_comes_in_pieces_with_running_totals() -> None:
    chunks = read(recorded("text.sse"))
    usage = Usage(uncached_input=8, cache_read=4, output=9)
    assert chunks == [
        TextDelta(0, "Grüße"),
        UsageUpdate(Usage(uncached_input=8, cache_read=4, output=2)),
        TextDelta(0, " aus 東"),
        UsageUpdate(Usage(uncached_input=8, cache_read=4, output=4)),
        TextDelta(0, "京 🗼!\n"),
        UsageUpdate(usage),
        PartFinished(0, Text("Grüße aus 東京 🗼!\n")),
        Finished(
            finish=Finish.STOP,
            usage=usage,
            model="gemini-2.5-flash",
            metadata_json='{"responseId":"qK8faZ"}',
        ),
    ]


def test_a_signed_call_follows_its_signature_and_calls_turn_stop_into_tool_calls() -> None:
    *chunks, end = shown(read(recorded("tools.sse")))
    minted = [chunk.call_id for chunk in chunks if isinstance(chunk, ToolCallStarted)]
    assert len(set(minted)) == 2
    assert chunks == [
        TextDelta(0, "Let me look."),
        PartFinished(0, Text("Let me look.")),
        PartFinished(1, Reasoning("", b"Cs4BAVSoXO5jYWxs", "gemini")),
        ToolCallStarted(2, minted[0], "get_weather"),
        ToolCallDelta(2, '{"city":"Oslo","days":3}'),
        PartFinished(2, ToolCall(minted[0], "get_weather", '{"city":"Oslo","days":3}')),
        ToolCallStarted(3, minted[1], "get_time"),
        ToolCallDelta(3, "{}"),
        PartFinished(3, ToolCall(minted[1], "get_time", "{}")),
    ]
    assert finished([end]).finish is Finish.TOOL_CALLS
    assert finished([end]).usage == Usage(uncached_input=40, output=41, reasoning=20)


def test_thoughts_are_reasoning_and_a_signed_piece_is_a_part_of_its_own() -> None:
    *chunks, end = shown(read(recorded("thinking.sse")))
    assert chunks == [
        ReasoningDelta(0, "Two and two."),
        PartFinished(0, Reasoning("Two and two.", provider="gemini")),
        TextDelta(1, "Four"),
        PartFinished(1, Text("Four")),
        PartFinished(2, Reasoning("", b"EvIBCu8BAVSoXO50ZXh0", "gemini")),
        TextDelta(3, "."),
        PartFinished(3, Text(".")),
    ]
    assert finished([end]).finish is Finish.LENGTH


def test_pieces_after_a_signed_one_do_not_join_it() -> None:
    pieces = [
        {"text": "a", "thoughtSignature": "QQ=="},
        {"text": "b"},
        {"text": "c", "thought": True, "thoughtSignature": "Qg=="},
        {"text": "d", "thought": True},
        {"text": "", "thoughtSignature": "Qw=="},
    ]
    assembler = Assembler()
    for chunk in read(sse(*(body(piece) for piece in pieces), END)):
        assembler.add(chunk)
    assert assembler.parts() == (
        Reasoning("", b"QQ==", "gemini"),
        Text("a"),
        Text("b"),
        Reasoning("c", b"Qg==", "gemini"),
        Reasoning("d", provider="gemini"),
        Reasoning("", b"Qw==", "gemini"),
    )


def test_a_filter_ends_the_answer_and_what_it_found_is_kept() -> None:
    end = finished(read(recorded("filtered.sse")))
    assert end.finish is Finish.CONTENT_FILTER
    kept = json.loads(end.metadata_json)
    assert kept["finishReason"] == "RECITATION"
    assert kept["citationMetadata"]["citationSources"][0]["uri"] == "https://example.org/poem"
    assert kept["safetyRatings"][0]["blocked"]


def test_a_signature_of_what_is_dropped_signs_nothing_else() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "QQ=="}
    call = {"functionCall": {"id": "c", "name": "f"}}
    chunks = read(sse(body(code, call), END))
    assert [chunk.part for chunk in chunks if isinstance(chunk, PartFinished)] == [
        ToolCall("c", "f", "{}")
    ]
    assert [chunk.code for chunk in chunks if isinstance(chunk, Warned)] == ["CONTENT_DROPPED"]


def test_fields_that_are_null_are_not_there() -> None:
    part = {"text": "a", "thoughtSignature": "QQ==", "executableCode": None, "functionCall": None}
    parts = [each.part for each in read(sse(body(part), END)) if isinstance(each, PartFinished)]
    assert parts == [Reasoning("", b"QQ==", "gemini"), Text("a")]


def test_what_is_cited_piece_by_piece_is_kept_whole() -> None:
    first, second = ({"citationMetadata": {"citations": [{"uri": uri}]}} for uri in "ab")
    again = body({"text": "y"}, candidate=second)
    stream = sse(body({"text": "x"}, candidate=first), again, again, END)
    kept = json.loads(finished(read(stream)).metadata_json)
    assert kept["citationMetadata"] == [first["citationMetadata"], second["citationMetadata"]]


def test_a_blocked_prompt_is_an_error_not_an_answer() -> None:
    with pytest.raises(ContentFiltered) as caught:
        read(recorded("blocked.sse"))
    assert caught.value.metadata == {"provider": "gemini", "code": "PROHIBITED_CONTENT"}


def test_an_error_after_output_does_not_take_the_output_back() -> None:
    reader = Gemini("gemini").reader()
    assert shown(reader.feed(recorded("error.sse"))) == [TextDelta(0, "Half an")]
    assert isinstance(reader.failure, Overloaded)
    assert "again later" not in reader.failure.message


BARE = json.dumps(
    {"error": {"code": 429, "message": "no } \n{", "status": "RESOURCE_EXHAUSTED"}}, indent=2
).encode()


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_an_error_may_come_as_bare_json_over_many_lines(size: int, newline: bytes) -> None:
    data = sse(body({"text": "Half an"})) + BARE.replace(b"\n", newline) + newline
    reader = Gemini("gemini").reader()
    chunks: list[Chunk] = []
    for start in range(0, len(data), size):
        if reader.failure is None:
            chunks += reader.feed(data[start : start + size])
    assert shown(chunks) == [TextDelta(0, "Half an")]
    assert isinstance(reader.failure, ProviderLimited)


def test_bare_json_that_never_ends_is_no_answer() -> None:
    with pytest.raises(BadResponse, match="without a finish reason"):
        read(b'{"error": {')
    with pytest.raises(BadResponse, match="no answer"):
        read(*[b'{"a":{}' * 1000] * 20)


def test_counts_may_come_after_the_reason_but_words_may_not() -> None:
    late = {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1}}
    stream = sse(body({"text": "a"}, finish="STOP"), late, END)
    assert finished(read(stream)).usage == Usage(uncached_input=3, output=1)
    for more in ({"text": "b"}, {"functionCall": {"name": "f"}}):
        with pytest.raises(BadResponse, match="after its finish reason"):
            read(sse(body({"text": "a"}, finish="STOP"), body(more)))


def test_only_the_first_candidate_is_the_answer() -> None:
    other = body({"text": "b"}, candidate={"index": 1})
    stream = sse(other, body({"text": "a"}), other, END, other)
    assert shown(read(stream))[0] == TextDelta(0, "a")


def test_minted_ids_repeat_with_the_answer_and_differ_otherwise() -> None:
    def ids(answer: str) -> list[str]:
        call = body({"functionCall": {"name": "f", "args": {}}}, responseId=answer)
        return [c.call_id for c in read(sse(call, call, END)) if isinstance(c, ToolCallStarted)]

    assert ids("a") == ids("a")
    assert len({*ids("a"), *ids("b")}) == 4


def test_unknown_content_is_told_of_once() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    said = read(sse(body(code), body(code, {"codeExecutionResult": {}}, {}), END))
    warnings = [chunk.message for chunk in said if isinstance(chunk, Warned)]
    assert [message.split()[3] for message in warnings] == [
        "executable_code",
        "code_execution_result",
        "other",
    ]


def test_logprobs_travel_with_their_text() -> None:
    chosen = [{"token": "Hi", "logProbability": -0.5}]
    top = [{"candidates": [*chosen, {"token": "Yo", "logProbability": -2.0}]}]
    found = {"logprobsResult": {"chosenCandidates": chosen, "topCandidates": top}}
    first = read(sse(body({"text": "Hi"}, candidate=found), END))[0]
    assert isinstance(first, TextDelta)
    (token,) = first.logprobs
    assert (token.token, token.logprob, len(token.alternatives)) == ("Hi", -0.5, 2)
    thought = {"text": "Hm", "thought": True}
    for pieces in (
        [body(thought, {"text": "Hi"}, candidate=found)],
        [body(thought, candidate=found), body({"text": "Hi"})],
    ):
        (delta,) = (c for c in read(sse(*pieces, END)) if isinstance(c, TextDelta))
        assert delta.logprobs == (token,)
    silent = read(sse(body({"functionCall": {"name": "f"}}, candidate=found), END))
    assert [chunk.code for chunk in silent if isinstance(chunk, Warned)] == ["CONTENT_DROPPED"]
    odd = {"logprobsResult": {"chosenCandidates": 7}}
    assert read(sse(body({"text": "Hi"}, candidate=odd), END))[0] == TextDelta(0, "Hi")


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_answer_has_the_parts_of_its_stream(name: str) -> None:
    said = whole(recorded(f"{name}.json"))
    chunks = read(recorded(f"{name}.sse"))
    assembler = Assembler()
    for chunk in chunks:
        assembler.add(chunk)
    end = finished(chunks)
    assert (end.finish, end.usage, end.model) == (said.finish, said.usage, said.model)
    assert [_told(part) for part in said.parts] == [_told(part) for part in assembler.parts()]


def _told(part: Any) -> Any:
    if isinstance(part, ToolCall):
        return part.call_id, part.name, json.loads(part.arguments_json)
    return part


@given(st.sampled_from(GOOD), st.lists(st.integers(0, 5_000), max_size=12))
def test_any_split_of_the_bytes_says_the_same(name: str, at: list[int]) -> None:
    data = recorded(f"{name}.sse")
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert shown(read(*pieces)) == shown(read(data))


@pytest.mark.parametrize("name", GOOD)
def test_cut_before_its_last_event_a_stream_is_broken_off_and_never_finished(name: str) -> None:
    data = recorded(f"{name}.sse")
    full = shown(read(data))
    for length in range(len(data) - 3):  # the last event is complete after its first empty line
        reader = Gemini("gemini").reader()
        seen: list[Chunk] = [*reader.feed(data[:length]), *reader.end()]
        assert isinstance(reader.failure, BadResponse), length
        assert not any(isinstance(chunk, Finished) for chunk in seen)
        assert shown(seen)[:-1] == full[: max(0, len(shown(seen)) - 1)]


@given(st.binary(max_size=200), st.integers(0, 1_500), st.sampled_from(GOOD))
def test_garbage_gives_errors_of_the_tree_and_nothing_else(junk: bytes, at: int, name: str) -> None:
    data = recorded(f"{name}.sse")
    with contextlib.suppress(GatewayError):
        read(data[:at] + junk + data[at:])


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"", "without a finish reason"),
        (sse(body({"text": "a"})), "without a finish reason"),
        (sse(body(finish="FINISH_REASON_UNSPECIFIED")), "without a finish reason"),
        (b"data: {\n\n", "no answer"),
        (b"data: []\n\n", "no answer"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "no answer"),
        (b'data: {"candidates":[{"content":{"parts":[{"text":"\xff"}]}}]}\n\n', "no answer"),
        (sse(body({"functionCall": {"args": {}}})), "without a name"),
        (sse(body({"functionCall": {"name": "f", "args": [1]}})), "no object"),
        (
            b'data: {"candidates":[{"content":{"parts":[{"functionCall":'
            b'{"name":"f","args":{"a":"\xff"}}}]}}]}\n\n',
            "no text",
        ),
        (sse(body({"inlineData": {"mimeType": "image/png", "data": "?"}})), "no base64"),
        (sse({"error": 7}), "makes no sense"),
        (sse(body(finish="MALFORMED_FUNCTION_CALL")), "MALFORMED_FUNCTION_CALL"),
        (b"x" * (4 * 1024 * 1024 + 1), "larger than"),
    ],
)
def test_what_makes_no_sense_is_a_bad_response(stream: bytes, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        read(stream)
