"""One call as a line: all that was said, or its sizes, and never a secret."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hexgate.adapters.observers.redaction import Redaction
from hexgate.adapters.observers.transcript import RECORD_CHARS, Wording, transcript
from hexgate.domain.answer import Finish
from hexgate.domain.call import Options
from hexgate.domain.chat import Inline, Link, Media, Message, Role, Text, ToolCall
from hexgate.domain.interaction import Interaction
from hexgate.domain.price import Cost
from hexgate.domain.spec import AnyJson, Params, Spec, Thinking, Tool
from hexgate.domain.usage import Usage
from tests.contracts.interactions import ASKED, EMBEDDED

USUAL = Redaction.usual()
IMAGE = {
    "type": "media",
    "media_type": "image/png",
    "bytes": 4,
    "sha256": "0f4636c78f65d363",
    "filename": "cat.png",
}

LINE = {
    "call_id": "0190-call",
    "at": "2027-01-15T08:00:00.250+00:00",
    "tenant": "acme",
    "session_id": "session-7",
    "agent_id": "agent-1",
    "end_user_id": "user-3",
    "labels": {"team": "search"},
    "streamed": True,
    "asked": {
        "model": "fast",
        "messages": [
            {"role": "system", "parts": [{"type": "text", "text": "Be brief."}]},
            {
                "role": "user",
                "name": "kim",
                "parts": [
                    {"type": "text", "text": "Look at this"},
                    IMAGE,
                    {
                        "type": "media",
                        "media_type": "application/pdf",
                        "url": "https://files.test/a.pdf?[query]",
                    },
                    {"type": "media", "media_type": "image/png", "file_id": "file-1"},
                ],
            },
            {
                "role": "assistant",
                "parts": [
                    {"type": "reasoning", "text": "I should look"},
                    {
                        "type": "tool_call",
                        "id": "c1",
                        "name": "search",
                        "arguments": '{"q": "cats"}',
                    },
                ],
            },
            {
                "role": "tool",
                "parts": [
                    {
                        "type": "tool_result",
                        "id": "c1",
                        "parts": [{"type": "text", "text": "none found"}, IMAGE],
                        "is_error": True,
                    }
                ],
            },
        ],
        "params": {"temperature": 0.0, "seed": 7, "on_unsupported": "reject"},
        "stop": ["END"],
        "tools": [
            {
                "name": "search",
                "description": "Finds things.",
                "schema": '{"type": "object"}',
                "strict": True,
            }
        ],
        "tool_choice": {"mode": "required", "allowed": ["search"], "parallel": False},
        "output": {
            "form": "schema",
            "name": "answer",
            "schema": '{"type": "object"}',
            "strict": True,
        },
        "thinking": {"effort": "high", "include": True},
        "provider_options": {"openai": '{"user": "u-1", "deep": [{"n": 1.5, "none": null}, true]}'},
    },
    "answered": {
        "provider": "openai",
        "model": "gpt-x",
        "parts": [
            {"type": "tool_call", "id": "c1", "name": "search", "arguments": '{"q": "cats"}'},
            {
                "type": "tool_result",
                "id": "c1",
                "parts": [{"type": "text", "text": "none found"}, IMAGE],
                "is_error": True,
            },
            {"type": "reasoning", "text": "I should look"},
            {"type": "refusal", "text": "I will not"},
        ],
        "finish": "tool_calls",
    },
    "duration_ms": 1500.0,
    "input_tokens": 10,
    "cached_tokens": 3,
    "output_tokens": 5,
    "cost_nanos": 300,
}


def line(
    told: Interaction,
    *,
    redaction: Redaction = USUAL,
    contents: bool = True,
    most: int = 1_000,
) -> dict[str, Any]:
    """The line of this, read again."""
    written = msgspec.json.encode(transcript(told, Wording(redaction, contents, most)))
    read: dict[str, Any] = json.loads(written)
    return read


def asking(*messages: str, **fields: Any) -> Interaction:
    """The same request with these words of a user."""
    said = tuple(Message(Role.USER, (Text(text),)) for text in messages)
    return replace(ASKED, spec=Spec(model="fast", messages=said, **fields))


def test_a_line_holds_all_that_was_said() -> None:
    assert line(ASKED) == LINE


def test_embeddings_are_their_inputs_without_vectors() -> None:
    written = line(EMBEDDED)
    assert written["asked"] == {
        "model": "vectors",
        "inputs": [[{"type": "text", "text": "one"}, IMAGE]],
        "dimensions": 8,
        "purpose": "query",
    }
    assert written["answered"] == {"provider": "openai", "model": "gpt-x"}


def test_what_is_not_known_or_not_set_is_left_out() -> None:
    told = replace(
        asking("Hi", output=AnyJson(), thinking=Thinking(), params=Params()),
        failure="CANCELLED",
        finish=None,
        parts=(),
        usage=None,
        cost=None,
    )
    written = line(told)
    assert written["asked"] == {
        "model": "fast",
        "messages": [{"role": "user", "parts": [{"type": "text", "text": "Hi"}]}],
        "output": {"form": "json"},
    }
    assert written["failure"] == "CANCELLED"
    assert not {"input_tokens", "cost_nanos", "cached", "estimated"} & set(written)


def test_an_unknown_price_is_no_cost_and_an_estimate_is_said() -> None:
    written = line(replace(ASKED, cost=Cost(unknown=True), usage=Usage(estimated=True)))
    assert "cost_nanos" not in written
    assert (written["estimated"], written["input_tokens"]) == (True, 0)
    assert line(replace(ASKED, cached=True, cost=Cost()))["cost_nanos"] == 0


def test_without_contents_there_are_sizes_and_names_alone() -> None:
    written = line(ASKED, contents=False)
    asked, answered = written["asked"], written["answered"]
    said = [part for message in asked["messages"] for part in message["parts"]]
    assert said[0] == {"type": "text", "text": {"chars": 9}}
    assert said[2] == IMAGE | {"filename": {"chars": 7}}
    assert said[6] == {
        "type": "tool_call",
        "id": "c1",
        "name": "search",
        "arguments": {"chars": 13},
    }
    assert asked["tools"][0]["description"] == {"chars": 13}
    assert asked["stop"] == [{"chars": 3}]
    assert answered["parts"][-1] == {"type": "refusal", "text": {"chars": 10}}
    assert written["labels"] == {"team": {"chars": 6}}
    text = json.dumps(written)
    for secret in (
        "brief",
        "cats",
        "none found",
        "I should",
        "Finds",
        "object",
        "END",
        "files.test",
    ):
        assert secret not in text, secret


MAIL = "kim@example.com"
OURS = {"call_id", "tenant", "failure"}


def poisoned(value: Any) -> Any:
    """The same with an address in every text of a caller or a model."""
    if isinstance(value, str):
        return f"{value} {MAIL} "
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {
            field.name: poisoned(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name not in OURS or not isinstance(value, Interaction)
        }
        return replace(value, **changed)
    if isinstance(value, Mapping):
        return {poisoned(key): poisoned(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(map(poisoned, value))
    assert value is None or isinstance(value, int | float | bytes | enum.Enum)
    return value


@pytest.mark.parametrize("contents", [True, False])
@pytest.mark.parametrize("told", [ASKED, EMBEDDED], ids=["completion", "embeddings"])
def test_there_is_no_place_for_a_secret_to_hide(told: Interaction, contents: bool) -> None:
    full = poisoned(told)
    assert MAIL in json.dumps(line(full, redaction=Redaction(())))
    written = json.dumps(line(full, contents=contents))
    assert MAIL not in written
    assert written.count("[email]") > (25 if contents and told is ASKED else 5)


def test_a_secret_in_arguments_is_found_behind_its_escapes() -> None:
    call = ToolCall("c", "send", '{"to": "kim\\u0040example.com", "n": 1}')
    (part,) = line(replace(ASKED, parts=(call,)))["answered"]["parts"]
    assert json.loads(part["arguments"]) == {"to": "[email]", "n": 1}


def test_a_link_is_written_without_what_opens_it() -> None:
    signed = Media("image/png", Link("https://me:pw@files.test/a.png?X-Amz-Signature=abc#d"))
    (part,) = line(replace(ASKED, parts=(signed,)))["answered"]["parts"]
    assert part["url"] == "https://me:[email]/a.png?[query]"


def test_a_long_text_is_cut_and_so_is_a_long_name() -> None:
    told = replace(asking("x" * 1_200), parts=(ToolCall("c", "n" * 300, "{}"),))
    written = line(told)
    text = written["asked"]["messages"][0]["parts"][0]["text"]
    assert text == "x" * 1_000 + "[cut: 200 more characters]"
    (part,) = written["answered"]["parts"]
    assert part["name"] == "n" * 256 + "[cut: 44 more characters]"


def test_a_line_has_a_bound_that_spares_the_answer_and_the_latest_words() -> None:
    half = RECORD_CHARS // 2
    told = replace(
        asking("a" * half, "b" * half, "c" * 3),
        parts=(Text("d" * 7),),
        options=Options(),
    )
    written = line(told, redaction=Redaction(()), most=RECORD_CHARS)
    first, second, third = (message["parts"][0]["text"] for message in written["asked"]["messages"])
    assert written["answered"]["parts"][0]["text"] == "d" * 7
    assert (third, second) == ("ccc", "b" * half)
    assert first == "a" * (half - 10) + "[cut: 10 more characters]"
    assert len(json.dumps(written)) < RECORD_CHARS + 2_000


def test_the_line_on_the_page_is_what_would_be_written() -> None:
    page = (Path(__file__).parents[3] / "docs/interactions.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    said = (Text("Tell kim@example.com what this is."), Media("image/png", Inline(bytes(48_213))))
    told = Interaction(
        call_id="01a22de7-f599-72d3-9e44-5c8ebf33aedb",
        tenant="default",
        started_at=1_796_066_506.14,
        duration_s=0.8124,
        spec=Spec(
            model="fast",
            messages=(Message(Role.USER, said),),
            params=Params(temperature=0.2),
            tools=(Tool("send", "Sends a mail.", '{"type": "object"}'),),
        ),
        options=Options(session_id="s-17", labels={"team": "search"}),
        streamed=True,
        provider="openai",
        model="gpt-5-mini",
        parts=(ToolCall("c1", "send", '{"to": "kim@example.com"}'),),
        finish=Finish.TOOL_CALLS,
        usage=Usage(uncached_input=1_211, output=21),
        cost=Cost(input_nanos=302_750, output_nanos=42_000),
    )
    assert json.loads(shown) == line(told)
