"""Every part of a conversation in the words of the Messages API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
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
from tests.adapters.providers.dialects.anthropic_messages.asking import (
    HELLO,
    OLD,
    ask,
    body,
    model,
    refused,
    said,
    tool,
    turns,
    user,
    warned,
)


def test_system_messages_lead_and_keep_their_marks() -> None:
    call = ask(
        messages=(
            Message(Role.SYSTEM, (Text("Be brief.", CacheMark(3600)),)),
            *HELLO,
            Message(Role.SYSTEM, (Text("Be kind."),)),
        )
    )
    made = body(call)
    assert made["system"] == [
        {
            "type": "text",
            "text": "Be brief.",
            "cache_control": {"type": "ephemeral", "ttl": "1h"},
        },
        {"type": "text", "text": "Be kind."},
    ]
    assert [turn["role"] for turn in made["messages"]] == ["user"]
    assert warned(call) == [("SYSTEM_MOVED", "spec.messages[2]")]


def test_results_come_first_in_one_turn_after_their_calls() -> None:
    made = turns(
        user(Text("Weather?")),
        model(Text("Looking."), ToolCall("a", "weather", '{"at":1}')),
        model(ToolCall("b_1", "now", "")),
        user(Text("Hurry.")),
        tool(ToolResult("a", (Text("sunny"),))),
        tool(ToolResult("b_1", (), is_error=True)),
    )
    assert made == [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking."},
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"at": 1}},
                {"type": "tool_use", "id": "b_1", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "a",
                    "content": [{"type": "text", "text": "sunny"}],
                },
                {"type": "tool_result", "tool_use_id": "b_1", "is_error": True},
                {"type": "text", "text": "Hurry."},
            ],
        },
    ]


def test_ids_that_do_not_fit_are_changed_alike_in_call_and_result_and_never_meet() -> None:
    ids = ("a.b", "a_b", "a:b", "x" * 65)
    made = turns(
        *HELLO,
        model(*(ToolCall(each, "f", "{}") for each in ids)),
        tool(*(ToolResult(each, ()) for each in ids)),
    )
    calls = [block["id"] for block in made[1]["content"]]
    assert calls == [block["tool_use_id"] for block in made[2]["content"]]
    assert len(set(calls)) == len(ids)
    assert calls[1] == "a_b"


def test_a_tool_name_of_history_is_changed_to_fit() -> None:
    call = ask(messages=(*HELLO, model(ToolCall("c", "a.b c", "{}")), tool(ToolResult("c", ()))))
    assert body(call)["messages"][1]["content"][0]["name"] == "a_b_c"
    assert warned(call) == [("VALUE_CHANGED", "spec.messages[1].parts[0].tool_call.name")]


def test_blank_text_is_left_out() -> None:
    call = ask(
        messages=(
            user(Text("x"), Text(" \n")),
            model(Text("\n\n", CacheMark()), ToolCall("c", "f", "{}")),
            tool(ToolResult("c", (Text("\t"),))),
        )
    )
    made = body(call)["messages"]
    assert [len(turn["content"]) for turn in made] == [1, 1, 1]
    assert made[2]["content"] == [{"type": "tool_result", "tool_use_id": "c"}]
    assert warned(call) == [
        ("EMPTY_DROPPED", "spec.messages[0].parts[1]"),
        ("EMPTY_DROPPED", "spec.messages[1].parts[0]"),
        ("CACHE_MARK_DROPPED", "spec.messages[1].parts[0].prompt_cache"),
        ("EMPTY_DROPPED", "spec.messages[2].parts[0].tool_result.parts[0]"),
    ]


def test_a_conversation_without_a_turn_is_refused() -> None:
    brief = Message(Role.SYSTEM, (Text("Be brief."),))
    assert refused(ask(messages=(brief,))) == ["spec.messages"]
    assert refused(ask(messages=(brief, user(Text(" "))))) == ["spec.messages"]


@pytest.mark.parametrize(
    ("media_type", "fetched"),
    [
        *(("image/png", True), ("image/*", True), ("", True), ("application/pdf", True)),
        *(("text/plain", False), ("text/csv; charset=utf-8", False), ("video/mp4", False)),
    ],
)
def test_links_to_what_the_api_does_not_fetch_are_left_to_the_gateway(
    media_type: str, fetched: bool
) -> None:
    media = Media(media_type, Link("https://a.test/a"))
    assert AnthropicMessages("anthropic").fetches(media) is fetched


def test_arguments_keep_their_numbers_and_the_order_of_their_keys() -> None:
    text = '{"z":9007199254740993,"a":[1.0,0.1,12345678901234567890123]}'
    call = ask(OLD, messages=(*HELLO, model(ToolCall("c", "n", text))))
    blocks: Any = said(call).payload["messages"]
    assert json.dumps(blocks[1]["content"][0]["input"], separators=(",", ":")) == text


@pytest.mark.parametrize("text", ["[1]", "{", "null", '"a"', "{'a': 1}", "{} {}", "[" * 9999])
def test_arguments_that_are_no_object_are_refused_by_their_path(text: str) -> None:
    call = ask(OLD, messages=(*HELLO, model(Text("x"), ToolCall("c", "n", text))))
    assert refused(call) == ["spec.messages[1].parts[1].tool_call.arguments_json"]


def test_own_reasoning_goes_back_unchanged_and_foreign_reasoning_stays_out() -> None:
    call = ask(
        OLD,
        messages=(
            *HELLO,
            model(
                Reasoning("hm", b"sig", "anthropic"),
                Reasoning("", b"blob", "anthropic", redacted=True),
                Reasoning("hm", b"sig", "other"),
                Reasoning("hm", b"", "anthropic"),
                Refusal("No."),
            ),
        ),
    )
    assert body(call)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "blob"},
        {"type": "text", "text": "No."},
    ]
    assert warned(call) == [
        ("SIGNATURE_DROPPED", "spec.messages[1].parts[2].reasoning"),
        ("SIGNATURE_DROPPED", "spec.messages[1].parts[3].reasoning"),
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            Media("image/PNG", Inline(b"\x89PNG")),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="},
            },
        ),
        (
            Media("", Link("https://a.test/cat")),
            {"type": "image", "source": {"type": "url", "url": "https://a.test/cat"}},
        ),
        (
            Media("", Link("https://a.test/a.PDF?x=1")),
            {"type": "document", "source": {"type": "url", "url": "https://a.test/a.PDF?x=1"}},
        ),
        (
            Media("application/pdf", Inline(b"%PDF"), "a.pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
                "title": "a.pdf",
            },
        ),
        (
            Media("text/markdown", Inline("# Tschüß".encode())),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "# Tschüß"},
            },
        ),
        (
            Media("image/JPG; q=1", Inline(b"x")),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": "eA=="},
            },
        ),
        (
            Media("application/json", Inline(b"{}")),
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "{}"},
            },
        ),
        (
            Media("application/pdf", FileId("anthropic", "file_1")),
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_media_is_sent_in_the_form_of_its_kind(part: Media, block: object) -> None:
    assert turns(user(part))[0]["content"] == [block]
    result = turns(tool(ToolResult("c", (part,))))[0]["content"][0]
    assert result["content"] == [block]


@pytest.mark.parametrize(
    "part",
    [
        Media("image/tiff", Inline(b"II*")),
        Media("audio/wav", Inline(b"RIFF")),
        Media("text/plain", Inline(b"\xff")),
        Media("video/mp4", Link("https://a.test/a.mp4")),
        Media("image/png", FileId("openai", "file_1")),
    ],
)
def test_media_that_cannot_be_sent_is_refused(part: Media) -> None:
    assert refused(ask(messages=(user(Text("x"), part),))) == ["spec.messages[0].parts[1].media"]


@pytest.mark.parametrize(
    "message",
    [
        Message(Role.SYSTEM, (Media("image/png", Inline(b"")),)),
        model(Media("image/png", Inline(b""))),
        model(ToolResult("a", ())),
        user(ToolCall("a", "b", "{}")),
        user(Reasoning("hm")),
        tool(Text("sunny")),
    ],
)
def test_parts_where_they_do_not_belong_are_refused(message: Message) -> None:
    assert refused(ask(messages=(*HELLO, message))) == ["spec.messages[1].parts[0]"]


def test_marks_become_cache_controls_and_the_fifth_is_left_out() -> None:
    ttls = (301, 3600, None, 60, 300)
    parts = [Text(str(i), CacheMark(ttl)) for i, ttl in enumerate(ttls)]
    call = ask(messages=(user(*parts),))
    controls = [block.get("cache_control") for block in body(call)["messages"][0]["content"]]
    assert controls == [
        {"type": "ephemeral", "ttl": "1h"},
        {"type": "ephemeral", "ttl": "1h"},
        {"type": "ephemeral"},
        {"type": "ephemeral", "ttl": "5m"},
        None,
    ]
    assert warned(call) == [("CACHE_MARK_DROPPED", "spec.messages[0].parts[4].prompt_cache")]


@pytest.mark.parametrize("first", [None, 60, 300])
def test_no_hour_follows_five_minutes(first: float | None) -> None:
    system = Message(Role.SYSTEM, (Text("Be brief.", CacheMark(first)),))
    call = ask(messages=(user(Text("Hi", CacheMark(3600))), system))
    made = body(call)
    assert made["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert ("VALUE_CLAMPED", "spec.messages[0].parts[0].prompt_cache.ttl") in warned(call)


def test_marks_on_calls_results_and_media_count_too() -> None:
    mark = CacheMark()
    made = turns(
        user(Media("image/png", Inline(b""), mark=mark)),
        model(ToolCall("a", "b", "{}", mark)),
        tool(ToolResult("a", (Text("x", mark),), mark=mark)),
    )
    assert json.dumps(made).count('"cache_control": {"type": "ephemeral"}') == 4


def test_every_loss_of_a_message_is_warned_of() -> None:
    call = ask(
        messages=(
            Message(Role.USER, (Text("Hi"), Text("", CacheMark())), name="Ann"),
            model(Text("")),
            user(Media("image/png", Inline(b""), "cat.png"), Text("x", CacheMark(7200))),
        )
    )
    assert warned(call) == [
        ("PARAM_DROPPED", "spec.messages[0].name"),
        ("CACHE_MARK_DROPPED", "spec.messages[0].parts[1].prompt_cache"),
        ("EMPTY_DROPPED", "spec.messages[1]"),
        ("FIELD_DROPPED", "spec.messages[2].parts[0].media.filename"),
        ("VALUE_CLAMPED", "spec.messages[2].parts[1].prompt_cache.ttl"),
    ]
