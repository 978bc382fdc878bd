"""Whatever goes in comes out; whatever else is read is nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.adapters.cache.encoding import VERSION, decode, encode
from hexgate.domain.answer import Completion, Finish, Logprob, Warned
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.usage import Usage
from tests.contracts.cache import EVERYTHING, SHORT

words = st.text(max_size=8)
counts = st.integers(0, 2**63 - 1)
floats = st.floats(allow_nan=False)
marks = st.none() | st.builds(CacheMark, st.none() | floats)
sources = (
    st.builds(Inline, st.binary(max_size=8))
    | st.builds(Link, words)
    | st.builds(FileId, words, words)
)
texts = st.builds(Text, words, marks)
medias = st.builds(Media, words, sources, words, marks)
inner = st.lists(texts | medias, max_size=3).map(tuple)
parts = st.one_of(
    texts,
    medias,
    st.builds(ToolCall, words, words, words, marks),
    st.builds(ToolResult, words, inner, st.booleans(), marks),
    st.builds(Reasoning, words, st.binary(max_size=8), words, st.booleans()),
    st.builds(Refusal, words),
)
logprobs = st.recursive(
    st.builds(Logprob, words, floats, st.binary(max_size=4)),
    lambda more: st.builds(
        Logprob, words, floats, st.binary(), st.lists(more, max_size=2).map(tuple)
    ),
    max_leaves=4,
)
usages = st.builds(
    Usage,
    uncached_input=counts,
    cache_read=counts,
    cache_write=counts,
    cache_write_1h=counts,
    audio_input=counts,
    audio_cache_read=counts,
    image_input=counts,
    output=counts,
    audio_output=counts,
    reasoning=counts,
    estimated=st.booleans(),
)
completions = st.builds(
    Completion,
    parts=st.lists(parts, max_size=4).map(tuple),
    finish=st.sampled_from(Finish),
    usage=st.none() | usages,
    model=words,
    request_id=words,
    stop_sequence=words,
    warnings=st.lists(st.builds(Warned, words, words, words), max_size=2).map(tuple),
    logprobs=st.lists(logprobs, max_size=2).map(tuple),
    metadata_json=words,
    raw_json=words,
)

# Written by version 2. When this fails, what is in a cache would be read wrongly: raise VERSION.
GOLDEN = (
    b"hexgate\x02\x9a\x91\x92\xa4text\x82\xa4text\xa5Hello\xa4mark\xc0\xa4stop\x8b\xae"
    b"uncached_input\x03\xaacache_read\x00\xabcache_write\x00\xaecache_write_1h\x00\xabaudio_input"
    b"\x00\xb0audio_cache_read\x00\xabimage_input\x00\xa6output\x01\xacaudio_output\x00\xa9"
    b"reasoning\x00\xa9estimated\xc2\xa1m\xa0\xa0\x90\x90\xa0\xa0"
)


@given(completions)
@settings(deadline=None)
def test_any_completion_comes_back_as_it_was(completion: Completion) -> None:
    assert decode(encode(completion)) == completion


def test_what_comes_back_is_of_the_very_same_classes() -> None:
    again = decode(encode(EVERYTHING))
    assert again is not None
    assert repr(again) == repr(EVERYTHING)
    assert hash(again) == hash(EVERYTHING)


def test_the_format_of_this_version_stays() -> None:
    assert VERSION == 2
    assert encode(SHORT) == GOLDEN
    assert decode(GOLDEN) == SHORT


@given(st.binary(max_size=64))
@settings(deadline=None)
def test_bytes_of_others_are_nothing(data: bytes) -> None:
    assert decode(data) is None
    assert decode(GOLDEN[:8] + data) is None


@given(st.data())
@settings(deadline=None)
def test_damaged_bytes_are_nothing_or_a_completion(data: st.DataObject) -> None:
    whole = bytearray(encode(EVERYTHING))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    assert isinstance(decode(bytes(whole)), Completion | None)
    assert decode(bytes(whole[:at])) is None
    assert decode(bytes(whole) + b"\x00") is None


def test_another_version_is_nothing() -> None:
    data = encode(SHORT)
    assert decode(data[:7] + bytes([VERSION + 1]) + data[8:]) is None


def test_nesting_without_end_is_nothing() -> None:
    whole = encode(replace(SHORT, logprobs=(Logprob("a", 0.0, alternatives=(Logprob("b", 0.0),)),)))
    outer, inner = whole.index(b"\x84\xa5token\xa1a"), whole.index(b"\x84\xa5token\xa1b")
    assert decode(whole[:outer] + whole[outer:inner] * 100_000 + whole[inner:]) is None


@pytest.mark.parametrize(
    "completion",
    [
        Completion(parts=(Text("\ud800"),), finish=Finish.STOP, usage=None, model="m"),
        Completion(parts=(), finish=Finish.STOP, usage=Usage(output=1 << 70), model="m"),
    ],
)
def test_what_has_no_encoding_is_a_plain_error(completion: Completion) -> None:
    with pytest.raises((ValueError, OverflowError)):
        encode(completion)
