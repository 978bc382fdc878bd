"""Messages of the AWS event stream out of bytes, and into them.

Source: the encoding of `application/vnd.amazon.eventstream` as Smithy and botocore define it. A
message is its length, the length of its headers and a CRC-32 of both (the prelude), then headers,
payload and a CRC-32 of everything before, all numbers big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zlib import crc32

from hexgate.domain.errors import BadResponse

MAX_BYTES = 4 * 1024 * 1024
_PRELUDE = struct.Struct(">III")  # bytes in all, bytes of headers, CRC-32 of these two
_CRC = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_FRAME = _PRELUDE.size + _CRC.size  # what every message has beside headers and payload
_STRING = 7
# Bytes of a value by its type; None for those that begin with their length: bytes and strings.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: None, _STRING: None, 8: 8, 9: 16}


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Only headers whose value is a string are kept; AWS services send no others."""

    headers: Mapping[str, str]
    payload: bytes


class EventStreamReader:
    """Reads one stream. Any split of the bytes gives the same messages.

    No message is given whose two checksums do not both hold. After a failure it must not be fed.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        """`max_bytes` bounds a message."""
        self._max = max_bytes
        self._bytes = bytearray()  # of the unfinished message

    @property
    def pending(self) -> bool:
        """Whether a message has begun that is not complete."""
        return bool(self._bytes)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete.

        Raises BadResponse for a checksum that is wrong, lengths or headers that make no sense and
        a message above the bound; what came before it in the same bytes is lost.
        """
        return list(self.messages(data))

    def messages(self, data: bytes) -> Iterator[Message]:
        """The same one by one, so that those before a failure are not lost. Must be read out."""
        kept = self._bytes
        kept += data
        start = 0
        while len(kept) - start >= _PRELUDE.size:
            size, headers = self._prelude(kept, start)
            if len(kept) - start < size:
                break
            message = bytes(memoryview(kept)[start : start + size])
            start += size
            yield _message(message, headers)
        del kept[:start]

    def _prelude(self, kept: bytearray, start: int) -> tuple[int, int]:
        """The sizes of the whole message and of its headers."""
        size, headers, crc = _PRELUDE.unpack_from(kept, start)
        if crc32(memoryview(kept)[start : start + 8]) != crc:
            raise _broken("its prelude does not match its checksum")
        if size > self._max:
            raise BadResponse(
                f"a message of the stream is larger than {self._max} bytes",
                metadata={"limitBytes": str(self._max)},
            )
        if headers > size - _FRAME:
            raise _broken("its lengths contradict each other")
        return size, headers


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message. A name has at most 255 bytes, a value at most 65,535."""
    coded = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", _FRAME + len(coded) + len(payload), len(coded))
    message = b"".join((lengths, _CRC.pack(crc32(lengths)), coded, payload))
    return message + _CRC.pack(crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + bytes((_STRING,)) + _LENGTH.pack(len(value)) + value


def _message(message: bytes, headers: int) -> Message:
    end = len(message) - _CRC.size
    if crc32(memoryview(message)[:end]) != _CRC.unpack_from(message, end)[0]:
        raise _broken("it does not match its checksum")
    payload = _PRELUDE.size + headers
    try:
        strings = _strings(message[_PRELUDE.size : payload])
    except (IndexError, KeyError, UnicodeDecodeError, struct.error) as error:
        raise _broken("its headers make no sense") from error
    return Message(strings, message[payload:end])


def _strings(coded: bytes) -> dict[str, str]:
    """The headers that are strings; IndexError, KeyError and so on where they make no sense."""
    strings: dict[str, str] = {}
    at = 0
    while at < len(coded):
        name, at = _slice(coded, at + 1, coded[at])
        kind, at = coded[at], at + 1
        size = _SIZES[kind]
        if size is None:
            size, at = _LENGTH.unpack_from(coded, at)[0], at + _LENGTH.size
        value, at = _slice(coded, at, size)
        if kind == _STRING:
            strings[name.decode()] = value.decode()
    return strings


def _slice(coded: bytes, at: int, size: int) -> tuple[bytes, int]:
    """That many bytes, and the place after them."""
    end = at + size
    if end > len(coded):
        raise IndexError(end)
    return coded[at:end], end


def _broken(what: str) -> BadResponse:
    return BadResponse(f"a message of the stream is broken: {what}")
