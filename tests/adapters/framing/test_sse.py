"""Bytes become events, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hexgate.adapters.framing.sse import SseReader
from hexgate.domain.errors import BadResponse

Event = tuple[bytes, bytes]

STREAMS = {
    "plain": b'data: {"a":1}\n\ndata: [DONE]\n\n',
    "named": b"event: ping\ndata: 1\n\nevent:end\ndata:2\n\n",
    "returns": b"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\n",
    "pairs": b"data: 1\r\ndata: 2\r\n\r\n",
    "comments": b": hello\n\ndata: 1\n: in between\n\n:\n\n",
    "many lines": b"data: 1\ndata\ndata: 2\nid: 7\nretry: 10\n\n",
    "mark": b"\xef\xbb\xbfdata: 1\n\n",
    "characters": "data: Grüße 東京 🗼\n\n".encode(),
    "unfinished": b"data: 1\n\ndata: 2\n",
}
EVENTS: dict[str, list[Event]] = {
    "plain": [(b"", b'{"a":1}'), (b"", b"[DONE]")],
    "named": [(b"ping", b"1"), (b"end", b"2")],
    "returns": [(b"", b"1"), (b"", b"2"), (b"", b"3")],
    "pairs": [(b"", b"1\n2")],
    "comments": [(b"", b"1")],
    "many lines": [(b"", b"1\n\n2")],
    "mark": [(b"", b"1")],
    "characters": [(b"", "Grüße 東京 🗼".encode())],
    "unfinished": [(b"", b"1")],
}


def read(pieces: list[bytes], max_bytes: int = 1024) -> list[Event]:
    reader = SseReader(max_bytes)
    return [event for piece in pieces for event in reader.feed(piece)]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_gives_its_events(name: str) -> None:
    assert read([STREAMS[name]]) == EVENTS[name]


@pytest.mark.parametrize("name", STREAMS)
def test_single_bytes_give_the_same_events(name: str) -> None:
    assert read([bytes((byte,)) for byte in STREAMS[name]]) == EVENTS[name]


FRAGMENTS = st.sampled_from(
    (b"data: ", b"data:", b"event: e", b":c", b"x", b"\n", b"\n\n", b"\r", b"\r\n", b"\xef\xbb\xbf")
)


@given(st.lists(FRAGMENTS, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=8))
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8, 10])
@example(b"\xef\xbb\xbfdata: x\n\n", [1, 2])
def test_any_split_gives_the_same_events(data: bytes, at: list[int]) -> None:
    assert read(cut(data, at)) == read([data])


@given(st.lists(FRAGMENTS, max_size=30).map(b"".join))
def test_the_kind_of_line_end_does_not_matter(data: bytes) -> None:
    plain = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert read([plain.replace(b"\n", b"\r\n")]) == read([plain]) == read([data])


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 70 + b"\n\n"],
        [b"data: " + b"x" * 30, b"x" * 40],
        [b"data: " + b"x" * 30 + b"\n", b"data: " + b"x" * 30 + b"\n"],
        [b": " + b"x" * 70 + b"\n"],
    ],
    ids=["a whole event", "an endless line", "endless lines", "a comment"],
)
def test_more_than_the_bound_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(BadResponse, match="larger than 64 bytes"):
        read(pieces, 64)


@pytest.mark.parametrize(
    "end",
    [b"data: " + b"x" * 70 + b"\n\n", b"data: " + b"x" * 70, b": " + b"x" * 70 + b"\n\n"],
    ids=["a whole event", "an unfinished one", "a comment"],
)
def test_events_before_one_that_is_too_large_are_given(end: bytes) -> None:
    found: list[Event] = []
    with pytest.raises(BadResponse):
        found.extend(SseReader(64).feed(b"data: 1\n\nevent: e\ndata: 2\n\n" + end))
    assert found == [(b"", b"1"), (b"e", b"2")]


def test_comments_between_events_do_not_add_up() -> None:
    assert read([b": alive\n", b"data: 1\n\n"] * 20, 64) == [(b"", b"1")] * 20


def test_the_bound_is_on_each_event_not_on_all() -> None:
    events = b"data: 0123456789\n\n" * 20
    assert read([events], 16) == [(b"", b"0123456789")] * 20
    assert read(cut(events, list(range(0, 400, 7))), 16) == [(b"", b"0123456789")] * 20
