"""The wire of chat completions as msgspec structs. Fields that are not named here are skipped."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct):
    """An error. `code` and `type` are stable words; some servers put a status into `code`."""

    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    param: str | int | None = None


class FaultBody(msgspec.Struct):
    """The body of an error: nested as OpenAI has it, or flat as older vLLM servers do."""

    error: Fault | str | None = None
    message: str | None = None
    type: str | None = None
    code: str | int | None = None
    param: str | int | None = None


class PromptDetails(msgspec.Struct):
    """Parts of `prompt_tokens`."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class CompletionDetails(msgspec.Struct):
    """Parts of `completion_tokens`."""

    reasoning_tokens: Count | None = None


class Usage(msgspec.Struct):
    """Token counts. `prompt_tokens` includes what was read from and written to the cache."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    prompt_cache_hit_tokens: Count | None = None  # DeepSeek's word for cached_tokens


class TokenLogprob(msgspec.Struct):
    """One token of the answer, or one of its alternatives."""

    token: str
    logprob: float
    bytes: list[Annotated[int, msgspec.Meta(ge=0, le=255)]] | None = None
    top_logprobs: list[TokenLogprob] | None = None


class Logprobs(msgspec.Struct):
    """Log probabilities of the text."""

    content: list[TokenLogprob] | None = None


class Function(msgspec.Struct):
    """A call's name and arguments, or a fragment of them."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct):
    """A call, or a fragment of one; the first fragment has the id and the name."""

    index: Count | None = None
    id: str | None = None
    function: Function | None = None


class Words(msgspec.Struct):
    """A message, or a delta of one: both have the same fields."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None  # llama.cpp, vLLM, DeepSeek
    reasoning: str | None = None  # the same, as newer vLLM and OpenRouter spell it
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct):
    """One answer. A whole one has `message`, a chunk has `delta`."""

    index: int = 0
    message: Words | None = None
    delta: Words | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None
    stop_reason: str | int | None = None  # vLLM: the stop sequence that matched


class Body(msgspec.Struct):
    """A whole answer, a chunk of a streamed one, or an error with a status of 200."""

    id: str | None = None
    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    system_fingerprint: str | None = None
    service_tier: str | None = None
    error: Fault | str | None = None
