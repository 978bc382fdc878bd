"""What each family of Google's models accepts, read off the model's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from hexgate.adapters.providers.dialects.gemini.hosts import bare
from hexgate.domain.spec import Effort


@dataclass(frozen=True, slots=True)
class Budget:
    """The bounds of `thinkingBudget`; `off` says whether 0 is allowed below them."""

    least: int
    most: int
    off: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model accepts beyond the common ground.

    Without budget and levels it does not reason; with both it is told effort by level.
    """

    system: bool = True  # systemInstruction
    tools: bool = True
    shapes: bool = True  # JSON, with and without a schema
    shaped_tools: bool = True  # JSON while tools are on offer
    penalties: bool = True
    media_results: bool = True  # media in tool results
    needs_signatures: bool = False  # on the calls of the turn that is not over
    budget: Budget | None = None
    levels: tuple[Effort, ...] = ()  # in rising order


_LOW_TO_HIGH = (Effort.LOW, Effort.MEDIUM, Effort.HIGH)
_LEVELS = (Effort.MINIMAL, *_LOW_TO_HIGH)
_UNKNOWN = Rules(budget=Budget(0, 1 << 20), levels=(*_LEVELS, Effort.XHIGH))


def _second(budget: Budget | None, *, penalties: bool = False) -> Rules:
    return Rules(
        shaped_tools=False, media_results=False, penalties=penalties, budget=budget, levels=()
    )


def _third(*levels: Effort) -> Rules:
    return Rules(penalties=False, needs_signatures=True, levels=levels)


def _lesser(*, system: bool = True, shapes: bool = False) -> Rules:
    """Models that draw, and the small open ones, take no tools."""
    return Rules(
        system=system,
        tools=False,
        shapes=shapes,
        shaped_tools=False,
        penalties=False,
        media_results=False,
    )


_VERSION = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")
_LATEST = re.compile(r"gemini-(?:pro|flash|flash-lite)-latest")
_OLD_GEMMA = re.compile(r"gemma-?[1-3](?!\d)")


@lru_cache(maxsize=1024)
def rules(model: str) -> Rules:
    """The rules of a model. A name of no known family is taken at the caller's word.

    Source: the vendor's pages on thinking, function calling, structured output and thought
    signatures; that penalties are refused from 2.5 on is the answer of the API itself.
    """
    name = bare(model)
    if _OLD_GEMMA.match(name):
        return _lesser(system=False)
    if _LATEST.fullmatch(name):
        return _newest(name, (99, 0))
    found = _VERSION.match(name)
    if found is None:
        return _UNKNOWN
    version = int(found[1]), int(found[2] or 0)
    if "-image" in name:
        return _lesser(shapes=version >= (3, 0))
    if version >= (3, 0):
        return _newest(name, version)
    if version < (2, 5):
        return _second(None, penalties=version == (2, 0))
    if "pro" in name:
        return _second(Budget(128, 32_768, off=False))
    return _second(Budget(512 if "lite" in name else 1, 24_576))


def _newest(name: str, version: tuple[int, int]) -> Rules:
    """The least level is for the lite models, and for the others of the flash line before 3.7."""
    if "lite" in name or ("pro" not in name and version < (3, 7)):
        return _third(*_LEVELS)
    return _third(Effort.LOW, Effort.HIGH) if version == (3, 0) else _third(*_LOW_TO_HIGH)
