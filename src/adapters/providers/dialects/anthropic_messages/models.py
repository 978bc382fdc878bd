"""What each family of Claude models accepts, read off the model's name."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from functools import lru_cache

# claude-opus-4-20250514 and claude-opus-4@20250514 are 4.0: a date is no minor version.
_NEW = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OLD = re.compile(r"claude-(instant-)?(\d)(?:[-.](\d))?(?!\d)")


class ThinkingStyle(enum.Enum):
    """How a family is asked to reason."""

    NONE = "none"
    BUDGET = "budget"  # thinking.budget_tokens
    ADAPTIVE = "adaptive"  # thinking.type adaptive with output_config.effort


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
    schemas: bool  # output_config.format and strict tools
    forced_tools: bool
    prefill: bool  # a conversation that ends with the model's own words
    old_version: bool  # only `anthropic-version: 2023-06-01` is certain to work


# A name that tells no version: everything is taken at the caller's word.
_UNKNOWN = Rules(
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
    if "claude-mythos-preview" in model:
        return replace(_of("mythos", (4, 7)), effort_xhigh=False)
    if new := _NEW.search(model):
        return _of(new[1], (int(new[2]), int(new[3] or 0)))
    if old := _OLD.search(model):
        return _of("", (int(old[2]), int(old[3] or 0)))
    return _UNKNOWN


def _of(family: str, version: tuple[int, int]) -> Rules:
    return Rules(
        sampling=version <= (4, 6),
        sampling_pair=version < (4, 1),
        thinking=_thinking(version),
        off=_off(family, version),
        effort_xhigh=version >= (4, 7),
        schemas=version >= (4, 1),
        forced_tools=version <= (5, 0) or family == "haiku",
        prefill=version < (4, 6),
        old_version=version <= (4, 6),
    )


def _thinking(version: tuple[int, int]) -> ThinkingStyle:
    if version >= (4, 6):
        return ThinkingStyle.ADAPTIVE
    return ThinkingStyle.BUDGET if version >= (3, 7) else ThinkingStyle.NONE


def _off(family: str, version: tuple[int, int]) -> str:
    if family in ("fable", "mythos") or (family == "opus" and version >= (5, 5)):
        return ""
    if family == "sonnet" and version >= (5, 5):
        return "between_tools"
    return "disabled"
