"""The tool calls of streamed answers."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.dialects.openai_chat import OpenAIChat
from hexgate.domain.answer import (
    Finish,
    Finished,
    PartFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from hexgate.domain.chat import Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
)
from tests.adapters.providers.dialects.openai_chat.recorded import (
    DONE,
    RECORDED,
    STOP,
    call,
    delta,
    parts,
    read,
)


def test_calls_follow_the_text_as_parts_of_their_own() -> None:
    assert read(RECORDED["tools"])[:-1] == [
        TextDelta(0, "Let me look."),
        PartFinished(0, Text("Let me look.")),
        ToolCallStarted(1, "call_gX1", "get_weather"),
        ToolCallDelta(1, '{"city": "Oslo"}'),
        PartFinished(1, ToolCall("call_gX1", "get_weather", '{"city": "Oslo"}')),
        ToolCallStarted(2, "call_gX2", "get_time"),
        ToolCallDelta(2, '{"zone": "CET"}'),
        PartFinished(2, ToolCall("call_gX2", "get_time", '{"zone": "CET"}')),
    ]


def test_text_after_a_call_is_a_later_part() -> None:
    chunks = read(call(0, "f", id="c") + delta(content="Done.") + STOP + DONE)
    assert chunks[-3:-1] == [TextDelta(1, "Done."), PartFinished(1, Text("Done."))]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    chunks = read(call(0, "now", id="c") + delta("tool_calls") + DONE)
    assert chunks[:-1] == [
        ToolCallStarted(0, "c", "now"),
        ToolCallDelta(0, "{}"),
        PartFinished(0, ToolCall("c", "now", "{}")),
    ]


@pytest.mark.parametrize("index", [0, None], ids=["the same index", "no index"])
def test_calls_are_told_apart_by_id_where_the_index_says_nothing(index: int | None) -> None:
    calls = call(index, "f", "{", id="a") + call(index, "", "}") + call(index, "g", "[]", id="b")
    parts = [chunk.part for chunk in read(calls + STOP + DONE) if isinstance(chunk, PartFinished)]
    assert parts == [ToolCall("a", "f", "{}"), ToolCall("b", "g", "[]")]


MIXED = (
    call(0, "f", '{"a":', id="a"),
    call(1, "g", '{"b"', id="b"),
    call(0, "", "1}"),
    call(2, "h", id="c"),
    call(1, "", ":2}"),
)


def test_mixed_fragments_of_calls_are_put_in_order() -> None:
    chunks = read(*MIXED, STOP, DONE)
    assert chunks[:-1] == [
        ToolCallStarted(0, "a", "f"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        PartFinished(0, ToolCall("a", "f", '{"a":1}')),
        ToolCallStarted(1, "b", "g"),
        ToolCallDelta(1, '{"b":2}'),
        PartFinished(1, ToolCall("b", "g", '{"b":2}')),
        ToolCallStarted(2, "c", "h"),
        ToolCallDelta(2, "{}"),
        PartFinished(2, ToolCall("c", "h", "{}")),
    ]


def test_what_was_held_back_comes_before_the_text_that_follows() -> None:
    made = parts(*MIXED, delta(content="Done."), STOP, DONE)
    assert [getattr(part, "name", "text") for part in made] == ["f", "g", "h", "text"]
    with pytest.raises(BadResponse, match="out of order"):
        read(*MIXED, delta(content="Done."), call(1, "", "more"))


def test_an_empty_delta_does_not_let_text_overtake_what_was_held_back() -> None:
    made = parts(*MIXED, delta(), delta(content="Do"), delta(content="ne."), STOP, DONE)
    assert [getattr(part, "name", "text") for part in made] == ["f", "g", "h", "text"]
    with pytest.raises(BadResponse, match="out of order"):
        read(call(0, "f", "{", id="a"), delta(), delta(content="x"), call(0, "", "}"))


def test_calls_one_after_the_other_go_out_as_they_come() -> None:
    reader = OpenAIChat("openai").reader()
    reader.feed(call(0, "f", '{"a":1', id="a"))
    reader.feed(call(0, "", "}"))
    begun = reader.feed(call(1, "g", '{"b"', id="b"))
    assert begun[-2:] == [ToolCallStarted(1, "b", "g"), ToolCallDelta(1, '{"b"')]
    assert reader.feed(call(1, "", ":2}")) == [ToolCallDelta(1, ":2}")]


def test_a_call_may_begin_whose_index_is_lower() -> None:
    made = parts(call(1, "f", "{}", id="a"), call(0, "g", "{}", id="b"), STOP, DONE)
    assert made == [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")]


def test_an_empty_fragment_of_a_call_that_is_complete_says_nothing() -> None:
    made = parts(call(0, "f", "{}", id="a"), call(1, "g", "{}", id="b"), call(0), STOP, DONE)
    assert made == [ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}")]


def test_calls_without_ids_get_some_that_repeat_with_the_answer_alone() -> None:
    two = call(0, "f") + call(1, "f") + STOP + DONE
    first, second = (c.call_id for c in read(two) if isinstance(c, ToolCallStarted))
    assert first.startswith("call_")
    assert first != second
    again = [c.call_id for c in read(two) if isinstance(c, ToolCallStarted)]
    assert again == [first, second]
    other = two.replace(b'"id": "x"', b'"id": "y"')
    assert first not in {c.call_id for c in read(other) if isinstance(c, ToolCallStarted)}


def test_stop_after_a_forced_call_means_tool_calls() -> None:
    finished = read(call(0, "f", "{}", id="c") + STOP + DONE)[-1]
    assert isinstance(finished, Finished)
    assert finished.finish is Finish.TOOL_CALLS
