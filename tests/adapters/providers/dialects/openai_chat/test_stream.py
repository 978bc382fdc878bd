"""The streamed answers of chat completions."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.providers.dialects.openai_chat import COMPATIBLE, OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Finish,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    UsageUpdate,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.chat import Reasoning, Refusal, Text
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    GatewayError,
    InvalidRequest,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
)
from hexgate.domain.usage import Usage
from tests.adapters.providers.dialects.openai_chat.recorded import (
    DATA,
    DONE,
    NAMES,
    RECORDED,
    STOP,
    call,
    delta,
    event,
    joined,
    parts,
    read,
    said,
)

LENIENT = Quirks(needs_done=False)
METADATA = (
    '{"id":"chatcmpl-C8w3vQh2f5ZkT1nYb0mRsX7L","system_fingerprint":"fp_80956533eb",'
    '"service_tier":"default"}'
)


def test_text_comes_in_whole_characters_and_ends_with_disjoint_usage() -> None:
    assert read(RECORDED["text"]) == [
        TextDelta(0, "Grüße aus 東京 🗼"),
        PartFinished(0, Text("Grüße aus 東京 🗼")),
        Finished(
            finish=Finish.STOP,
            usage=Usage(uncached_input=93, cache_read=1024, output=46),
            model="gpt-4o-2024-08-06",
            metadata_json=METADATA,
        ),
    ]


def test_reasoning_is_a_part_before_the_text() -> None:
    assert read(RECORDED["reasoning"]) == [
        ReasoningDelta(0, "Two and two."),
        PartFinished(0, Reasoning("Two and two.", provider="openai")),
        TextDelta(1, "Four."),
        PartFinished(1, Text("Four.")),
        Finished(
            finish=Finish.STOP,
            usage=Usage(uncached_input=8, cache_read=4, output=9, reasoning=5),
            model="qwen3-8b",
            metadata_json='{"id":"chatcmpl-9tQ0"}',
        ),
    ]


def test_a_refusal_is_no_text() -> None:
    part, finished = read(RECORDED["refusal"])
    assert part == PartFinished(0, Refusal("I'm sorry, I can't help with that."))
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.REFUSAL


def test_logprobs_travel_with_their_text() -> None:
    first, _, finished = joined(read(RECORDED["logprobs"]))
    yes = Logprob("Yes", -0.01, b"Yes")
    assert first == TextDelta(
        0,
        "Yes.",
        (
            Logprob("Yes", -0.01, b"Yes", (yes, Logprob("No", -4.6, b"No"))),
            Logprob(".", -0.2, b"."),
        ),
    )
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.LENGTH


def test_a_filter_at_the_end_is_the_finish_and_missing_usage_is_none() -> None:
    finished = read(RECORDED["azure_filter"])[-1]
    assert isinstance(finished, Finished)
    assert (finished.finish, finished.usage) == (Finish.CONTENT_FILTER, None)
    assert finished.model == "gpt-4o-2024-08-06"


@given(st.sampled_from(NAMES), st.lists(st.integers(0, 10_000), max_size=12))
def test_any_split_of_the_bytes_says_the_same(name: str, at: list[int]) -> None:
    data = RECORDED[name]
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert joined(read(*pieces)) == joined(read(data))


@pytest.mark.parametrize("name", NAMES)
def test_single_bytes_say_the_same(name: str) -> None:
    data = RECORDED[name]
    assert joined(read(*(bytes((byte,)) for byte in data))) == joined(read(data))


@pytest.mark.parametrize("name", NAMES)
def test_cut_anywhere_a_stream_is_broken_off_and_never_finished(name: str) -> None:
    data = RECORDED[name].removesuffix(b"\n").removesuffix(b"\r")
    whole = joined(read(RECORDED[name]))
    for length in range(len(data) + 1):
        reader = OpenAIChat("openai").reader()
        seen = joined(reader.feed(data[:length]))
        assert not any(isinstance(chunk, Finished) for chunk in seen)
        assert seen[:-1] == whole[: max(0, len(seen) - 1)]
        assert not reader.end()
        assert isinstance(reader.failure, BadResponse)
        assert "without [DONE]" in reader.failure.message


@pytest.mark.parametrize("name", [name for name in NAMES if name != "azure_filter"])
def test_a_whole_answer_has_the_parts_of_its_stream(name: str) -> None:
    body = (DATA / f"{name}.json").read_bytes()
    whole = OpenAIChat("openai").completion(WireResponse(200, {}, body))
    assembler = Assembler()
    *chunks, finished = read(RECORDED[name])
    for chunk in chunks:
        assembler.add(chunk)
    assert assembler.parts() == whole.parts
    assert isinstance(finished, Finished)
    assert (finished.finish, finished.usage) == (whole.finish, whole.usage)


def test_a_server_without_a_marker_ends_after_its_finish_reason() -> None:
    finished = read(RECORDED["no_done"], quirks=LENIENT)[-1]
    assert finished == Finished(
        finish=Finish.STOP, usage=None, model="local", metadata_json='{"id":"cmpl-7"}'
    )
    with pytest.raises(BadResponse, match=r"without \[DONE\]"):
        read(RECORDED["no_done"], quirks=COMPATIBLE)


def test_without_a_marker_the_finish_reason_is_still_needed() -> None:
    with pytest.raises(BadResponse, match="without a finish reason"):
        read(delta(content="Hi"), quirks=LENIENT)


def test_totals_before_the_end_are_updates() -> None:
    totals = {"prompt_tokens": 3, "completion_tokens": 1}
    chunk = event({"choices": [{"delta": {"content": "Hi"}}], "usage": totals})
    again = event({"choices": [{"delta": {"content": "!"}}], "usage": totals})
    update = UsageUpdate(Usage(uncached_input=3, output=1))
    chunks = read(chunk + again + STOP + DONE)
    assert chunks[:3] == [TextDelta(0, "Hi"), update, TextDelta(0, "!")]
    assert [chunk for chunk in chunks if isinstance(chunk, UsageUpdate)] == [update]


def test_a_content_of_parts_is_reasoning_and_text() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    stream = delta(content=[thought]) + delta(content=[{"type": "text", "text": "Yes"}])
    made = parts(stream, delta(content=" it is."), STOP, DONE)
    assert made == [Reasoning("Hm.", provider="openai"), Text("Yes it is.")]


def logprob(token: str) -> dict[str, object]:
    return {"content": [{"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": []}]}


def scored(token: str, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"delta": fields, "finish_reason": finish, "logprobs": logprob(token)}
    return event({"id": "x", "choices": [choice]})


@pytest.mark.parametrize("together", [True, False])
def test_logprobs_wait_for_their_text(together: bool) -> None:
    pieces = [scored("a", content="a"), scored("b", content=""), delta(content="bc"), STOP, DONE]
    first = joined(read(b"".join(pieces)) if together else read(*pieces))[0]
    assert first == TextDelta(0, "abc", (Logprob("a", -0.5), Logprob("b", -0.5)))


@pytest.mark.parametrize("together", [True, False])
def test_logprobs_that_no_text_follows_are_beside_the_answer(together: bool) -> None:
    pieces = [scored("a", content="a"), scored("b", "stop"), DONE]
    chunks = read(b"".join(pieces)) if together else read(*pieces)
    assert chunks[0] == TextDelta(0, "a", (Logprob("a", -0.5),))
    finished = chunks[-1]
    assert isinstance(finished, Finished)
    assert [one["token"] for one in json.loads(finished.metadata_json)["logprobs"]] == ["b"]


@pytest.mark.parametrize(
    "wire",
    [
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": "3", "completion_tokens": 2},
        {"prompt_tokens": 3, "completion_tokens": 2.5},
        {"prompt_tokens": 3, "completion_tokens": 2**40 + 1},
        {"prompt_tokens": True, "completion_tokens": 2},
        {"prompt_tokens": 3},
        "none",
        [3, 2],
    ],
)
def test_counts_that_make_no_sense_are_not_reported(wire: object) -> None:
    finished = read(delta(content="Hi"), STOP, event({"choices": [], "usage": wire}), DONE)[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is None


def test_what_filters_and_sources_say_is_beside_the_answer() -> None:
    finished = read(RECORDED["azure_filter"])[-1]
    assert isinstance(finished, Finished)
    beside = json.loads(finished.metadata_json)
    assert beside["content_filter_results"] == {"violence": {"filtered": True, "severity": "high"}}
    assert beside["prompt_filter_results"][0]["prompt_index"] == 0
    cited = delta(content="x", annotations=[{"type": "url_citation"}])
    finished = read(cited, STOP, DONE)[-1]
    assert isinstance(finished, Finished)
    assert json.loads(finished.metadata_json)["annotations"] == [{"type": "url_citation"}]


def test_an_unknown_reason_is_kept_as_it_came() -> None:
    finished = read(delta("eos_token") + DONE)[-1]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.OTHER
    assert json.loads(finished.metadata_json)["finish_reason"] == "eos_token"


def test_keep_alives_and_empty_deltas_say_nothing() -> None:
    quiet = b": ping\n\ndata:\n\n" + delta("", content="", refusal=None) + event({"choices": []})
    assert len(read(quiet + STOP + delta(content="") + DONE)) == 1


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (DONE, r"\[DONE\] without a finish reason"),
        (delta(content="Hi") + DONE, r"\[DONE\] without a finish reason"),
        (STOP + delta(content="x") + DONE, "after a finish reason"),
        (call(0, "", "{}") + STOP + DONE, "without a name"),
        (call(0, "f", "{}", id="a") + call(1, "g", id="b") + call(0, "", "{}"), "out of order"),
        (call(0, "f", id="a") + delta(content="x") + call(0, "", "{}"), "out of order"),
        (call(0, "f", id="a") + call(0, "g", id="a"), "out of order"),
        (event({"choices": [{"index": 1, "delta": {"content": "x"}}]}), "second choice"),
        (b'data: {"choices":[{"delta"\n\n', "no chat completion"),
        (b"data: [1]\n\n", "no chat completion"),
        (b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n', "no chat completion"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "no chat completion"),
        (b"data: <html>Bad gateway</html>\n\n", "no chat completion"),
        (b"<html><body>Bad gateway</body></html>\n", r"without \[DONE\]"),
        (b"data: " + b"x" * (4 * 1024 * 1024), "larger than"),
        (b"", r"without \[DONE\]"),
    ],
)
def test_what_makes_no_sense_is_a_bad_response(stream: bytes, message: str) -> None:
    with pytest.raises(BadResponse, match=message):
        read(stream)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "server_error", "message": "", "code": None}, ProviderFailed),
        ({"message": "Rate limit reached", "code": "rate_limit_exceeded"}, ProviderLimited),
        ({"code": 503, "type": "unavailable_error", "message": "loading"}, Overloaded),
        ({"code": 400, "type": "exceed_context_size_error"}, ContextTooLong),
        ({"code": 400, "type": "BadRequestError", "message": "no"}, InvalidRequest),
        ({"type": "invalid_request_error", "param": "tools"}, InvalidRequest),
        ("out of memory", ProviderFailed),
        ({}, ProviderFailed),
        ({"code": "rate_limit_exceeded", "param": {}, "message": [], "type": 1}, ProviderLimited),
        ({"code": [400], "type": ["invalid_request_error"]}, ProviderFailed),
    ],
)
def test_an_error_in_the_stream_is_told_by_its_words(
    error: object, kind: type[GatewayError]
) -> None:
    with pytest.raises(kind):
        read(delta(content="Half"), event({"error": error}))


@pytest.mark.parametrize("together", [True, False])
def test_an_error_after_output_does_not_take_the_output_back(together: bool) -> None:
    data = (DATA / "error_after_output.sse").read_bytes()
    edge = 0 if together else data.index(b'data: {"error"')
    chunks, failure = said(data[:edge], data[edge:])
    assert chunks == [TextDelta(0, "Half an")]
    assert isinstance(failure, ProviderFailed)
    assert "server_error" in failure.message


@given(st.binary(max_size=200), st.integers(0, 3_000))
def test_garbage_gives_errors_of_the_tree_and_nothing_else(junk: bytes, at: int) -> None:
    data = RECORDED["tools"]
    try:
        read(data[:at] + junk + data[at:])
        read(b"data: " + junk + b"\n\n")
    except GatewayError:
        pass


def test_the_one_choice_needs_no_number() -> None:
    one = event({"choices": [{"index": None, "delta": {"content": "Hi"}}]})
    assert parts(one, one, STOP, DONE) == [Text("HiHi")]


def test_a_second_end_does_no_harm() -> None:
    said = delta(content="Hi") + STOP + DONE
    assert read(said + DONE) == read(said)
    assert read(delta(content="Hi") + STOP + STOP + DONE) == read(said)


@pytest.mark.parametrize(
    "more", [delta(content="x"), b"data: garbage\n\n", event({"error": {"type": "server_error"}})]
)
@pytest.mark.parametrize("together", [True, False])
def test_what_comes_after_the_end_is_no_part_of_the_answer(more: bytes, together: bool) -> None:
    whole = delta(content="Hi") + STOP + DONE
    assert (read(whole + more) if together else read(whole, more)) == read(whole)
