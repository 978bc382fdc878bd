"""The answers of the Messages API as typed JSON; unknown fields are skipped."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
_NO_INPUT = msgspec.Raw(b"{}")


class CacheCreation(msgspec.Struct):
    """Tokens written to the prompt cache, by lifetime."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class OutputDetails(msgspec.Struct):
    """A breakdown of output tokens; the total stays authoritative."""

    thinking_tokens: Count | None = None


class Usage(msgspec.Struct):
    """Token counts; `input_tokens` leaves the cached ones out. None is not reported."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None
    inference_geo: str | None = None


class Block(msgspec.Struct):
    """Any content block. One struct for all kinds, so that a new kind is no decoding error."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _NO_INPUT
    citations: list[msgspec.Raw] | None = None


class Message(msgspec.Struct):
    """A whole answer, or the head of a streamed one."""

    type: str
    model: str = ""
    content: list[Block] = []
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, object] | None = None
    usage: Usage | None = None


class Fault(msgspec.Struct):
    """What went wrong. `type` is stable, the wording of `message` is not."""

    type: str = ""
    message: str = ""
    details: dict[str, object] | None = None


class FaultBody(msgspec.Struct):
    """The body of an error, or of an `error` event."""

    error: Fault
    request_id: str | None = None


class Start(msgspec.Struct):
    """`message_start`."""

    message: Message


class BlockStart(msgspec.Struct):
    """`content_block_start`."""

    index: Count
    content_block: Block


class Delta(msgspec.Struct):
    """Any delta of a block; `type` says which field is meant."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""


class BlockDelta(msgspec.Struct):
    """`content_block_delta`."""

    index: Count
    delta: Delta


class BlockStop(msgspec.Struct):
    """`content_block_stop`."""

    index: Count


class Ending(msgspec.Struct):
    """Why generation ended."""

    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: dict[str, object] | None = None


class MessageDelta(msgspec.Struct):
    """`message_delta`: usage is cumulative and replaces what came before."""

    delta: Ending
    usage: Usage | None = None


class Typed(msgspec.Struct):
    """The type of an event whose `event:` line is missing."""

    type: str = ""
