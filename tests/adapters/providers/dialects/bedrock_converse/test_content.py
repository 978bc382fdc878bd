"""Every part of a conversation in the words of the Converse API."""

from __future__ import annotations

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
from hexgate.domain.spec import OnUnsupported, Params
from tests.adapters.providers.dialects.bedrock_converse.asking import (
    CLAUDE,
    GPT_OSS,
    HELLO,
    HOUR,
    LLAMA,
    MISTRAL,
    NOVA,
    TITAN,
    ask,
    body,
    model,
    refused,
    tool,
    turns,
    user,
    warned,
)

PNG = Media("image/png", Inline(b"\x89PNG"))
PDF = Media("application/pdf", Inline(b"%PDF"), "Q3 report_v2.pdf")
BRIEF = Message(Role.SYSTEM, (Text("Be brief.", HOUR),))
CALL = ToolCall("c1", "weather", '{"city": "Köln"}')
DONE = ToolResult("c1", (Text("sunny"),))


def test_system_messages_lead_and_keep_their_marks() -> None:
    call = ask(messages=(BRIEF, *HELLO, Message(Role.SYSTEM, (Text("Be kind."),))))
    made = body(call)
    assert made["system"] == [
        {"text": "Be brief."},
        {"cachePoint": {"type": "default", "ttl": "1h"}},
        {"text": "Be kind."},
    ]
    assert made["messages"] == [{"role": "user", "content": [{"text": "Hi"}]}]
    assert warned(call) == [("SYSTEM_MOVED", "spec.messages[2]")]


def test_a_model_without_system_prompt_reads_it_in_its_first_turn() -> None:
    call = ask(TITAN, messages=(Message(Role.SYSTEM, (Text("Be brief."),)), *HELLO))
    made = body(call)
    assert "system" not in made
    assert made["messages"] == [
        {"role": "user", "content": [{"text": "Be brief."}, {"text": "Hi"}]}
    ]
    assert warned(call) == [("SYSTEM_MOVED", "spec.messages")]


def test_turns_alternate_and_results_come_first_with_the_point_behind_them() -> None:
    marked = ToolResult("c2", (Text("late", HOUR),), is_error=True)
    made = turns(
        user(Text("a")),
        user(Text("b")),
        model(Text("on it"), CALL, ToolCall("c2", "now", "")),
        user(Text("and?")),
        tool(DONE),
        tool(marked),
    )
    assert made == [
        {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
        {
            "role": "assistant",
            "content": [
                {"text": "on it"},
                {"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Köln"}}},
                {"toolUse": {"toolUseId": "c2", "name": "now", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"text": "sunny"}]}},
                {
                    "toolResult": {
                        "toolUseId": "c2",
                        "content": [{"text": "late"}],
                        "status": "error",
                    }
                },
                {"cachePoint": {"type": "default", "ttl": "1h"}},
                {"text": "and?"},
            ],
        },
    ]


def test_a_conversation_that_begins_with_the_model_gets_a_turn_before_it() -> None:
    messages = (model(Text("Hello!")), *HELLO)
    assert [turn["role"] for turn in turns(*messages)] == ["user", "assistant", "user"]
    assert warned(ask(messages=messages)) == [("PARAM_CLAMPED", "spec.messages")]
    strict = Params(on_unsupported=OnUnsupported.REJECT)
    assert refused(ask(messages=messages, params=strict)) == ["spec.messages"]
    assert refused(ask(messages=(BRIEF,))) == ["spec.messages"]


def test_blank_text_is_left_out() -> None:
    parts = (Text(""), Text(" \n"), Text("x"), Text("", HOUR))
    call = ask(messages=(user(*parts), model(Text(""))))
    assert body(call)["messages"] == [{"role": "user", "content": [{"text": "x"}]}]
    assert warned(call) == [
        ("EMPTY_DROPPED", "spec.messages[0].parts[1]"),
        ("CACHE_MARK_DROPPED", "spec.messages[0].parts[3].prompt_cache"),
        ("EMPTY_DROPPED", "spec.messages[1]"),
    ]


def test_images_documents_and_videos_are_bytes_with_a_format() -> None:
    video = Media("video/3gpp", Inline(b"v"))
    made = turns(user(Text("See"), PNG, PDF, video), model=NOVA)
    assert made[0]["content"] == [
        {"text": "See"},
        {"image": {"format": "png", "source": {"bytes": "iVBORw=="}}},
        {
            "document": {
                "format": "pdf",
                "source": {"bytes": "JVBERg=="},
                "name": "Q3 report-v2-pdf",
            }
        },
        {"video": {"format": "three_gp", "source": {"bytes": "dg=="}}},
    ]


