"""How servers that speak chat completions differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from hexgate.adapters.providers.dialects.openai_chat.models import Rules, inside
from hexgate.adapters.providers.dialects.openai_chat.models import rules as family
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
    names: bool = True  # of participants
    seed: str = "seed"  # the field for it
    top_k: bool = False
    encoding_format: bool = True  # embeddings in base64 can be asked for
    dimensions: bool = True  # the length of embeddings can be chosen
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
    rules=Rules(stops=16, efforts=(Effort.NONE, Effort.LOW, Effort.MEDIUM, Effort.HIGH)),
    max_tokens="max_tokens",
)
# It refuses every field that it does not know, and counts tokens without being asked.
MISTRAL = replace(COMPATIBLE, seed="random_seed", stream_options=False, names=False)


@lru_cache(maxsize=1024)
def azure(api_version: str, deployment: str = "") -> Quirks:
    """What Azure accepts at a dated version of its API, or, where that is empty, at v1.

    Source: the vendor's page on the life cycle of versions, which says what each one added.
    Versions are compared as text, so that a preview comes after the version of its date. A
    deployment is named by who makes it: its name counts as far as it has a family's in it.
    """
    known = family(inside(deployment))
    since = api_version or "v1"  # which comes after every date
    return Quirks(
        rules=replace(
            known,
            developer=known.developer and since >= "2024-12-01",
            efforts=known.efforts if since >= "2024-12-01" else (),
            parallel=known.parallel and since >= "2024-09-01",
            schemas=known.schemas and since >= "2024-08-01",
        ),
        # The oldest models have not learned the newer field at any version.
        max_tokens=(
            "max_completion_tokens" if since >= "2024-09-01" and known.schemas else "max_tokens"
        ),
        stream_options=since >= "2024-09-01",
        end_user="user",
        refusals=since >= "2024-08-01",
        encoding_format=since >= "2024-03-01",
        dimensions=since >= "2024-03-01",
    )
