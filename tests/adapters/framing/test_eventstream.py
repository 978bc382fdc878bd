"""Bytes become messages, however they are cut, and nothing else does."""

from __future__ import annotations

import itertools
import struct
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.framing.eventstream import EventStreamReader, Message, encode
from hexgate.domain.errors import BadResponse

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
HEADERS = st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=30), max_size=4)
MESSAGES = st.lists(st.builds(Message, HEADERS, st.binary(max_size=60)), min_size=1, max_size=5)
EVENT = Message({":event-type": "contentBlockDelta", ":message-type": "event"}, b'{"p":"abc"}')


def encoded(messages: list[Message]) -> bytes:
    return b"".join(encode(message.headers, message.payload) for message in messages)


def read(pieces: list[bytes], max_bytes: int = 1024) -> list[Message]:
    reader = EventStreamReader(max_bytes)
    return [message for piece in pieces for message in reader.feed(piece)]


def raw(headers: bytes, payload: bytes = b"", extra: int = 0) -> bytes:
    """A message with good checksums around headers that need not be."""
    lengths = struct.pack(">II", 16 + len(headers) + len(payload) + extra, len(headers))
    message = lengths + struct.pack(">I", crc32(lengths)) + headers + payload
    return message + struct.pack(">I", crc32(message))


@given(MESSAGES, st.lists(st.integers(0, 500), max_size=8))
def test_any_split_gives_the_same_messages(messages: list[Message], at: list[int]) -> None:
    data = encoded(messages)
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert read(pieces, 4096) == messages
    assert read([bytes((byte,)) for byte in data], 4096) == messages


@given(MESSAGES)
def test_botocore_reads_what_is_encoded(messages: list[Message]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(encoded(messages))
    theirs: list[Any] = list(buffer)
    assert [Message(each.headers, each.payload) for each in theirs] == messages


@given(MESSAGES, st.data())
def test_a_flipped_bit_is_a_bad_response_and_never_another_message(
    messages: list[Message], draw: st.DataObject
) -> None:
    data = bytearray(encoded(messages))
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] ^= 1 << draw.draw(st.integers(0, 7))
    found: list[Message] = []
    with pytest.raises(BadResponse):
        found.extend(EventStreamReader(4096).messages(bytes(data)))
    assert found == messages[: len(found)]
    assert len(found) < len(messages)


@given(MESSAGES, st.data())
def test_what_is_cut_off_is_pending_and_no_message(
    messages: list[Message], draw: st.DataObject
) -> None:
    data = encoded(messages)
    kept = draw.draw(st.integers(0, len(data) - 1))
    reader = EventStreamReader(4096)
    found = reader.feed(data[:kept])
    assert found == messages[: len(found)]
    assert reader.pending == (encoded(found) != data[:kept])
    assert len(found) < len(messages)


@given(st.binary(min_size=12, max_size=200))
def test_garbage_is_a_bad_response(data: bytes) -> None:
    if crc32(data[:8]) != struct.unpack(">I", data[8:12])[0]:
        with pytest.raises(BadResponse):
            read([data])


def test_headers_that_are_no_strings_are_stepped_over() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    headers = b"".join(b"\x01h" + bytes((kind,)) + bytes(size) for kind, size in sizes.items())
    headers += b"\x01b\x06\x00\x03abc" + b"\x01s\x07\x00\x02hi"
    assert read([raw(headers, b"{}")]) == [Message({"s": "hi"}, b"{}")]


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05name",
        b"\x01n\x0a",
        b"\x01n\x07\x00\x09short",
        b"\x01n\x07\x00",
        b"\x01n",
        b"\x01n\x05\x00",
        b"\x01\xff\x07\x00\x00",
        b"\x01n\x07\x00\x01\xff",
    ],
    ids=["name", "type", "value", "length", "no type", "number", "no text", "no text value"],
)
def test_headers_without_sense_are_a_bad_response(headers: bytes) -> None:
    with pytest.raises(BadResponse, match="headers make no sense"):
        read([raw(headers)])


def test_lengths_that_contradict_each_other_are_a_bad_response() -> None:
    for size, headers in ((15, 0), (16, 1), (0, 0), (40, 25)):
        lengths = struct.pack(">II", size, headers)
        with pytest.raises(BadResponse, match="contradict"):
            read([lengths + struct.pack(">I", crc32(lengths))])


def test_more_than_the_bound_is_refused_before_it_is_there() -> None:
    lengths = struct.pack(">II", 1025, 0)
    with pytest.raises(BadResponse, match="larger than 1024 bytes"):
        read([lengths + struct.pack(">I", crc32(lengths))])
    assert read([encode({}, bytes(1024 - 16))]) == [Message({}, bytes(1024 - 16))]


def test_messages_before_a_broken_one_are_not_lost() -> None:
    good = encode(EVENT.headers, EVENT.payload)
    found = EventStreamReader().messages(good + good[:-1] + b"\0")
    assert next(found) == EVENT
    with pytest.raises(BadResponse):
        next(found)
