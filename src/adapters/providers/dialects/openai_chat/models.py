"""What each family of OpenAI's models accepts, read off the model's name."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache

from hexgate.domain.spec import Effort


class Sampling(enum.Enum):
    """When temperature, top_p, penalties and logprobs are accepted."""

    ALWAYS = "always"
    UNLESS_REASONING = "unless_reasoning"  # it does not reason unless it is told to
    WHEN_OFF = "when_off"  # it reasons unless it is told not to
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model accepts beyond the common ground."""

    sampling: Sampling = Sampling.ALWAYS
    stops: int = 4  # how many stop sequences
    parallel: bool = True  # parallel_tool_calls
    efforts: tuple[Effort, ...] = ()  # in rising order; empty: it does not reason
    developer: bool = False  # the system role is called developer
    schemas: bool = True  # response_format json_schema


_LOW_TO_HIGH = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_PLAIN = Rules()
_OLD = Rules(schemas=False)
_UNKNOWN = Rules(efforts=tuple(Effort))
_O1 = Rules(sampling=Sampling.NEVER, parallel=False, efforts=_LOW_TO_HIGH, developer=True)
_O3 = Rules(sampling=Sampling.NEVER, stops=0, parallel=False, efforts=_LOW_TO_HIGH, developer=True)
_5 = Rules(
    sampling=Sampling.NEVER, stops=0, efforts=(Effort.MINIMAL, *_LOW_TO_HIGH), developer=True
)
_5_CHAT = Rules(sampling=Sampling.NEVER, stops=0, efforts=(Effort.MEDIUM,), developer=True)
_5_1 = Rules(
    sampling=Sampling.UNLESS_REASONING,
    stops=0,
    efforts=(Effort.NONE, *_LOW_TO_HIGH),
    developer=True,
)
_5_2 = Rules(
    sampling=Sampling.UNLESS_REASONING,
    stops=0,
    efforts=(Effort.NONE, *_LOW_TO_HIGH, Effort.XHIGH),
    developer=True,
)
_5_5 = Rules(
    sampling=Sampling.WHEN_OFF,
    stops=0,
    efforts=(Effort.NONE, *_LOW_TO_HIGH, Effort.XHIGH),
    developer=True,
)
_5_6 = Rules(
    sampling=Sampling.WHEN_OFF,
    stops=0,
    efforts=(Effort.NONE, *_LOW_TO_HIGH, Effort.XHIGH, Effort.MAX),
    developer=True,
)
_NAMED = (
    (re.compile(r"o1(?!\d)"), _O1),
    (re.compile(r"o\d"), _O3),
    (re.compile(r"gpt-5-chat"), _PLAIN),
    (re.compile(r"gpt-5\.\d+-chat"), _5_CHAT),
    (re.compile(r"gpt-4o-2024-05-13|gpt-4-|gpt-4$|gpt-3\.?5"), _OLD),
    (re.compile(r"(?:chat)?gpt-4"), _PLAIN),
)
# From this version on. Source: the vendor's reasoning guide and the reference of each parameter.
_VERSIONED = (
    ((5, 6), _5_6),
    ((5, 5), _5_5),
    ((5, 2), _5_2),
    ((5, 1), _5_1),
    ((5, 0), _5),
)
_INSIDE = re.compile(r"(?<![a-z0-9])(?:gpt-\d|o\d(?![a-z0-9])).*")
_VERSION = re.compile(r"gpt-(\d{1,2})(?:\.(\d{1,2}))?(?!\d|o)")


@lru_cache(maxsize=1024)
def rules(model: str) -> Rules:
    """The rules of a model. A name of no known family is taken at the caller's word."""
    name = model.removeprefix("ft:")
    for pattern, found in _NAMED:
        if pattern.match(name):
            return found
    if version := _VERSION.match(name):
        number = int(version[1]), int(version[2] or 0)
        for since, found in _VERSIONED:
            if number >= since:
                return found
    return _UNKNOWN


def inside(deployment: str) -> str:
    """The part of a name of someone's own that tells a family, or the name itself."""
    found = _INSIDE.search(deployment.lower())
    return found[0] if found else deployment
