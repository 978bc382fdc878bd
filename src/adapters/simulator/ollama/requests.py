"""The body of `POST /api/chat`, strictly. Source: the types of Ollama's public API."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

# What is inside is the caller's own; the decoder cannot follow a recursive type.
Object: TypeAlias = dict[str, Any]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing may be sent that is not declared."""


class Function(Strict):
    """A call of an earlier turn; its arguments are an object, not text."""

    name: str
    arguments: Object = {}
    index: int = 0


class ToolCall(Strict):
    """A call of an earlier turn."""

    function: Function
    id: str = ""
    type: Literal["function"] = "function"


class Message(Strict):
    """A message."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    thinking: str = ""
    images: list[str] = []
    tool_calls: list[ToolCall] = []
    tool_name: str = ""
    tool_call_id: str = ""


class FunctionSpec(Strict):
    """A function on offer."""

    name: str
    description: str = ""
    parameters: Object = {}


class Tool(Strict):
    """A tool on offer."""

    function: FunctionSpec
    type: Literal["function"] = "function"


class Options(Strict):
    """How the model runs."""

    num_keep: int | None = None
    seed: int | None = None
    num_predict: Annotated[int, msgspec.Meta(ge=-2)] | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_last_n: int | None = None
    temperature: float | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop: list[str] | None = None
    num_ctx: Annotated[int, msgspec.Meta(ge=1)] | None = None
    num_batch: int | None = None
    num_gpu: int | None = None
    main_gpu: int | None = None
    use_mmap: bool | None = None
    num_thread: int | None = None


Think: TypeAlias = bool | Literal["low", "medium", "high"]


class Body(Strict):
    """The whole request."""

    model: str
    messages: list[Message]
    stream: bool = True
    format: Object | Literal["json", ""] | None = None
    options: Options | None = None
    tools: list[Tool] | None = None
    think: Think | None = None
    keep_alive: str | float | None = None
    truncate: bool | None = None
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0


class Show(Strict):
    """The body of `POST /api/show`."""

    model: str = ""
    name: str = ""
    verbose: bool = False


BODY = msgspec.json.Decoder(Body)
SHOW = msgspec.json.Decoder(Show)
