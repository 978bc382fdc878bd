"""Bytes become lines, however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.framing.ndjson import NdjsonReader
from hexgate.domain.errors import BadResponse


def read(pieces: list[bytes], max_bytes: int = 1024) -> list[bytes]:
    reader = NdjsonReader(max_bytes)
    return [line for piece in pieces for line in reader.feed(piece)]


def test_lines_lose_their_ends_and_empty_ones_are_left_out() -> None:
    assert read([b'{"a":1}\n\r\n  \n{"b":"\xc3\xbc"}\r\nrest']) == [b'{"a":1}', b'{"b":"\xc3\xbc"}']


@given(
    st.lists(st.sampled_from((b"{", b"}", b"\n", b"\r\n", b" ", b"\xf0\x9f")), max_size=30),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_any_split_gives_the_same_lines(fragments: list[bytes], at: list[int]) -> None:
    data = b"".join(fragments)
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert read(pieces) == read([data])


@pytest.mark.parametrize(
    "pieces",
    [[b"x" * 65 + b"\n"], [b"x" * 40, b"x" * 40], [b"a\n" + b"x" * 65]],
    ids=["a whole line", "an endless line", "an unfinished line"],
)
def test_more_than_the_bound_is_refused(pieces: list[bytes]) -> None:
    with pytest.raises(BadResponse, match="larger than 64 bytes"):
        read(pieces, 64)


@pytest.mark.parametrize("end", [b"x" * 65 + b"\n", b"x" * 65], ids=["whole", "unfinished"])
def test_lines_before_one_that_is_too_large_are_given(end: bytes) -> None:
    found: list[bytes] = []
    with pytest.raises(BadResponse):
        found.extend(NdjsonReader(64).feed(b"a\n\nb\r\n" + end))
    assert found == [b"a", b"b"]


def test_the_bound_is_on_each_line_not_on_all() -> None:
    assert read([b"0123456789\n" * 20], 10) == [b"0123456789"] * 20
