"""How many tokens a request is taken for: what is likely, and what it can be at the most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.chat import (
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.estimate import LIKELY, MOST, Tokens, apart_tokens, input_tokens
from hexgate.domain.spec import AnyJson, SchemaJson, Spec, Tool

ANY = st.text(st.characters(exclude_categories=()))  # lone surrogates too
MESSAGE = Tokens(4, 16)
LINK = Link("https://example.com/a")


def said(*parts: Part) -> Spec:
    """One message of the user."""
    return Spec(model="m", messages=(Message(Role.USER, parts),))


def beside(spec: Spec) -> tuple[int, int]:
    """What one message has beside what is wrapped around it: likely, and at the most."""
    found = Tokens.of(spec)
    return found.likely - MESSAGE.likely, found.most - MESSAGE.most


# Likely a token for four bytes, rounded up; at the most one for each.
@pytest.mark.parametrize(
    ("text", "likely", "most"),
    [
        ("", 0, 0),
        ("a", 1, 1),
        ("four", 1, 4),
        ("Hello there", 3, 11),
        ("\u00e9t\u00e9", 2, 5),
        ("\u4e2d\u6587", 2, 6),  # Chinese has three bytes a character
        ("\u65e5\u672c\u8a9e", 3, 9),
        ("\U0001f600", 1, 4),
        ("\U0001f469\u200d\U0001f467", 3, 11),  # two people and what joins them are one family
        ("\ud800", 1, 3),  # half a pair, which no encoding has
    ],
)
def test_a_text_is_counted_by_its_bytes(text: str, likely: int, most: int) -> None:
    assert (LIKELY.text(text), MOST.text(text)) == (likely, most)
    assert beside(said(Text(text))) == (likely, most)


@given(ANY)
def test_at_the_most_a_text_has_as_many_tokens_as_bytes_and_never_fewer_than_are_likely(
    text: str,
) -> None:
    found = Tokens.of(EmbedSpec(model="m", inputs=((Text(text),),)))
    assert found.most >= len(text.encode(errors="surrogatepass"))
    assert found.most >= found.likely
    assert found.likely > 0 or not text


SOURCES = st.builds(Inline, st.binary(max_size=9_000)) | st.just(LINK)
MEDIA = st.builds(
    Media, st.sampled_from(("image/png", "application/pdf", "audio/wav", "")), SOURCES
)
TEXTS = st.builds(Text, ANY)
PARTS: st.SearchStrategy[Part] = st.one_of(
    TEXTS,
    MEDIA,
    st.builds(Reasoning, ANY),
    st.builds(Refusal, ANY),
    st.builds(ToolCall, ANY, ANY, ANY),
    st.builds(ToolResult, ANY, st.lists(TEXTS | MEDIA, max_size=2).map(tuple)),
)
MESSAGES = st.builds(Message, st.sampled_from(Role), st.lists(PARTS, max_size=3).map(tuple))
SPECS = st.builds(
    Spec,
    model=st.just("m"),
    messages=st.lists(MESSAGES, max_size=3).map(tuple),
    tools=st.lists(st.builds(Tool, ANY, ANY, ANY), max_size=2).map(tuple),
    output=st.builds(SchemaJson, ANY, ANY) | st.just(AnyJson()),
)


@given(SPECS)
def test_no_request_is_likely_to_have_more_tokens_than_it_can_have(spec: Spec) -> None:
    found = Tokens.of(spec)
    assert found.most >= found.likely
    every = frozenset({"image", "audio", "video"})
    assert found.most >= apart_tokens(spec, every, MOST) >= apart_tokens(spec, every)


def test_around_each_message_there_are_some_more() -> None:
    spec = Spec(model="m", messages=(Message(Role.SYSTEM, ()), Message(Role.USER, (Text("four"),))))
    assert Tokens.of(spec) == Tokens(2 * 4 + 1, 2 * 16 + 4)


def test_all_that_is_said_counts_whoever_says_it() -> None:
    # Twelve bytes each.
    assert beside(said(Reasoning("I think so, "))) == (3, 12)
    assert beside(said(Refusal("I would not."))) == (3, 12)
    # Ids, names and signatures are bytes that may be counted, too.
    assert beside(said(ToolCall("c1", "look", '{"at":2}'))) == (3, 12 + 2)
    assert beside(said(Reasoning("I think so, ", b"\0" * 100))) == (3, 12 + 100)


def test_what_a_tool_found_counts_as_what_it_is() -> None:
    image = Media("image/png", LINK)
    found = ToolResult("c1", (Text("four"), image))
    assert beside(said(found)) == (1 + 1_000, 4 + 5_000 + 2)


def test_a_tool_brings_hidden_instructions() -> None:
    tool = Tool("look", "Looks it up.", '{"at":2}')  # 24 bytes
    spec = Spec(model="m", messages=(), tools=(tool, tool))
    assert Tokens.of(spec) == Tokens(2 * (4 + 6), 2 * (800 + 24))


def test_a_schema_is_read_too() -> None:
    spec = Spec(model="m", messages=(), output=SchemaJson("s", '{"at":2}'))
    assert Tokens.of(spec) == Tokens(2, 8 + 1)
    assert Tokens.of(Spec(model="m", messages=(), output=AnyJson())) == Tokens(0, 0)


@pytest.mark.parametrize("source", [Inline(b"PNG"), Inline(bytes(90_000)), LINK])
def test_an_image_has_the_same_wherever_it_is_and_however_large(source: Inline | Link) -> None:
    assert beside(said(Media("image/png", source))) == (1_000, 5_000)


# Likely a token for three bytes; at the most one for each, and the pages of a short one are images.
@pytest.mark.parametrize(
    ("size", "likely", "most"),
    [
        (0, 0, 5_000),
        (1, 1, 5_000),
        (30, 10, 5_000),
        (5_001, 1_667, 5_001),
        (90_000, 30_000, 90_000),
    ],
)
def test_a_document_is_counted_by_its_size(size: int, likely: int, most: int) -> None:
    assert beside(said(Media("application/pdf", Inline(bytes(size))))) == (likely, most)


@pytest.mark.parametrize("source", [LINK, FileId("openai", "f1")])
def test_of_a_document_somewhere_else_nobody_knows_the_size(source: Link | FileId) -> None:
    assert beside(said(Media("application/pdf", source))) == (1_000, 100_000)


def test_embeddings_have_what_is_embedded_and_nothing_around_it() -> None:
    image = Media("image/png", Inline(b"PNG"))
    spec = EmbedSpec(model="m", inputs=((Text("four"),), (Text("Hello there"), image), ()))
    assert Tokens.of(spec) == Tokens(1 + 3 + 1_000, 4 + 11 + 5_000)
    assert input_tokens(spec) == 1_004


# Media that may cost something else than text

BYTES = Inline(bytes(30))  # ten tokens; an image is taken for a thousand


def tokens(media: Media, *kinds: str) -> int:
    return apart_tokens(EmbedSpec(model="m", inputs=((Text("a"), media),)), frozenset(kinds))


@pytest.mark.parametrize(
    ("media_type", "kind", "found"),
    [
        ("audio/wav", "audio", 10),
        ("AUDIO/wav", "audio", 10),
        ("audio/wav", "image", 0),
        ("image/png", "image", 1_000),
        ("image/png", "audio", 0),
        ("video/mp4", "video", 10),
        ("video/mp4", "audio", 10),  # it has sound
        ("video/mp4", "image", 0),
        ("application/pdf", "image", 10),  # its pages are read as images
        ("application/pdf", "audio", 0),
        ("text/plain", "image", 0),
        ("", "video", 10),  # it may be anything
    ],
)
def test_media_are_apart_where_they_may_hold_the_kind(
    media_type: str, kind: str, found: int
) -> None:
    assert tokens(Media(media_type, BYTES), kind) == found


def test_media_that_are_somewhere_else_count_as_a_usual_image() -> None:
    assert tokens(Media("audio/wav", FileId("openai", "f1")), "audio") == 1_000


def test_what_media_can_be_at_the_most_is_told_apart_by_the_same_rules() -> None:
    spec = EmbedSpec(model="m", inputs=((Media("audio/wav", BYTES), Media("image/png", BYTES)),))
    assert apart_tokens(spec, frozenset({"audio"}), MOST) == 5_000
    assert apart_tokens(spec, frozenset({"audio", "image"}), MOST) == 10_000


def test_all_media_of_a_request_are_found_in_results_of_tools_as_well() -> None:
    wav = Media("audio/wav", BYTES)
    spec = Spec(
        model="m",
        messages=(
            Message(Role.USER, (wav, Text("what is this?"))),
            Message(Role.TOOL, (ToolResult("c1", (Text("here"), wav)),)),
        ),
    )
    assert apart_tokens(spec, frozenset({"audio", "image"})) == 20
