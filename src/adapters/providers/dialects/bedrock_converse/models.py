"""What each family of models on Bedrock accepts, read off the model's identifier."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from functools import lru_cache

from hexgate.adapters.providers.claude import rules as claude

# A profile is named after the geography that it spans: us.anthropic.claude-…
_PREFIX = re.compile(r"^(?:us-gov|us|eu|apac|apc|au|jp|ca|global)\.")
_NEWEST = (1000, 0)


class TopK(enum.Enum):
    """Where a family takes top_k, below `additionalModelRequestFields`."""

    NONE = enum.auto()
    TOP_K = enum.auto()  # top_k
    K = enum.auto()  # k
    NOVA = enum.auto()  # inferenceConfig.topK


class Reasons(enum.Enum):
    """How a family is asked to reason."""

    NEVER = enum.auto()
    ALWAYS = enum.auto()  # and takes no wish about it
    CLAUDE = enum.auto()  # thinking, and outputConfig.effort: see `claude`
    NOVA = enum.auto()  # reasoningConfig.maxReasoningEffort
    LEVEL = enum.auto()  # reasoning_effort


class Cache(enum.Enum):
    """Which lifetimes a family's cache points have."""

    NONE = enum.auto()
    SHORT = enum.auto()  # five minutes, not to be named
    LONG = enum.auto()  # five minutes or an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a family accepts beyond text and inferenceConfig. The defaults are a plain text model.

    `stops` is how many stop sequences it takes.
    """

    system: bool = True
    tools: bool = False
    stream_tools: bool = False
    any_tool: bool = False  # can be made to call some tool
    one_tool: bool = False  # can be made to call one tool by name
    parallel: bool = False  # can be told to make one call at a time
    result_status: bool = False  # knows which tool results are errors
    images: bool = False
    documents: bool = False
    videos: bool = False
    audio: bool = False
    cache: Cache = Cache.NONE
    top_k: TopK = TopK.NONE
    sampling: bool = True  # temperature and top_p
    sampling_pair: bool = True  # both at once
    reasons: Reasons = Reasons.NEVER
    claude: claude.Rules = claude.UNKNOWN  # how it reasons, where it does as Claude does
    signed: bool = False  # takes its own signed reasoning back
    schemas: bool = False
    prefill: bool = True  # goes on with what it is told to have said
    stops: int = 2500
    tells_stop: bool = False  # says which stop sequence matched, when asked


# A model of no known family, such as an imported one, is taken at the caller's word.
UNKNOWN = Family(
    tools=True,
    stream_tools=True,
    any_tool=True,
    one_tool=True,
    parallel=True,
    result_status=True,
    images=True,
    documents=True,
    videos=True,
    audio=True,
    cache=Cache.LONG,
    top_k=TopK.TOP_K,
    reasons=Reasons.CLAUDE,
    signed=True,
    schemas=True,
    tells_stop=True,
)
_CALLS = Family(tools=True, stream_tools=True)
_NOVA = Family(
    tools=True,
    stream_tools=True,
    any_tool=True,
    one_tool=True,
    result_status=True,
    images=True,
    documents=True,
    videos=True,
    cache=Cache.SHORT,
    top_k=TopK.NOVA,
    stops=4,
)
_LLAMA = Family(tools=True, documents=True, stops=0)
_MISTRAL = replace(_CALLS, any_tool=True, documents=True, stops=10)
# The first row whose beginning fits counts. Sources: the table of models and features of the
# Converse API, the ToolChoice and ToolResultBlock types of its reference, the pages of each family.
_TABLE: tuple[tuple[str, Family], ...] = (
    ("amazon.nova-micro", replace(_NOVA, images=False, documents=False, videos=False)),
    ("amazon.nova-2", replace(_NOVA, reasons=Reasons.NOVA)),
    ("amazon.nova", _NOVA),
    ("amazon.titan-text-premier", Family(system=False)),
    ("amazon.titan-text", Family(system=False, documents=True)),
    ("amazon.titan-tg1", Family(system=False, documents=True)),
    ("cohere.command-r", Family(tools=True, documents=True, top_k=TopK.K)),
    ("cohere.command-text", Family(system=False, documents=True)),
    ("cohere.command-light", Family(system=False, documents=True)),
    ("meta.llama3-2-11b", replace(_LLAMA, images=True)),
    ("meta.llama3-2-90b", replace(_LLAMA, images=True)),
    ("meta.llama3-1", _LLAMA),
    ("meta.llama3-2", _LLAMA),
    ("meta.llama3-3", _LLAMA),
    ("meta.llama4", replace(_LLAMA, images=True)),
    ("meta.llama3", Family(documents=True, stops=0)),
    ("meta.llama2", Family(documents=True, stops=0)),
    ("meta.llama", replace(_LLAMA, images=True)),
    ("mistral.mistral-7b", Family(system=False, documents=True, stops=10)),
    ("mistral.mixtral", Family(system=False, documents=True, stops=10)),
    ("mistral.mistral-small-2402", _MISTRAL),
    ("mistral.mistral-large-2", _MISTRAL),
    ("mistral.pixtral", replace(_MISTRAL, images=True)),
    ("mistral.", replace(_MISTRAL, images=True, schemas=True)),
    ("ai21.jamba-instruct", Family()),
    ("ai21.jamba", replace(_CALLS, documents=True)),
    ("ai21.j2", Family(system=False)),
    ("deepseek.r1", Family(documents=True, reasons=Reasons.ALWAYS, stops=10)),
    ("deepseek.", replace(_CALLS, schemas=True, any_tool=True)),
    (
        "openai.gpt-oss",
        replace(_CALLS, any_tool=True, reasons=Reasons.LEVEL, schemas=True, stops=0),
    ),
)


@lru_cache(maxsize=1024)
def family(model: str) -> Family:
    """The family of a model id, of an inference profile's id, or of an ARN of either.

    ARNs of imported, custom and provisioned models and of application profiles name no family:
    these are taken at the caller's word, like every name that is not known.
    """
    name = bare(model)
    if name.startswith("anthropic.claude"):
        return _claude(name)
    for beginning, found in _TABLE:
        if name.startswith(beginning):
            return found
    return UNKNOWN


def bare(model: str) -> str:
    """The model's name alone: what is left of a profile's id, or of an ARN, by the vendor's dot."""
    return _PREFIX.sub("", model.lower().rpartition("/")[2])


def _claude(name: str) -> Family:
    """Source: the vendor's pages on Bedrock, prompt caching and structured outputs."""
    version, known = claude.version(name) or _NEWEST, claude.rules(name)
    if version < (3, 0):
        return Family(documents=True, top_k=TopK.TOP_K, tells_stop=True)
    reasons = known.thinking is not claude.ThinkingStyle.NONE
    return replace(
        UNKNOWN,
        videos=False,
        audio=False,
        images="claude-3-5-haiku" not in name,
        any_tool=known.forced_tools,
        one_tool=known.forced_tools,
        cache=_cache(version),
        top_k=TopK.TOP_K if known.sampling else TopK.NONE,
        sampling=known.sampling,
        sampling_pair=known.sampling_pair,
        reasons=Reasons.CLAUDE if reasons else Reasons.NEVER,
        claude=known,
        signed=reasons,
        schemas=version >= (4, 5),
        prefill=known.prefill,
    )


def _cache(version: claude.Version) -> Cache:
    if version < (3, 5):
        return Cache.NONE
    return Cache.LONG if version >= (4, 5) else Cache.SHORT
