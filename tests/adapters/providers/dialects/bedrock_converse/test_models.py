"""Which model is of which family."""

from __future__ import annotations

import pytest

from hexgate.adapters.providers.claude.rules import ThinkingStyle
from hexgate.adapters.providers.dialects.bedrock_converse.models import (
    UNKNOWN,
    Cache,
    Reasons,
    TopK,
    family,
)

ARN = "arn:aws:bedrock:us-east-1"


@pytest.mark.parametrize(
    "name",
    [
        "anthropic.claude-sonnet-4-20250514-v1:0",
        "us.anthropic.claude-sonnet-4-20250514-v1:0",
        "eu.anthropic.claude-sonnet-4-20250514-v1:0",
        "apac.anthropic.claude-sonnet-4-20250514-v1:0",
        "global.anthropic.claude-sonnet-4-20250514-v1:0",
        "us-gov.anthropic.claude-sonnet-4-20250514-v1:0",
        f"{ARN}::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0",
        f"{ARN}:000000000000:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
    ],
)
def test_prefixes_and_arns_do_not_hide_the_family(name: str) -> None:
    found = family(name)
    assert found.claude.thinking is ThinkingStyle.BUDGET
    assert found.cache is Cache.SHORT
    assert not found.schemas
    assert not found.videos


@pytest.mark.parametrize(
    ("name", "thinking", "schemas", "cache", "sampling"),
    [
        ("anthropic.claude-instant-v1", ThinkingStyle.NONE, False, Cache.NONE, True),
        ("anthropic.claude-v2:1", ThinkingStyle.NONE, False, Cache.NONE, True),
        ("anthropic.claude-3-haiku-20240307-v1:0", ThinkingStyle.NONE, False, Cache.NONE, True),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", ThinkingStyle.NONE, False, Cache.SHORT, True),
        (
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
            ThinkingStyle.BUDGET,
            False,
            Cache.SHORT,
            True,
        ),
        ("anthropic.claude-opus-4-1-20250805-v1:0", ThinkingStyle.BUDGET, False, Cache.SHORT, True),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", ThinkingStyle.BUDGET, True, Cache.LONG, True),
        ("anthropic.claude-opus-4-6-v1", ThinkingStyle.ADAPTIVE, True, Cache.LONG, True),
        ("anthropic.claude-opus-4-7", ThinkingStyle.ADAPTIVE, True, Cache.LONG, False),
        ("anthropic.claude-sonnet-5", ThinkingStyle.ADAPTIVE, True, Cache.LONG, False),
        ("anthropic.claude-next", ThinkingStyle.ADAPTIVE, True, Cache.LONG, True),
    ],
)
def test_a_claude_is_what_its_version_is(
    name: str, thinking: ThinkingStyle, schemas: bool, cache: Cache, sampling: bool
) -> None:
    found = family(name)
    style = found.claude.thinking if found.reasons is Reasons.CLAUDE else ThinkingStyle.NONE
    shown = (style, found.schemas, found.cache, found.sampling)
    assert shown == (thinking, schemas, cache, sampling)


@pytest.mark.parametrize(
    ("name", "able"),
    [
        ("anthropic.claude-v2:1", "system documents"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "system tools stream_tools images documents"),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "system tools stream_tools documents"),
        ("amazon.nova-micro-v1:0", "system tools stream_tools"),
        ("amazon.nova-pro-v1:0", "system tools stream_tools images documents"),
        ("us.amazon.nova-premier-v1:0", "system tools stream_tools images documents"),
        ("amazon.titan-text-lite-v1", "documents"),
        ("amazon.titan-text-premier-v1:0", ""),
        ("cohere.command-text-v14", "documents"),
        ("cohere.command-r-plus-v1:0", "system tools documents"),
        ("meta.llama3-70b-instruct-v1:0", "system documents"),
        ("meta.llama3-1-8b-instruct-v1:0", "system tools documents"),
        ("us.meta.llama3-2-11b-instruct-v1:0", "system tools images documents"),
        ("meta.llama2-70b-chat-v1", "system documents"),
        ("us.meta.llama5-small-instruct-v1:0", "system tools images documents"),
        ("us.meta.llama4-scout-17b-instruct-v1:0", "system tools images documents"),
        ("mistral.mistral-7b-instruct-v0:2", "documents"),
        ("mistral.mistral-large-2402-v1:0", "system tools stream_tools documents"),
        ("ai21.jamba-1-5-large-v1:0", "system tools stream_tools documents"),
        ("ai21.jamba-instruct-v1:0", "system"),
        ("us.deepseek.r1-v1:0", "system documents"),
        ("openai.gpt-oss-20b-1:0", "system tools stream_tools"),
    ],
)
def test_every_family_can_do_what_the_table_says(name: str, able: str) -> None:
    found = family(name)
    asked = ("system", "tools", "stream_tools", "images", "documents")
    assert " ".join(each for each in asked if getattr(found, each)) == able


@pytest.mark.parametrize(
    ("name", "forced", "prefill", "off"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", True, True, "disabled"),
        ("anthropic.claude-opus-4-6-v1", True, False, "disabled"),
        ("us.anthropic.claude-sonnet-5-5-v1:0", False, False, "between_tools"),
        ("us.anthropic.claude-opus-5-5-v1:0", False, False, ""),
    ],
)
def test_a_claude_is_the_same_as_elsewhere(
    name: str, forced: bool, prefill: bool, off: str
) -> None:
    found = family(name)
    assert (found.any_tool, found.one_tool) == (forced, forced)
    assert (found.prefill, found.claude.off) == (prefill, off)


@pytest.mark.parametrize(
    "name",
    [
        "sim-echo",
        f"{ARN}:000000000000:imported-model/abcdefghijkl",
        "acme.new-model-v1:0",
        "cohere.command-a-v1:0",
    ],
)
def test_what_is_not_known_is_taken_at_the_callers_word(name: str) -> None:
    assert family(name) is UNKNOWN
    assert UNKNOWN.top_k is TopK.TOP_K
