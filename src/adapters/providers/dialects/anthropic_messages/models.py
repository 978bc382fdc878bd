"""What each family of Claude models accepts, read off the model's name."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from functools import lru_cache

# claude-opus-4-20250514 is 4.0: a date is no minor version.
_NEW = re.compile(r"claude-[a-z]+-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-(?:instant-)?(\d)(?:[-.](\d))?(?!\d)")
_NEWEST = (1000, 0)


class ThinkingStyle(enum.Enum):
    """How a family is asked to reason."""

    NONE = "none"
    BUDGET = "budget"  # thinking.budget_tokens
    ADAPTIVE = "adaptive"  # thinking.type adaptive with output_config.effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model accepts beyond the common ground."""

    sampling: bool  # temperature, top_p and top_k
    sampling_pair: bool  # temperature and top_p together
    thinking: ThinkingStyle
    effort_xhigh: bool
    schemas: bool  # output_config.format and strict tools
    old_version: bool  # only `anthropic-version: 2023-06-01` is certain to work


@lru_cache(maxsize=1024)
def rules(model: str) -> Rules:
    """The rules of a model. A name that tells no version counts as the newest that samples.

    Source: the vendor's versioning, extended thinking and structured output pages.
    """
    version = _version(model)
    known = version or _NEWEST
    return Rules(
        sampling=version is None or known <= (4, 6),
        sampling_pair=version is None or known < (4, 1),
        thinking=_thinking(known),
        effort_xhigh=known >= (4, 7),
        schemas=known >= (4, 1),
        old_version=known <= (4, 6),
    )


def _version(model: str) -> tuple[int, int] | None:
    found = _NEW.search(model) or _OLD.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else None


def _thinking(version: tuple[int, int]) -> ThinkingStyle:
    if version >= (4, 6):
        return ThinkingStyle.ADAPTIVE
    return ThinkingStyle.BUDGET if version >= (3, 7) else ThinkingStyle.NONE
