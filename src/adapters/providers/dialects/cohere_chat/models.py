"""What each family of Cohere's models lacks, read off the model's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model can do."""

    images: bool = True
    documents: bool = True
    tools: bool = True
    tool_choice: bool = True  # being made to call a tool, or not to
    json: bool = True  # answers that are JSON
    thinking: bool = True


_ALL = Rules()
_NO_IMAGES = Rules(images=False)
_TEXT = Rules(images=False, thinking=False)
_VISION = Rules(tools=False, tool_choice=False, thinking=False)
_R = Rules(images=False, thinking=False, tool_choice=False)
_TALK = Rules(images=False, thinking=False, tools=False, tool_choice=False)
_OLD = Rules(
    images=False, documents=False, tools=False, tool_choice=False, json=False, thinking=False
)
# The first that matches. Source: the vendor's page of each model, and for the tool choice and JSON
# the reference of the parameter.
_FAMILIES = (
    (re.compile(r"command-a-plus"), _ALL),
    (re.compile(r"command-a-reasoning"), _NO_IMAGES),
    (re.compile(r"command-a-vision"), _VISION),
    (re.compile(r"command-a-translate|north-small-translate"), _TALK),
    (re.compile(r"command-a-\d|command-r7b"), _TEXT),
    (re.compile(r"command-r(-plus)?(-\d|$)"), _R),
    (re.compile(r"command(-light)?(-nightly)?$"), _OLD),
    (re.compile(r"(c4ai-)?aya-vision"), _VISION),
    (re.compile(r"(c4ai-|tiny-)?aya"), _TALK),
    (re.compile(r"north-mini-code"), _NO_IMAGES),
)


@lru_cache(maxsize=1024)
def rules(model: str) -> Rules:
    """The rules of a model. A name of no known family is taken at the caller's word."""
    for pattern, found in _FAMILIES:
        if pattern.match(model):
            return found
    return _ALL
