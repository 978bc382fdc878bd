"""The conversation as contents, and signatures at their places."""

from __future__ import annotations

from base64 import b64encode
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
from hexgate.domain.spec import Tool
from tests.adapters.providers.dialects.gemini.asking import (
    FLASH,
    HELLO,
    NEW,
    ask,
    called,
    contents,
    on_vertex,
    parts,
    payload,
    refused,
    returned,
    sent,
    warned,
)

PNG = Media("image/png", Inline(b"\x89PNG"))
DATA = {"inlineData": {"mimeType": "image/png", "data": b64encode(b"\x89PNG").decode()}}
SIGNED = Reasoning("", b"c2lnbmVk", "gemini")


def user(text: str) -> Message:
    return Message(Role.USER, (Text(text),))


def said(*parts: Any) -> Message:
    return Message(Role.ASSISTANT, parts)


def test_system_messages_lead_wherever_they_stood() -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."), Text("Be kind.")))
    late = Message(Role.SYSTEM, (Text("And honest."),))
    request = sent(ask(messages=(system, *HELLO, late)))
    body: Any = request.payload
    told = [part["text"] for part in body["systemInstruction"]["parts"]]
    assert told == ["Be brief.", "Be kind.", "And honest."]
    assert len(body["contents"]) == 1
    assert warned(request) == [("SYSTEM_MOVED", "spec.messages[2]")]


def test_models_without_system_messages_hear_them_from_the_user() -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."),))
    request = sent(ask("gemma-3-27b-it", messages=(system, *HELLO)))
    body: Any = request.payload
    assert "systemInstruction" not in body
    assert [part["text"] for each in body["contents"] for part in each["parts"]] == [
        "Be brief.",
        "Hi",
    ]
    assert warned(request) == [("SYSTEM_MOVED", "spec.messages")]
    assert "systemInstruction" in payload(ask("gemma-4-12b", messages=(system, *HELLO)))


def test_turns_keep_their_sides_and_the_order_of_their_parts() -> None:
    turns = contents(
        Message(Role.USER, (Text("a"), PNG, Text("b", CacheMark(60)))),
        said(Text("c"), Refusal("d")),
        user("e"),
    )
    assert turns == [
        {"role": "user", "parts": [{"text": "a"}, DATA, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        {"role": "user", "parts": [{"text": "e"}]},
    ]


def test_results_of_one_turn_are_one_turn_in_the_order_of_their_calls() -> None:
    turns = contents(
        *HELLO,
        called(("x", "now"), ("y", "weather"), ("z", "now")),
        returned(("z", "3"), ("x", "1")),
        returned(("y", "2")),
        user("And?"),
    )
    results = [part["functionResponse"] for part in turns[2]["parts"]]
    assert [(each["id"], each["name"]) for each in results] == [
        ("x", "now"),
        ("y", "weather"),
        ("z", "now"),
    ]
    assert [each["response"] for each in results] == [{"output": text} for text in "123"]
    assert [turn["role"] for turn in turns] == ["user", "model", "user", "user"]
    assert turns[1]["parts"][0] == {"functionCall": {"id": "x", "name": "now", "args": {}}}


def test_what_the_model_said_in_a_row_is_one_turn() -> None:
    calls = (said(Text("Let me look.")), called(("x", "now")), returned(("x", "1")))
    turns = contents(*HELLO, *calls, said(Text("One.")), said(Text("Done.")))
    assert [turn["role"] for turn in turns] == ["user", "model", "user", "model"]
    assert turns[1]["parts"] == [
        {"text": "Let me look."},
        {"functionCall": {"id": "x", "name": "now", "args": {}}},
    ]
    assert turns[3]["parts"] == [{"text": "One."}, {"text": "Done."}]


def test_an_id_that_comes_again_is_the_latest_calls() -> None:
    turns = contents(
        *HELLO, called(("x", "a")), returned(("x", "1")), called(("x", "b")), returned(("x", "2"))
    )
    assert [turn["parts"][0]["functionResponse"]["name"] for turn in (turns[2], turns[4])] == [
        "a",
        "b",
    ]


def test_vertex_knows_calls_by_their_order_alone() -> None:
    messages = (*HELLO, called(("x", "now")), returned(("x", "1")))
    body: Any = on_vertex(ask(messages=messages)).payload
    assert body["contents"][1]["parts"] == [{"functionCall": {"name": "now", "args": {}}}]
    assert body["contents"][2]["parts"] == [
        {"functionResponse": {"name": "now", "response": {"output": "1"}}}
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("x", ()), {"output": ""}),
        (ToolResult("x", (Text("a"), Text("b"))), {"output": ["a", "b"]}),
        (ToolResult("x", (Text('{"a":1}'),)), {"output": '{"a":1}'}),
        (ToolResult("x", (Text("no"),), is_error=True), {"error": "no"}),
    ],
)
def test_results_are_wrapped_and_errors_say_so(result: ToolResult, response: Any) -> None:
    turns = contents(*HELLO, called(("x", "f")), Message(Role.TOOL, (result,)))
    assert turns[2]["parts"][0]["functionResponse"]["response"] == response


def test_newer_models_see_what_tools_show() -> None:
    shown = Message(Role.TOOL, (ToolResult("x", (Text("a"), PNG)),))
    turns = contents(*HELLO, called(("x", "f")), shown, model=NEW)
    assert turns[2]["parts"][0]["functionResponse"]["parts"] == [DATA]
    assert refused(ask(FLASH, messages=(*HELLO, called(("x", "f")), shown))) == [
        "spec.messages[2].parts[0].tool_result.parts[1].media"
    ]


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (PNG, DATA),
        (
            Media("application/pdf", FileId("gemini", "files/a")),
            {
                "fileData": {
                    "mimeType": "application/pdf",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                }
            },
        ),
        (Media("", FileId("gemini", "gs://b/o")), {"fileData": {"fileUri": "gs://b/o"}}),
    ],
)
def test_media_are_bytes_or_files_of_this_provider(media: Media, part: Any) -> None:
    assert parts(media) == [part]
    assert parts(media, role=Role.ASSISTANT) == [part]


