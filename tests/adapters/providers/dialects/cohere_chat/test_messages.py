"""The conversation in the words of /v2/chat."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from tests.adapters.providers.dialects.cohere_chat.asking import (
    HELLO,
    ask,
    messages,
    payload,
    refused,
    sent,
    warned,
)

PNG = Media("image/png", Inline(b"\x89PNG"))
PDF = Media("application/pdf", Inline(b"%PDF"))
CALL = ToolCall("c1", "now", "")
AT = "spec.messages[0].parts[0].media"


def results(*parts: Text | Media, is_error: bool = False) -> tuple[Message, ...]:
    """A conversation whose last word is what a tool returned."""
    result = ToolResult("c1", parts, is_error)
    return (*HELLO, Message(Role.ASSISTANT, (CALL,)), Message(Role.TOOL, (result,)))


def test_one_text_is_a_string_and_several_are_parts() -> None:
    found: Any = messages(Text("a"))
    assert found[1]["content"] == "a"
    found = messages(Text("a"), Text("b"))
    assert found[1]["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


def test_system_messages_lead_the_conversation_as_one() -> None:
    talk = (
        Message(Role.SYSTEM, (Text("One."),)),
        Message(Role.SYSTEM, (Text("Two."),)),
        *HELLO,
        Message(Role.SYSTEM, (Text("Three."),)),
    )
    request = sent(ask(messages=talk))
    assert request.payload["messages"] == [
        {
            "role": "system",
            "content": [{"type": "text", "text": text} for text in ("One.", "Two.", "Three.")],
        },
        {"role": "user", "content": "Hi"},
    ]
    assert warned(request) == [("SYSTEM_MOVED", "spec.messages[3]")]


def test_an_assistant_that_calls_has_a_plan_where_others_have_content() -> None:
    found: Any = messages(Text("a"), Refusal("b"), CALL, role=Role.ASSISTANT)
    assert found[1] == {
        "role": "assistant",
        "tool_plan": "a\n\nb",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
        ],
    }
    found = messages(Refusal("No."), role=Role.ASSISTANT)
    assert found[1] == {"role": "assistant", "content": "No."}


def test_own_reasoning_is_shown_again_to_models_that_reason() -> None:
    thought = Reasoning("Hm.", provider="cohere")
    found: Any = messages(thought, Text("a"), role=Role.ASSISTANT)
    assert found[1]["content"] == [
        {"type": "thinking", "thinking": "Hm."},
        {"type": "text", "text": "a"},
    ]
    talk = (*HELLO, Message(Role.ASSISTANT, (thought, Text("a"))), *HELLO)
    request = sent(ask("command-a-03-2025", messages=talk))
    assert warned(request) == [("REASONING_DROPPED", "spec.messages[1].parts[0].reasoning")]


@pytest.mark.parametrize(
    ("thought", "code"),
    [
        (Reasoning("Hm.", provider="openai"), "REASONING_DROPPED"),
        (Reasoning("Hm.", b"x", "anthropic"), "SIGNATURE_DROPPED"),
    ],
)
def test_the_reasoning_of_others_is_left_out_with_one_warning(
    thought: Reasoning, code: str
) -> None:
    talk = (*HELLO, Message(Role.ASSISTANT, (thought, thought, Text("a"))))
    request = sent(ask("any", messages=talk))
    found: Any = request.payload["messages"]
    assert found[1] == {"role": "assistant", "content": "a"}
    assert warned(request) == [(code, "spec.messages[1].parts[0].reasoning")]


def test_a_turn_that_says_nothing_is_left_out() -> None:
    talk = (*HELLO, Message(Role.ASSISTANT, (Text(""),)), *HELLO)
    request = sent(ask(messages=talk))
    assert request.payload["messages"] == [{"role": "user", "content": "Hi"}] * 2
    assert warned(request) == [("EMPTY_DROPPED", "spec.messages[1]")]


def test_images_go_to_models_that_see() -> None:
    for model in ("command-a-vision-07-2025", "c4ai-aya-vision-32b", "any"):
        found: Any = messages(PNG, model=model)
        assert found[1]["content"][0]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
    for model in ("command-a-03-2025", "command-r7b-12-2024", "command-a-reasoning-08-2025"):
        assert refused(ask(model, messages=(Message(Role.USER, (PNG,)),))) == [AT]


def test_text_documents_are_named_apart_from_the_messages() -> None:
    notes = Media("text/markdown; charset=utf-8", Inline("Å".encode()), filename="n.md")
    data = Media("application/json", Inline(b'{"a":1}'))
    found = payload(ask(messages=(Message(Role.USER, (notes, Text("Sum up."), data)),)))
    assert found["messages"] == [{"role": "user", "content": "Sum up."}]
    assert found["documents"] == [
        {"id": "doc_0", "data": {"text": "Å", "title": "n.md"}},
        {"id": "doc_1", "data": {"text": '{"a":1}'}},
    ]


def test_documents_of_an_earlier_turn_are_moved_with_a_warning() -> None:
    notes = Media("text/plain", Inline(b"Notes."))
    earlier = Message(Role.USER, (notes, Text("Read.")))
    request = sent(
        ask(messages=(*HELLO, earlier, Message(Role.ASSISTANT, (Text("Yes."),)), *HELLO))
    )
    assert warned(request) == [("DOCUMENT_MOVED", "spec.messages[1]")]
    assert sent(ask(messages=(*HELLO, earlier))).warnings == ()
    request = sent(ask(messages=(Message(Role.USER, (notes,)), *HELLO)))
    assert request.payload["messages"] == [{"role": "user", "content": "Hi"}]
    assert warned(request) == [("DOCUMENT_MOVED", "spec.messages[0]")]


def test_documents_alone_ask_nothing() -> None:
    notes = Message(Role.USER, (Media("text/plain", Inline(b"Notes.")),))
    assert refused(ask(messages=(notes,))) == ["spec.messages[0]"]
    answered = (*HELLO, Message(Role.ASSISTANT, (Text("Yes?"),)), notes)
    assert refused(ask(messages=answered)) == ["spec.messages[2]"]
    found = payload(ask(messages=(*HELLO, notes)))
    assert (found["messages"], found["documents"]) == (
        [{"role": "user", "content": "Hi"}],
        [{"id": "doc_0", "data": {"text": "Notes."}}],
    )


def test_a_plan_of_no_words_is_none() -> None:
    found: Any = messages(Text(""), CALL, role=Role.ASSISTANT)
    assert "tool_plan" not in found[1]


@pytest.mark.parametrize(
    "media",
    [
        PDF,
        Media("text/plain", Inline(b"\xff")),
        Media("text/plain", Link("https://example.org/a.txt")),
        Media("audio/wav", Inline(b"RIFF")),
        Media("image/png", FileId("cohere", "f1")),
        Media("text/plain", FileId("openai", "f1")),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(media: Media) -> None:
    assert refused(ask("any", messages=(Message(Role.USER, (media, Text("?"))),))) == [AT]


def test_a_model_without_documents_is_not_given_any() -> None:
    notes = Media("text/plain", Inline(b"Notes."))
    assert refused(ask("command", messages=(Message(Role.USER, (notes, Text("?"))),))) == [AT]


def test_a_result_is_a_message_and_may_have_documents() -> None:
    found: Any = payload(ask(messages=results(Text("Nine."))))
    assert found["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "Nine."}
    found = payload(ask(messages=results(Text("a"), Media("text/plain", Inline(b"b")))))
    assert found["messages"][2]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "document", "document": {"data": {"text": "b"}}},
    ]
    where = "spec.messages[2].parts[0].tool_result.parts[0].media"
    assert refused(ask("any", messages=results(PNG))) == [where]


def test_a_failed_result_says_so_by_its_text_alone() -> None:
    request = sent(ask(messages=results(Text("Boom."), is_error=True)))
    where = "spec.messages[2].parts[0].tool_result.is_error"
    assert warned(request) == [("ERROR_FLAG_DROPPED", where)]


def test_participants_have_no_names() -> None:
    request = sent(ask(messages=(Message(Role.USER, (Text("Hi"),), name="ada"),)))
    assert warned(request) == [("PARAM_DROPPED", "spec.messages[0].name")]


def test_cache_marks_are_ignored_as_prompts_are_cached_anyway() -> None:
    request = sent(ask(messages=(Message(Role.USER, (Text("Hi", CacheMark()),)),)))
    assert request.payload["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.warnings == ()
