"""Who a call is for: what callers say of it, and what they are known by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

LABEL = "label:"
LABEL_KEY = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "session": "session_id",
        "agent": "agent_id",
        "end_user": "end_user_id",
        "api_key": "api_key",
    }
)
"""Dimensions of attribution and the fields that hold them; `label:<key>` is one for each label."""


class Attributed(Protocol):
    """What has these fields; each is empty where it is not known. `api_key` is the id of the
    caller's key, never the key.
    """

    @property
    def session_id(self) -> str: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def end_user_id(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    @property
    def labels(self) -> Mapping[str, str]: ...


def value(who: Attributed, dimension: str) -> str:
    """Who it is for, by one dimension. Raises KeyError for what is none."""
    if dimension.startswith(LABEL):
        return who.labels.get(dimension.removeprefix(LABEL), "")
    found: str = getattr(who, FIELDS[dimension])
    return found
