"""The wire of Ollama's /api/chat as msgspec structs. Fields not named here are skipped."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]
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


class Message(msgspec.Struct):
    """A message, or the next piece of one."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[ToolCall] | None = None


class Body(msgspec.Struct):
    """A whole answer, a line of a streamed one, or an error. Durations are nanoseconds.

    The server leaves out counts that are zero.
    """

    model: str = ""
    created_at: str | None = None
    message: Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: Count | None = None
    eval_count: Count | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_duration: int | None = None
    eval_duration: int | None = None
    logprobs: list[TokenLogprob] | None = None
    error: str | None = None


class FaultBody(msgspec.Struct):
    """The body of an error: a sentence, no code."""

    error: str = ""
