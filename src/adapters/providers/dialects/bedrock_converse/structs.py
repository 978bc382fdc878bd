"""The answers of the Converse API as typed JSON; unknown fields are skipped.

What is kept raw is looked into leniently: it is not worth an answer.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from hexgate.adapters.providers.lenient import UNSAID

Index = Annotated[int, msgspec.Meta(ge=0)]


class Camel(msgspec.Struct, rename="camel"):
    """Names on the wire are in camel case."""


class ToolUse(Camel):
    """A whole tool call, or the head of a streamed one. `type` is that of a server's own tool."""

    tool_use_id: str
    name: str
    input: msgspec.Raw = UNSAID
    type: str = ""


class ReasoningText(Camel):
    """Reasoning in words."""

    text: str = ""
    signature: str = ""


class Reasoning(Camel):
    """A whole block of reasoning: words, or bytes (base64) that nobody may read."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Words(Camel):
    """Text with sources."""

    text: str = ""


class Cited(Camel):
    """Text, and where it is from."""

    content: list[Words] = []


class Block(Camel):
    """A content block: a union, of which the members that we read."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Cited | None = None


class Message(Camel):
    """What the model said."""

    content: list[Block] = []


class Output(Camel):
    """The answer itself."""

    message: Message | None = None


class Extra(Camel):
    """What answers and the end of a stream say beside the words."""

    usage: msgspec.Raw = UNSAID
    metrics: msgspec.Raw = UNSAID
    trace: msgspec.Raw = UNSAID
    service_tier: msgspec.Raw = UNSAID
    performance_config: msgspec.Raw = UNSAID


class Body(Extra):
    """A whole answer."""

    output: Output | None = None
    stop_reason: str = ""
    additional_model_response_fields: msgspec.Raw = UNSAID


class Usage(Camel):
    """Token counts; the input leaves out what was read from the cache or written to it."""

    input_tokens: msgspec.Raw = UNSAID
    output_tokens: msgspec.Raw = UNSAID
    cache_read_input_tokens: msgspec.Raw = UNSAID
    cache_write_input_tokens: msgspec.Raw = UNSAID
    cache_details: msgspec.Raw = UNSAID


class Start(Camel):
    """`messageStart`."""

    role: str = ""


class BlockHead(Camel):
    """What a block begins with: a union, of which we read one member."""

    tool_use: ToolUse | None = None


class BlockStart(Camel):
    """`contentBlockStart`: text and reasoning blocks have none."""

    content_block_index: Index
    start: BlockHead


class ToolFragment(Camel):
    """More of a tool's arguments."""

    input: str = ""


class ReasoningFragment(Camel):
    """More reasoning: a union."""

    text: str = ""
    signature: str = ""
    redacted_content: str = ""


class Delta(Camel):
    """More of a block: a union, of which the members that we read."""

    text: str | None = None
    tool_use: ToolFragment | None = None
    reasoning_content: ReasoningFragment | None = None
    citation: msgspec.Raw = UNSAID


class BlockDelta(Camel):
    """`contentBlockDelta`."""

    content_block_index: Index
    delta: Delta


class BlockStop(Camel):
    """`contentBlockStop`."""

    content_block_index: Index


class Stop(Camel):
    """`messageStop`."""

    stop_reason: str
    additional_model_response_fields: msgspec.Raw = UNSAID


class Fault(msgspec.Struct):
    """An error. The message has words for people, and is looked into where nothing else is."""

    message: msgspec.Raw = UNSAID
    capital: msgspec.Raw = msgspec.field(default=UNSAID, name="Message")
    kind: msgspec.Raw = msgspec.field(default=UNSAID, name="__type")
    code: msgspec.Raw = UNSAID
