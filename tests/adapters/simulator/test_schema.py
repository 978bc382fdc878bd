"""Values that fit schemas."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.adapters.simulator.dice import Dice
from hexgate.adapters.simulator.schema import fitting


def made(schema: dict[str, Any], seed: int = 0) -> Any:
    return fitting(schema, Dice(str(seed)))


@pytest.mark.parametrize("seed", range(20))
def test_numbers_stay_within_their_bounds(seed: int) -> None:
    assert made({"type": "integer", "minimum": 3, "maximum": 5}, seed) in (3, 4, 5)
    assert made({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5}, seed) == 4
    assert made({"type": "integer", "multipleOf": 7, "minimum": 1}, seed) % 7 == 0
    assert made({"type": "integer", "maximum": -3}, seed) <= -3
    assert 0.5 < made({"type": "number", "exclusiveMinimum": 0.5, "maximum": 0.75}, seed) <= 0.75
    assert made({"type": "number", "maximum": 0}, seed) <= 0


def test_strings_have_their_length_and_format() -> None:
    assert len(made({"type": "string", "minLength": 30})) >= 30
    assert len(made({"type": "string", "maxLength": 2})) <= 2
    assert made({"type": "string", "format": "date"}) == "2026-11-20"


def test_arrays_have_their_size() -> None:
    assert len(made({"type": "array", "items": {}, "minItems": 4})) == 4
    assert made({"type": "array", "items": {}, "maxItems": 0}) == []


def test_choices_constants_and_references_are_followed() -> None:
    assert made({"enum": ["x"]}) == "x"
    assert made({"const": 3}) == 3
    assert made({"anyOf": [{"const": 1}, {"const": 2}]}) == 1
    assert made({"$ref": "#/$defs/a", "$defs": {"a": {"const": "deep"}}}) == "deep"
    both = {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]}
    assert made(both) == {"a": 1, "b": 2}
    assert made({"type": ["null", "boolean"]}) is None


def test_schemas_that_contain_themselves_come_to_an_end() -> None:
    node: dict[str, Any] = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["next"],
    }
    depth, value = 0, made(node)
    while value is not None:
        depth, value = depth + 1, value["next"]
    assert 1 < depth < 20


def test_properties_that_are_only_required_are_made() -> None:
    assert set(made({"type": "object", "required": ["a"]})) == {"a"}