@pytest.mark.parametrize(
    "kind", ["audio/wav", "video/mp4", "text/csv", "application/pdf", "application/x-javascript"]
)
def test_every_kind_of_media_is_inline_data(kind: str) -> None:
    assert parts(Media(kind.upper(), Inline(b"x")))[0]["inlineData"]["mimeType"] == kind


@pytest.mark.parametrize(
    "media",
    [
        Media("image/png", Link("https://a.test/b.png")),
        Media("image/png", FileId("openai", "file-1")),
        Media("application/msword", Inline(b"x")),
        Media("", Inline(b"x")),
    ],
)
def test_media_that_cannot_be_said_are_refused(media: Media) -> None:
    assert refused(ask(messages=(Message(Role.USER, (media,)),))) == [
        "spec.messages[0].parts[0].media"
    ]


def test_signatures_go_back_to_the_part_that_they_came_with() -> None:
    made = parts(
        Reasoning("I think.", b"QQ==", "gemini"),
        SIGNED,
        Text("So."),
        Text("Then."),
        SIGNED,
        ToolCall("x", "f", '{"a":1}'),
        ToolCall("y", "g", ""),
        SIGNED,
        PNG,
        SIGNED,
        role=Role.ASSISTANT,
    )
    assert made == [
        {"text": "I think.", "thought": True, "thoughtSignature": "QQ=="},
        {"text": "So.", "thoughtSignature": "c2lnbmVk"},
        {"text": "Then."},
        {
            "functionCall": {"id": "x", "name": "f", "args": {"a": 1}},
            "thoughtSignature": "c2lnbmVk",
        },
        {"functionCall": {"id": "y", "name": "g", "args": {}}},
        {**DATA, "thoughtSignature": "c2lnbmVk"},
        {"text": "", "thoughtSignature": "c2lnbmVk"},
    ]


def test_a_signature_on_empty_text_stays_there() -> None:
    made = parts(SIGNED, Text(""), SIGNED, Reasoning("b", provider="gemini"), role=Role.ASSISTANT)
    assert made == [
        {"text": "", "thoughtSignature": "c2lnbmVk"},
        {"text": "", "thoughtSignature": "c2lnbmVk"},
        {"text": "b", "thought": True},
    ]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (Reasoning("a", b"x", "anthropic"), "SIGNATURE_DROPPED"),
        (Reasoning("", b"x"), "SIGNATURE_DROPPED"),
        (Reasoning("a", b"", "anthropic"), "REASONING_DROPPED"),
    ],
)
def test_reasoning_of_others_is_left_out_with_one_warning(part: Reasoning, code: str) -> None:
    request = sent(ask(messages=(*HELLO, said(part, part, Text("b")))))
    body: Any = request.payload
    assert body["contents"][1]["parts"] == [{"text": "b"}]
    assert warned(request) == [(code, "spec.messages[1].parts[0]")]


def test_calls_of_another_vendor_get_a_stand_in_where_a_signature_is_demanded() -> None:
    earlier = (*HELLO, called(("a", "f")), returned(("a", "1")), said(Text("b")), user("c"))
    current = (called(("b", "f"), ("c", "f")), returned(("b", "1"), ("c", "2")))
    signed = (said(SIGNED, ToolCall("d", "f", "{}")), returned(("d", "1")))
    messages = (*earlier, *current, *signed)
    turns = contents(*messages, model=NEW)
    marks = [
        [part.get("thoughtSignature") for part in turn["parts"]]
        for turn in turns
        if turn["role"] == "model"
    ]
    assert marks == [
        [None],
        [None],
        ["skip_thought_signature_validator", None],
        ["c2lnbmVk"],
    ]
    assert "skip_thought" not in str(contents(*messages, model=FLASH))
    assert "skip_thought" in str(contents(*messages, model="gemini-pro-latest"))


def test_nothing_is_lost_in_silence() -> None:
    empty = Message(Role.USER, (Text(""),))
    named = Message(Role.USER, (Text("Hi"), Media("image/png", Inline(b"x"), "a.png")), "ada")
    request = sent(ask(messages=(empty, named)))
    assert warned(request) == [
        ("EMPTY_DROPPED", "spec.messages[0]"),
        ("PARAM_DROPPED", "spec.messages[1].name"),
        ("FIELD_DROPPED", "spec.messages[1].parts[1].media"),
    ]


def test_a_conversation_needs_a_turn() -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."),))
    assert refused(ask(messages=(system,))) == ["spec.messages"]
    assert refused(ask(messages=(Message(Role.SYSTEM, (PNG,)), *HELLO))) == [
        "spec.messages[0].parts[0]"
    ]


@pytest.mark.parametrize("arguments", ["{", "[1]", "7", '{"a":'])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    messages = (*HELLO, said(ToolCall("x", "f", arguments)))
    assert refused(ask(messages=messages, tools=(Tool("f", "", ""),))) == [
        "spec.messages[1].parts[0].tool_call.arguments_json"
    ]


def test_a_result_without_its_call_is_refused() -> None:
    assert refused(ask(messages=(*HELLO, returned(("x", "1"))))) == [
        "spec.messages[1].parts[0].tool_result.call_id"
    ]
