"""The wire of Ollama's /api/chat as msgspec structs. Fields not named here are skipped."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hexgate.adapters.providers.lenient import UNSAID

_NOTHING = msgspec.Raw(b"{}")


class TokenLogprob(msgspec.Struct):
    """One token of the answer, or one of its alternatives."""

    token: str
    logprob: float
    bytes: list[Annotated[int, msgspec.Meta(ge=0, le=255)]] | None = None
    top_logprobs: list[TokenLogprob] | None = None


class Function(msgspec.Struct):
    """A call's name and arguments; the arguments are an object, kept as they came."""

    name: str = ""
    arguments: msgspec.Raw = _NOTHING


class ToolCall(msgspec.Struct):
    """A whole call. Older servers give no id."""

    id: str | None = None
    function: Function = msgspec.field(default_factory=Function)


class Message(msgspec.Struct, gc=False):
    """A message, or the next piece of one. JSON has no cycles to collect, here and below."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class Body(msgspec.Struct, gc=False):
    """A whole answer, a line of a streamed one, or an error: what every line is looked at for."""

    message: Message | None = None
    done: bool = False
    logprobs: list[TokenLogprob] | None = None
    error: str | None = None


class Aside(msgspec.Struct):
    """What the same line says beside its words. Durations are nanoseconds.

    The server leaves out counts that are zero. Odd values are as good as none, so they are decoded
    one by one.
    """

    model: msgspec.Raw = UNSAID
    created_at: msgspec.Raw = UNSAID
    done_reason: msgspec.Raw = UNSAID
    prompt_eval_count: msgspec.Raw = UNSAID
    eval_count: msgspec.Raw = UNSAID
    total_duration: msgspec.Raw = UNSAID
    load_duration: msgspec.Raw = UNSAID
    prompt_eval_duration: msgspec.Raw = UNSAID
    eval_duration: msgspec.Raw = UNSAID


class FaultBody(msgspec.Struct):
    """The body of an error: a sentence, no code."""

    error: str = ""


class Vectors(msgspec.Struct):
    """The answer of /api/embed, or an error."""

    model: msgspec.Raw = UNSAID
    embeddings: list[list[float]] = []
    prompt_eval_count: msgspec.Raw = UNSAID
    error: str | None = None
