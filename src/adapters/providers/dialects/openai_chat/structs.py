"""The wire of chat completions as msgspec structs. Fields that are not named here are skipped."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct):
    """An error. `code` and `type` are stable words; some servers put a status into `code`.

    Any of them may be anything: an odd one must not hide what the others say.
    """

    message: object = None
    type: object = None
    code: object = None
    param: object = None
    innererror: object = None  # Azure: what the content filter found


class FaultBody(msgspec.Struct):
    """The body of an error: nested as OpenAI has it, or flat as older vLLM servers do."""

    error: Fault | str | None = None
    message: object = None
    type: object = None
    code: object = None
    param: object = None


class TokenLogprob(msgspec.Struct, gc=False):
    """One token of the answer, or one of its alternatives."""

    token: str
    logprob: float
    bytes: list[Annotated[int, msgspec.Meta(ge=0, le=255)]] | None = None
    top_logprobs: list[TokenLogprob] | None = None


class Logprobs(msgspec.Struct, gc=False):
    """Log probabilities of the text."""

    content: list[TokenLogprob] | None = None


class Function(msgspec.Struct, gc=False):
    """A call's name and arguments, or a fragment of them."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    """A call, or a fragment of one; the first fragment has the id and the name."""

    index: Count | None = None
    id: str | None = None
    function: Function | None = None


class Piece(msgspec.Struct, gc=False):
    """A part of a content that is a list, as Mistral's reasoning models give it."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    thinking: str | list[Piece] | None = None


class Words(msgspec.Struct, gc=False):
    """A message, or a delta of one: both have the same fields."""

    content: str | list[Piece] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # llama.cpp, vLLM, DeepSeek
    reasoning: str | None = None  # the same, as newer vLLM and OpenRouter spell it
    tool_calls: list[ToolCall] | None = None
    annotations: object = None  # where the words come from


class Choice(msgspec.Struct, gc=False):
    """One answer. A whole one has `message`, a chunk has `delta`."""

    index: int | None = None
    message: Words | None = None
    delta: Words | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None  # vLLM: the stop sequence that matched
    content_filter_results: object = None  # Azure


class Body(msgspec.Struct, gc=False):
    """A whole answer, a chunk of a streamed one, or an error with a status of 200."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: object = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: Fault | str | None = None
    prompt_filter_results: object = None  # Azure
