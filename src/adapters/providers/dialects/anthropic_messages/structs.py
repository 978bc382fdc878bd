"""The answers of the Messages API as typed JSON; unknown fields are skipped.

What an answer says beside its words may be odd and costs no answer: it is kept as it came and
decoded one by one.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from hexgate.adapters.providers.lenient import UNSAID

_NO_INPUT = msgspec.Raw(b"{}")


class Block(msgspec.Struct):
    """Any content block. One struct for all kinds, so that a new kind is no decoding error."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _NO_INPUT
    citations: msgspec.Raw = UNSAID


class Ending(msgspec.Struct):
    """Why generation ended."""

    stop_reason: str | None = None
    stop_sequence: msgspec.Raw = UNSAID
    stop_details: msgspec.Raw = UNSAID


class Message(Ending):
    """A whole answer, or the head of a streamed one."""

    type: str = ""
    model: msgspec.Raw = UNSAID
    content: list[Block] = []
    usage: msgspec.Raw = UNSAID


class Fault(msgspec.Struct):
    """What went wrong. `type` is stable, the wording of `message` is not.

    Google's own errors have no type but a `status` and a `code`, which is an HTTP status.
    """

    type: str = ""
    message: str = ""
    status: str = ""
    code: msgspec.Raw = UNSAID
    details: msgspec.Raw = UNSAID


class FaultBody(msgspec.Struct):
    """The body of an error, or of an `error` event."""

    error: Fault
    request_id: str | None = None


FaultBodies: TypeAlias = FaultBody | list[FaultBody]
"""Google puts the error of a stream that never began into a list."""


class Start(msgspec.Struct):
    """`message_start`."""

    message: Message


class BlockStart(msgspec.Struct):
    """`content_block_start`."""

    index: int
    content_block: Block


class Delta(msgspec.Struct, gc=False):
    """Any delta of a block; `type` says which field is meant. JSON has no cycles to collect."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""


class BlockDelta(msgspec.Struct, gc=False):
    """`content_block_delta`."""

    index: int
    delta: Delta


class BlockStop(msgspec.Struct):
    """`content_block_stop`."""

    index: int


class MessageDelta(msgspec.Struct):
    """`message_delta`: usage is cumulative and replaces what came before."""

    delta: Ending
    usage: msgspec.Raw = UNSAID


class Typed(msgspec.Struct):
    """The type of an event whose `event:` line is missing. Google's errors have not even that."""

    type: str = ""
    error: msgspec.Raw = UNSAID
