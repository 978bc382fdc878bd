"""What a provider answers: whole, or as chunks of a stream."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from hexgate.domain.attempts import Attempt
from hexgate.domain.chat import Part
from hexgate.domain.usage import Usage


class Finish(enum.Enum):
    """Why generation ended."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    REFUSAL = "refusal"
    PAUSED = "paused"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Warned:
    """A non-fatal deviation from the request. `code` is UPPER_SNAKE and stable.

    As a chunk of a stream it is a warning that arises while reading.
    """

    code: str
    message: str
    field: str = ""


PRICE_UNCERTAIN = "PRICE_UNCERTAIN"
"""The code of a warning that something was asked for whose price is not known."""


@dataclass(frozen=True, slots=True)
class Logprob:
    """Natural log probability of one token, with alternatives, likeliest first."""

    token: str
    logprob: float
    token_bytes: bytes = b""
    alternatives: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """A whole answer. `usage` None means the provider reported none."""

    parts: tuple[Part, ...]
    finish: Finish
    usage: Usage | None
    model: str  # as the provider names what answered
    request_id: str = ""  # the provider's own
    stop_sequence: str = ""
    warnings: tuple[Warned, ...] = ()
    logprobs: tuple[Logprob, ...] = ()
    metadata_json: str = ""  # response fields outside the contract, a JSON object, or empty
    raw_json: str = ""  # the provider's body as it came


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text of part `index`. Whole characters, never empty."""

    index: int
    text: str
    logprobs: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More reasoning of part `index`."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """A tool call begins as part `index`. The name is complete."""

    index: int
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A fragment of the arguments of part `index`."""

    index: int
    fragment: str


@dataclass(frozen=True, slots=True)
class PartFinished:
    """Part `index` is complete. Always sent for tool calls and for signed reasoning."""

    index: int
    part: Part


@dataclass(frozen=True, slots=True)
class UsageUpdate:
    """Running totals; each replaces the one before."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class RouteChanged:
    """The answer broke off and begins again, at this model of this provider.

    Everything before it is void: indices restart at 0, totals too. `failed` is the attempt that
    broke off. No provider sends it.
    """

    failed: Attempt
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The provider's own terminal marker was seen. Exactly once, and last."""

    finish: Finish
    usage: Usage | None
    model: str
    stop_sequence: str = ""
    metadata_json: str = ""


Chunk: TypeAlias = (
    TextDelta
    | ReasoningDelta
    | ToolCallStarted
    | ToolCallDelta
    | PartFinished
    | UsageUpdate
    | Warned
    | RouteChanged
    | Finished
)

# What a reader may be shown. Until one of these arrives, another target may still take over.
OUTPUT = (TextDelta, ReasoningDelta, ToolCallStarted, ToolCallDelta, PartFinished, Finished)