@pytest.mark.parametrize(
    ("media_type", "kind", "shape"),
    [
        ("image/JPEG", "image", "jpeg"),
        ("image/webp", "image", "webp"),
        ("text/csv; charset=utf-8", "document", "csv"),
        ("text/markdown", "document", "md"),
        ("text/x-python", "document", "txt"),
        ("application/vnd.ms-excel", "document", "xls"),
        ("video/quicktime", "video", "mov"),
        ("audio/mpeg", "audio", "mp3"),
    ],
)
def test_every_media_type_has_its_format(media_type: str, kind: str, shape: str) -> None:
    part = Media(media_type, Inline(b"x"))
    assert turns(user(Text("a"), part), model="imported")[0]["content"][1][kind]["format"] == shape


def test_documents_have_different_names_and_a_text_beside_them() -> None:
    call = ask(messages=(user(PDF, PDF, Media("text/plain", Inline(b"x"), "  ?? ")),))
    *documents, beside = body(call)["messages"][0]["content"]
    names = [each["document"]["name"] for each in documents]
    assert names == ["Q3 report-v2-pdf", "Q3 report-v2-pdf (2)", "--"]
    assert beside["text"]
    assert warned(call) == [("TEXT_ADDED", "spec.messages")]


def test_objects_of_s3_are_named_and_other_files_refused() -> None:
    kept = Media("image/png", FileId("aws", "s3://bucket/a.png"))
    block = turns(user(kept))[0]["content"][0]
    assert block["image"]["source"] == {"s3Location": {"uri": "s3://bucket/a.png"}}
    for source in (FileId("aws", "file-1"), FileId("other", "s3://b/a"), Inline(b"")):
        call = ask(messages=(user(Text("a"), Media("image/png", source)),))
        assert refused(call) == ["spec.messages[0].parts[1].media"]


def test_links_that_are_still_there_are_refused() -> None:
    link = Media("image/png", Link("https://a.test/b.png"))
    assert refused(ask(messages=(user(link),)))[0] == "spec.messages[0].parts[0].media"


@pytest.mark.parametrize(
    ("name", "part"),
    [(CLAUDE, Media("video/mp4", Inline(b"v"))), (LLAMA, PNG), (GPT_OSS, PDF), (TITAN, PNG)],
)
def test_what_a_family_cannot_see_is_refused(name: str, part: Media) -> None:
    call = ask(name, messages=(user(Text("a"), part),))
    assert refused(call) == ["spec.messages[0].parts[1].media"]


def test_ids_that_do_not_fit_are_changed_alike_in_call_and_result() -> None:
    odd, long = "call/ünïque 1", "x" * 65
    made = turns(
        *HELLO,
        model(ToolCall(odd, "f", "{}"), ToolCall(long, "f", "{}"), ToolCall("ok-1", "f", "{}")),
        tool(ToolResult(odd, ()), ToolResult(long, ()), ToolResult("ok-1", ())),
    )
    calls = [block["toolUse"]["toolUseId"] for block in made[1]["content"]]
    results = [block["toolResult"]["toolUseId"] for block in made[2]["content"]]
    assert calls == results
    assert len(set(calls)) == 3
    assert calls[2] == "ok-1"


def test_a_tool_name_of_history_is_changed_to_fit() -> None:
    call = ask(messages=(*HELLO, model(ToolCall("c", "a.b c", "{}")), tool(ToolResult("c", ()))))
    assert body(call)["messages"][1]["content"][0]["toolUse"]["name"] == "a_b_c"
    assert ("VALUE_CHANGED", "spec.messages[1].parts[0].tool_call.name") in warned(call)


def test_arguments_that_are_no_object_are_refused() -> None:
    call = ask(messages=(*HELLO, model(ToolCall("c", "f", "[1]"))))
    assert refused(call) == ["spec.messages[1].parts[0].tool_call.arguments_json"]


def test_results_hold_media_and_keep_their_order() -> None:
    result = ToolResult("c1", (Text("a"), PNG, PDF, Text(" "), Text("b")))
    made = turns(*HELLO, model(CALL), tool(result))
    kinds = [next(iter(block)) for block in made[2]["content"][0]["toolResult"]["content"]]
    assert kinds == ["text", "image", "document", "text"]


