"""How servers that speak chat completions differ."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.adapters.providers.dialects.openai_chat.models import Rules
from hexgate.domain.spec import Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What one kind of server accepts. `rules` None: each model's, as OpenAI's names tell them."""

    rules: Rules | None = None
    max_tokens: str = "max_completion_tokens"  # the field that bounds the output
    end_user: str = ""  # the field for the end user's id, empty when there is none
    end_user_chars: int = 256
    stream_options: bool = True  # include_usage can be asked for
    allowed_tools: bool = False  # tool_choice of type allowed_tools; else others are left out
    files: bool = False  # content parts of type file
    refusals: bool = False  # content parts of type refusal; else they are sent as text
    top_k: bool = False
    needs_done: bool = True  # a stream without [DONE] is broken off, finish_reason or not


OPENAI = Quirks(
    end_user="safety_identifier",
    end_user_chars=128,
    allowed_tools=True,
    files=True,
    refusals=True,
)
# The common ground of vLLM, llama.cpp, DeepSeek, Groq, OpenRouter and others.
COMPATIBLE = Quirks(
    rules=Rules(stops=16, efforts=(Effort.LOW, Effort.MEDIUM, Effort.HIGH)),
    max_tokens="max_tokens",
)
