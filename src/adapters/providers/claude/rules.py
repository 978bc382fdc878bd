"""What each family of Claude models accepts, read off the model's name."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

Version: TypeAlias = tuple[int, int]

# claude-opus-4-20250514 and claude-opus-4@20250514 are 4.0: a date is no minor version.
_NEW = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-(?:instant-)?v?(\d)(?:[-.:](\d))?(?!\d)")
_PREVIEW = "claude-mythos-preview"  # its name tells no version


class ThinkingStyle(enum.Enum):
    """How a family is asked to reason."""

    NONE = "none"
    BUDGET = "budget"  # thinking.budget_tokens
    ADAPTIVE = "adaptive"  # thinking.type adaptive, and a level of effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model accepts beyond the common ground. `off` is the thinking.type that turns
    reasoning off, empty where it is always on.
    """

    sampling: bool  # temperature, top_p and top_k
    sampling_pair: bool  # temperature and top_p together
    thinking: ThinkingStyle
    off: str
    effort_xhigh: bool
    schemas: bool  # answers of a schema's shape, and strict tools
    forced_tools: bool
    prefill: bool  # a conversation that ends with the model's own words
    old_version: bool  # only `anthropic-version: 2023-06-01` is certain to work


# A name that tells no version: everything is taken at the caller's word.
UNKNOWN = Rules(
    sampling=True,
    sampling_pair=True,
    thinking=ThinkingStyle.ADAPTIVE,
    off="disabled",
    effort_xhigh=True,
    schemas=True,
    forced_tools=True,
    prefill=True,
    old_version=False,
)


@lru_cache(maxsize=1024)
def rules(model: str) -> Rules:
    """The rules of a model; of one that is newer than this table, those of its predecessor.

    Sources, below https://platform.claude.com/docs/en/: api/versioning (sampling),
    build-with-claude/thinking, build-with-claude/effort, build-with-claude/structured-outputs,
    about-claude/models/whats-new-claude-4-6 (prefill), models/opus-5-5/whats-new-opus-5-5,
    models/sonnet-5-5/overview and models/fable-5/migration-guide (forced tools, reasoning off).
    """
    found = version(model)
    if found is None:
        return UNKNOWN
    if _PREVIEW in model:
        return replace(_of("mythos", found), effort_xhigh=False)
    new = _NEW.search(model)
    return _of(new[1] if new else "", found)


def version(model: str) -> Version | None:
    """Major and minor; None for a name that tells none."""
    if _PREVIEW in model:
        return 4, 7
    if new := _NEW.search(model):
        return int(new[2]), int(new[3] or 0)
    if old := _OLD.search(model):
        return int(old[1]), int(old[2] or 0)
    return None


def beside_reasoning(name: str, value: float) -> bool:
    """Whether a model that reasons takes this value of a sampling setting.

    Source: https://platform.claude.com/docs/en/build-with-claude/extended-thinking.
    """
    return (name == "temperature" and value == 1) or (name == "top_p" and value >= 0.95)


def _of(family: str, found: Version) -> Rules:
    return Rules(
        sampling=found <= (4, 6),
        sampling_pair=found < (4, 1),
        thinking=_thinking(found),
        off=_off(family, found),
        effort_xhigh=found >= (4, 7),
        schemas=found >= (4, 1),
        forced_tools=found <= (5, 0) or family == "haiku",
        prefill=found < (4, 6),
        old_version=found <= (4, 6),
    )


def _thinking(found: Version) -> ThinkingStyle:
    if found >= (4, 6):
        return ThinkingStyle.ADAPTIVE
    return ThinkingStyle.BUDGET if found >= (3, 7) else ThinkingStyle.NONE


def _off(family: str, found: Version) -> str:
    if family in ("fable", "mythos") or (family == "opus" and found >= (5, 5)):
        return ""
    if family == "sonnet" and found >= (5, 5):
        return "between_tools"
    return "disabled"