def test_a_family_that_knows_no_failed_results_says_so() -> None:
    failed = ToolResult("c1", (Text("no"),), is_error=True)
    call = ask(MISTRAL, messages=(*HELLO, model(CALL), tool(failed)))
    field = "spec.messages[2].parts[0].tool_result.is_error"
    assert ("PARAM_DROPPED", field) in warned(call)


def test_signed_reasoning_goes_back_unchanged() -> None:
    secret = b"\x00\x01\xff"
    made = turns(
        *HELLO,
        model(
            Reasoning("17 * 3", b"EqQB", "aws"),
            Reasoning("", secret, "aws", redacted=True),
            Text("51"),
        ),
        *HELLO,
    )
    assert made[1]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "17 * 3", "signature": "EqQB"}}},
        {"reasoningContent": {"redactedContent": "AAH/"}},
        {"text": "51"},
    ]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (CLAUDE, Reasoning("x", b"sig", "other")),
        (CLAUDE, Reasoning("x", b"", "aws")),
        (NOVA, Reasoning("x", b"sig", "aws")),
    ],
    ids=["another vendor", "unsigned", "another family"],
)
def test_reasoning_that_the_model_did_not_sign_is_dropped(name: str, part: Reasoning) -> None:
    call = ask(name, messages=(*HELLO, model(part, Text("51")), *HELLO))
    assert body(call)["messages"][1]["content"] == [{"text": "51"}]
    assert warned(call) == [("SIGNATURE_DROPPED", "spec.messages[1].parts[0].reasoning")]


@pytest.mark.parametrize(
    ("name", "ttl_s", "point", "codes"),
    [
        (CLAUDE, None, {"type": "default"}, []),
        (CLAUDE, 60, {"type": "default", "ttl": "5m"}, []),
        (CLAUDE, 301, {"type": "default", "ttl": "1h"}, []),
        (CLAUDE, 4000, {"type": "default", "ttl": "1h"}, ["VALUE_CLAMPED"]),
        (NOVA, 300, {"type": "default"}, []),
        (NOVA, 3600, {"type": "default"}, ["VALUE_CLAMPED"]),
        (LLAMA, None, None, ["CACHE_MARK_DROPPED"]),
    ],
)
def test_cache_points_have_the_lifetimes_of_the_family(
    name: str, ttl_s: float | None, point: object, codes: list[str]
) -> None:
    call = ask(name, messages=(user(Text("a", CacheMark(ttl_s))),))
    points = [block.get("cachePoint") for block in body(call)["messages"][0]["content"][1:]]
    assert points == ([point] if point else [])
    assert [code for code, _ in warned(call)] == codes


@pytest.mark.parametrize("first", [None, 60])
def test_no_hour_follows_five_minutes(first: float | None) -> None:
    call = ask(messages=(user(Text("a", CacheMark(first)), Text("b", HOUR)),))
    points = body(call)["messages"][0]["content"][1::2]
    assert [each["cachePoint"].get("ttl", "5m") for each in points] == ["5m", "5m"]
    assert warned(call) == [("VALUE_CLAMPED", "spec.messages[0].parts[1].prompt_cache.ttl")]


def test_no_more_than_four_points_are_sent() -> None:
    call = ask(messages=(BRIEF, user(*(Text(str(i), HOUR) for i in range(4)))))
    content = body(call)["messages"][0]["content"]
    assert sum("cachePoint" in block for block in content) == 3
    assert warned(call) == [("CACHE_MARK_DROPPED", "spec.messages[1].parts[3].prompt_cache")]


def test_what_nobody_of_that_role_may_say_is_refused() -> None:
    call = ask(messages=(Message(Role.SYSTEM, (PNG,)), user(CALL), model(PNG), *HELLO))
    assert refused(call) == [
        "spec.messages[0].parts[0]",
        "spec.messages[1].parts[0]",
        "spec.messages[2].parts[0]",
    ]


def test_refusals_are_text_and_names_are_dropped() -> None:
    call = ask(messages=(Message(Role.USER, (Text("Hi"),), "ada"), model(Refusal("No."))))
    assert body(call)["messages"][1]["content"] == [{"text": "No."}]
    assert warned(call) == [("PARAM_DROPPED", "spec.messages[0].name")]
