"""JSON schemas, which callers give as text."""

from __future__ import annotations

from hexgate.adapters.providers.history import json_object
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.json import JsonObject


def schema_object(path: str, text: str, lacking: Lacking) -> JsonObject:
    """The schema, key order kept; refused at `path` where it is no JSON object."""
    found = json_object(text)
    if found is None:
        lacking.refuse(path, "a schema that is not a JSON object as RFC 8259 has it")
    return found or {}
