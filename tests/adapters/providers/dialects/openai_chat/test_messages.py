"""Every part of a conversation in the words of chat completions."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.providers.dialects.openai_chat import COMPATIBLE, MISTRAL, OPENAI
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
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
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.spec import Params
from tests.adapters.providers.dialects.openai_chat.asking import (
    HELLO,
    PLAIN,
    REASONER,
    ask,
    messages,
    payload,
    refused,
    sent,
    warned,
)


@pytest.mark.parametrize(("model", "role"), [(PLAIN, "system"), (REASONER, "developer")])
def test_system_words_go_by_the_name_that_the_model_knows(model: str, role: str) -> None:
    call = ask(model, messages=(Message(Role.SYSTEM, (Text("A"), Text("B"))), *HELLO))
    assert payload(call)["messages"] == [
        {"role": role, "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
        {"role": "user", "content": "Hi"},
    ]


def test_marks_are_left_out_because_caching_is_automatic() -> None:
    request = sent(ask(messages=(Message(Role.USER, (Text("Hi", CacheMark(300)),)),)))
    assert request.payload["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.warnings == ()


def test_names_of_participants_are_sent() -> None:
    call = ask(messages=(Message(Role.USER, (Text("Hi"),), "ada"),))
    assert payload(call)["messages"] == [{"role": "user", "content": "Hi", "name": "ada"}]


def test_media_are_content_parts() -> None:
    assert messages(
        Text("Look"),
        Media("image/png", Inline(b"\x89PNG")),
        Media("", Link("https://a.example/x.png")),
        Media("audio/mpeg", Inline(b"ID3")),
        Media("application/pdf", Inline(b"%PDF"), "plan.pdf"),
        Media("application/pdf", FileId("openai", "file-1")),
    ) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "image_url", "image_url": {"url": "https://a.example/x.png"}},
                {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "plan.pdf",
                        "file_data": "data:application/pdf;base64,JVBERg==",
                    },
                },
                {"type": "file", "file": {"file_id": "file-1"}},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("media", "quirks"),
    [
        (Media("video/mp4", Inline(b"x")), OPENAI),
        (Media("audio/flac", Inline(b"x")), OPENAI),
        (Media("application/msword", Inline(b"x")), OPENAI),
        (Media("text/plain", Inline(b"\xff")), OPENAI),
        (Media("application/pdf", Link("https://a.example/x.pdf")), OPENAI),
        (Media("application/pdf", FileId("anthropic", "f")), OPENAI),
        (Media("image/png", FileId("openai", "f")), OPENAI),
        (Media("application/pdf", Inline(b"x")), COMPATIBLE),
        (Media("application/pdf", FileId("openai", "f")), COMPATIBLE),
    ],
)
def test_media_that_the_wire_has_no_place_for_are_refused(media: Media, quirks: Quirks) -> None:
    call = ask(messages=(Message(Role.USER, (Text("Look"), media)),))
    assert refused(call, quirks) == ["spec.messages[0].parts[1].media"]


@pytest.mark.parametrize("quirks", [OPENAI, COMPATIBLE])
def test_a_document_that_is_text_is_said_as_text(quirks: Quirks) -> None:
    notes = Media("text/markdown; charset=utf-8", Inline("# Å".encode()))
    assert messages(Text("Look"), notes, quirks=quirks) == [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look"}, {"type": "text", "text": "# Å"}],
        }
    ]
    data = Media("application/json", Inline(b'{"a":1}'), "a.json")
    talk = (Message(Role.TOOL, (ToolResult("c", (data,)),)),)
    request = sent(ask(messages=talk), quirks)
    assert request.payload["messages"] == [
        {"role": "tool", "tool_call_id": "c", "content": '{"a":1}'}
    ]
    field = "spec.messages[0].parts[0].tool_result.parts[0].media"
    assert warned(request) == [("FILENAME_DROPPED", field)]


def test_mistral_is_not_told_what_it_refuses() -> None:
    talk = (Message(Role.USER, (Text("Hi"),), "ada"),)
    request = sent(ask(messages=talk, params=Params(seed=7)), MISTRAL, stream=True)
    assert request.payload["messages"] == [{"role": "user", "content": "Hi"}]
    assert request.payload["random_seed"] == 7
    assert not request.payload.keys() & {"seed", "stream_options"}
    assert warned(request) == [("PARAM_DROPPED", "spec.messages[0].name")]


def test_an_earlier_answer_has_its_calls_and_their_results() -> None:
    turns = (
        Message(
            Role.ASSISTANT, (Text("Hm."), ToolCall("c1", "f", "{bad"), ToolCall("c2", "g", ""))
        ),
        Message(
            Role.TOOL,
            (ToolResult("c1", (Text("1"), Text("2"))), ToolResult("c2", (), is_error=True)),
        ),
        Message(Role.ASSISTANT, (ToolCall("c3", "f", "{}"),)),
        Message(Role.TOOL, (ToolResult("c3", (Text("3"),), is_error=True),)),
    )
    request = sent(ask(messages=turns))
    first: list[Json] = [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{bad"}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]
    third: JsonObject = {"name": "f", "arguments": "{}"}
    assert request.payload["messages"] == [
        {"role": "assistant", "content": "Hm.", "tool_calls": first},
        {
            "role": "tool",
            "tool_call_id": "c1",
            "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
        },
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c3", "type": "function", "function": third}],
        },
        {"role": "tool", "tool_call_id": "c3", "content": "3"},
    ]
    # Said once, at the first place.
    field = "spec.messages[1].parts[1].tool_result.is_error"
    assert warned(request) == [("ERROR_FLAG_DROPPED", field)]


def test_calls_that_another_vendor_made_fit() -> None:
    long = "fc_" + "0f0e" * 12
    turns = (
        Message(Role.ASSISTANT, (ToolCall(long, "notes.get", "{}"), ToolCall("c" * 40, "f", "{}"))),
        Message(Role.TOOL, (ToolResult(long, ()), ToolResult("c" * 40, ()))),
    )
    request = sent(ask(messages=turns))
    said: Any = request.payload["messages"]
    first, second = said[0]["tool_calls"]
    assert len(first["id"]) <= 40
    assert [first["id"], second["id"]] == [said[1]["tool_call_id"], said[2]["tool_call_id"]]
    assert (first["function"]["name"], second["id"]) == ("notes_get", "c" * 40)
    assert warned(request) == [("VALUE_CHANGED", "spec.messages[0].parts[0].tool_call.name")]


def test_earlier_reasoning_is_left_out_with_one_warning_of_a_kind() -> None:
    thoughts = (Reasoning("a", b"s", "anthropic"), Reasoning("b"), Reasoning("c"), Text("Four."))
    request = sent(ask(messages=(*HELLO, Message(Role.ASSISTANT, thoughts))))
    assert request.payload["messages"] == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Four."},
    ]
    assert warned(request) == [
        ("SIGNATURE_DROPPED", "spec.messages[1].parts[0].reasoning"),
        ("REASONING_DROPPED", "spec.messages[1].parts[1].reasoning"),
    ]


def test_an_earlier_refusal_is_a_part_or_else_text() -> None:
    assert messages(Refusal("No."), role=Role.ASSISTANT) == [
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    ]
    assert messages(Refusal("No."), role=Role.ASSISTANT, quirks=COMPATIBLE) == [
        {"role": "assistant", "content": "No."}
    ]


def test_media_in_answers_and_results_are_refused() -> None:
    picture = Media("image/png", Inline(b"x"))
    turns = (
        Message(Role.ASSISTANT, (picture, ToolCall("c", "f", "{}"))),
        Message(Role.TOOL, (ToolResult("c", (Text("see"), picture)),), "tool"),
    )
    assert refused(ask(messages=turns)) == [
        "spec.messages[0].parts[0].media",
        "spec.messages[1].parts[0].tool_result.parts[1].media",
    ]
    assert warned(sent(ask(messages=(Message(Role.TOOL, (ToolResult("c", ()),), "tool"),)))) == [
        ("PARAM_DROPPED", "spec.messages[0].name")
    ]
