"""What a provider cannot do, what becomes of a call that asks for it, and why."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass


class How(enum.Enum):
    """What the gateway does with what cannot be done."""

    REFUSED = "refused"  # with UNSUPPORTED_CAPABILITY, naming the field
    DROPPED = "dropped"  # with a warning, or refused where the caller wants that
    UNTOLD = "not told"  # the provider does not say


@dataclass(frozen=True, slots=True)
class No:
    """`why` completes "... because"."""

    how: How
    why: str


_HIDDEN = No(
    How.UNTOLD,
    "chat completions keep the model's reasoning to themselves; what compatible servers send as "
    "`reasoning_content` is read",
)
_ONE_STOP = No(How.UNTOLD, "it does not say which stop sequence it met, nor that it met one")
_NO_FORCE = No(How.REFUSED, "it has no `tool_choice`: the model decides")
_NO_TOP_K = No(How.DROPPED, "its API has no `top_k`")
_NO_SEED = No(How.DROPPED, "its API has no `seed`")
_NO_PENALTY = No(How.DROPPED, "its API has no penalties")
_NO_LOGPROBS = No(How.DROPPED, "its API has no log probabilities")
_NO_PARALLEL = No(How.DROPPED, "it cannot be told to call one at a time")
_NOT_APART = No(How.UNTOLD, "they are counted as output, not apart")
_NEEDS_SCHEMA = No(How.REFUSED, "it has no JSON without a schema; give one with `json_schema`")
_NO_VECTORS = No(How.REFUSED, "its API has no embeddings")
_TEXT_AND_IMAGES = No(How.REFUSED, "it reads text and images alone")

LIMITS: Mapping[tuple[str, str], No] = {
    ("openai", "reasoning"): _HIDDEN,
    ("openai", "reasoning returned"): _HIDDEN,
    ("openai", "stop told"): _ONE_STOP,
    ("openai", "top_k"): _NO_TOP_K,
    ("openai_compatible", "document"): No(
        How.REFUSED, "compatible servers have no common way to take documents"
    ),
    ("openai_compatible", "reasoning"): _HIDDEN,
    ("openai_compatible", "reasoning returned"): _HIDDEN,
    ("openai_compatible", "stop told"): _ONE_STOP,
    ("openai_compatible", "top_k"): No(
        How.DROPPED, "compatible servers do not agree on it; use `provider_options`"
    ),
    ("anthropic", "JSON"): _NEEDS_SCHEMA,
    ("anthropic", "embeddings"): _NO_VECTORS,
    ("anthropic", "embedding length"): _NO_VECTORS,
    ("anthropic", "logprobs"): _NO_LOGPROBS,
    ("anthropic", "seed"): _NO_SEED,
    ("anthropic", "penalties"): _NO_PENALTY,
    ("azure", "document"): No(How.REFUSED, "its chat completions take no files"),
    ("azure", "reasoning"): _HIDDEN,
    ("azure", "reasoning returned"): _HIDDEN,
    ("azure", "stop told"): _ONE_STOP,
    ("azure", "top_k"): _NO_TOP_K,
    ("cohere", "one tool at a time"): _NO_PARALLEL,
    ("cohere", "document"): No(How.REFUSED, "it reads documents as text alone"),
    ("cohere", "reasoning tokens"): _NOT_APART,
    ("cohere", "stop told"): No(How.UNTOLD, "it says that it met one, not which"),
    ("cohere", "prompt cache"): No(How.UNTOLD, "what it caches is no part of what it bills"),
    ("bedrock", "JSON"): _NEEDS_SCHEMA,
    ("bedrock", "reasoning tokens"): _NOT_APART,
    ("bedrock", "logprobs"): _NO_LOGPROBS,
    ("bedrock", "seed"): _NO_SEED,
    ("bedrock", "penalties"): _NO_PENALTY,
    ("gemini", "one tool at a time"): _NO_PARALLEL,
    ("gemini", "stop told"): _ONE_STOP,
    ("vertex", "one tool at a time"): _NO_PARALLEL,
    ("vertex", "stop told"): _ONE_STOP,
    ("vertex-claude", "JSON"): _NEEDS_SCHEMA,
    ("vertex-claude", "logprobs"): _NO_LOGPROBS,
    ("vertex-claude", "seed"): _NO_SEED,
    ("vertex-claude", "penalties"): _NO_PENALTY,
    ("ollama", "tool required"): _NO_FORCE,
    ("ollama", "tool named"): _NO_FORCE,
    ("ollama", "one tool at a time"): _NO_PARALLEL,
    ("ollama", "document"): _TEXT_AND_IMAGES,
    ("ollama", "reasoning tokens"): _NOT_APART,
    ("ollama", "stop told"): _ONE_STOP,
    ("ollama", "filter"): No(How.UNTOLD, "it holds nothing back"),
    ("ollama", "prompt cache"): No(How.UNTOLD, "it reuses prompts and does not count them"),
}
"""By kind of provider, or by kind and transport, and name of the feature."""


def limit(kind: str, transport: str, feature: str) -> No | None:
    """Why there is no such feature, or None where there is."""
    return LIMITS.get((f"{kind}-{transport}", feature)) or LIMITS.get((kind, feature))
