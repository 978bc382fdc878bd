"""The wire of Cohere's API as msgspec structs. Fields that are not named here are skipped."""

from __future__ import annotations

import msgspec

from hexgate.adapters.providers.lenient import UNSAID


class Function(msgspec.Struct):
    """A call's name and arguments, or a fragment of them."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call, or a fragment of one; the first fragment has the id and the name."""

    id: str | None = None
    function: Function | None = None


class Content(msgspec.Struct):
    """A block of content, or a piece of one: text or thinking."""

    text: str | None = None
    thinking: str | None = None


class Message(msgspec.Struct):
    """A whole message."""

    content: list[Content] | str | None = None
    tool_plan: str | None = None
    tool_calls: list[ToolCall] | None = None
    citations: msgspec.Raw = UNSAID


class Logprobs(msgspec.Struct):
    """A text chunk, and the log probability of each of its tokens, in order."""

    text: str | None = None
    logprobs: list[float] | None = None


class Body(msgspec.Struct):
    """A whole answer."""

    id: str | None = None
    finish_reason: str | None = None
    message: Message | None = None
    usage: msgspec.Raw = UNSAID
    logprobs: list[Logprobs] | None = None


class Piece(msgspec.Struct):
    """The next piece of a message: one thing where a whole one has a list.

    The event that starts a message has empty lists instead.
    """

    content: Content | list[msgspec.Raw] | None = None
    tool_plan: str | None = None
    tool_calls: ToolCall | list[msgspec.Raw] | None = None
    citations: msgspec.Raw = UNSAID


class Delta(msgspec.Struct):
    """What an event adds; the last one says how it ended."""

    message: Piece | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = UNSAID
    error: msgspec.Raw = UNSAID


class Event(msgspec.Struct):
    """One event of a stream, or an error in the place of one, which has no type."""

    type: str = ""
    id: str | None = None
    delta: Delta | None = None
    logprobs: Logprobs | None = None
    message: msgspec.Raw = UNSAID


class Kind(msgspec.Struct):
    """The type of an event, whatever else is in it."""

    type: str = ""


class Fault(msgspec.Struct):
    """The body of an error: a sentence, seldom a word for its kind."""

    message: msgspec.Raw = UNSAID
    error_type: msgspec.Raw = UNSAID


class Floats(msgspec.Struct):
    """Vectors by the type that was asked for."""

    floats: list[list[float]] | None = msgspec.field(default=None, name="float")


class Meta(msgspec.Struct):
    """What an embedding cost."""

    billed_units: msgspec.Raw = UNSAID


class Vectors(msgspec.Struct):
    """A whole answer with vectors."""

    embeddings: Floats | None = None
    meta: Meta | None = None
