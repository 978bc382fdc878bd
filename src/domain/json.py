"""The type of a JSON value."""

from __future__ import annotations

from typing import TypeAlias, Union

# Union by name: a recursive alias cannot be written with `|` before Python 3.12.
Json: TypeAlias = Union[bool, int, float, str, "list[Json]", "dict[str, Json]", None]
JsonObject: TypeAlias = dict[str, Json]
