"""A value that fits a JSON schema, for the keywords that tools and answers are described with."""

from __future__ import annotations

from collections.abc import Callable

from hexgate.adapters.simulator import words
from hexgate.adapters.simulator.dice import Dice
from hexgate.domain.json import Json, JsonObject

_DEPTH = 12
_FORMATS = {
    "date": "2026-11-20",
    "time": "12:30:00Z",
    "date-time": "2026-11-20T12:30:00Z",
    "email": "ada@example.org",
    "uri": "https://example.org/a",
    "uuid": "01890a5d-ac96-774b-bcce-b302099a8057",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "duration": "PT5M",
}


def fitting(schema: JsonObject, dice: Dice) -> Json:
    """A value for `schema`.

    Knows type, enum, const, anyOf, oneOf, allOf, local $ref, formats, and the bounds of numbers,
    strings and arrays. `pattern` and `not` are not followed. Optional properties are given, down
    to a depth.
    """
    return _Maker(schema, dice).make(schema, _DEPTH)


class _Maker:
    def __init__(self, root: JsonObject, dice: Dice) -> None:
        self._root = root
        self._dice = dice
        self._makers: dict[str, Callable[[JsonObject, int], Json]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda _schema, _depth: self._dice.below(2) == 1,
            "null": lambda _schema, _depth: None,
        }

    def make(self, schema: Json, depth: int) -> Json:
        if not isinstance(schema, dict):
            return words.word(self._dice)
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        options = schema.get("enum")
        if isinstance(options, list) and options:
            return self._dice.one(options)
        return self._makers[self._kind(schema, depth)](schema, depth)

    def _kind(self, schema: JsonObject, depth: int) -> str:
        kinds = schema.get("type")
        if isinstance(kinds, list) and kinds:
            known = [kind for kind in kinds if isinstance(kind, str) and kind in self._makers]
            kinds = "null" if depth <= 0 and "null" in known else (known or ["string"])[0]
        if isinstance(kinds, str) and kinds in self._makers:
            return kinds
        return "object" if "properties" in schema else "array" if "items" in schema else "string"

    def _resolved(self, schema: JsonObject, depth: int) -> JsonObject:
        """Without references and choices; what stands beside them stays in force."""
        for _ in range(_DEPTH):
            ref = schema.get("$ref")
            options = schema.get("anyOf") or schema.get("oneOf")
            every = schema.get("allOf")
            if isinstance(ref, str):
                schema = {**self._at(ref), **_without(schema, "$ref")}
            elif isinstance(options, list) and options:
                chosen = options[-1] if depth <= 0 else options[0]
                rest = _without(schema, "anyOf", "oneOf")
                schema = {**rest, **(chosen if isinstance(chosen, dict) else {})}
            elif isinstance(every, list):
                schema = _merged([_without(schema, "allOf"), *every])
            else:
                break
        return schema

    def _at(self, ref: str) -> JsonObject:
        found: Json = self._root
        for step in ref.removeprefix("#").strip("/").split("/"):
            if step and isinstance(found, dict):
                found = found.get(step.replace("~1", "/").replace("~0", "~"), {})
        return found if isinstance(found, dict) else {}

    def _object(self, schema: JsonObject, depth: int) -> Json:
        properties, required = schema.get("properties"), schema.get("required")
        properties = properties if isinstance(properties, dict) else {}
        needed = (
            [name for name in required if isinstance(name, str)]
            if isinstance(required, list)
            else []
        )
        names = [*properties, *(name for name in needed if name not in properties)]
        return {
            name: self.make(properties.get(name, {}), depth - 1)
            for name in names
            if depth > 0 or name in needed
        }

    def _array(self, schema: JsonObject, depth: int) -> Json:
        least, most = _number(schema, "minItems", 0), _number(schema, "maxItems", 1 << 20)
        size = int(least if depth <= 0 else min(max(least, 2), most))
        return [self.make(schema.get("items", {}), depth - 1) for _ in range(size)]

    def _string(self, schema: JsonObject, _depth: int) -> Json:
        shape = schema.get("format")
        if isinstance(shape, str) and shape in _FORMATS:
            return _FORMATS[shape]
        least, most = (
            int(_number(schema, "minLength", 1)),
            int(_number(schema, "maxLength", 1 << 20)),
        )
        text = words.word(self._dice)
        while len(text) < least:
            text += " " + words.word(self._dice)
        return text[:most] if len(text) > most else text

    def _integer(self, schema: JsonObject, _depth: int) -> Json:
        step = int(_number(schema, "multipleOf", 1)) or 1
        low, high = _bounds(schema)
        first = -(-int(-(-low // 1)) // step) * step  # the least multiple that is not below
        room = max(0, int((high - first) // step))
        return first + self._dice.below(min(room, 40) + 1) * step

    def _number(self, schema: JsonObject, _depth: int) -> Json:
        if "multipleOf" in schema:
            return self._integer(schema, 0)
        low, high = _bounds(schema, 0.0)
        return low + (min(high, low + 40) - low) * (1 + self._dice.below(7)) / 8


def _merged(schemas: list[Json]) -> JsonObject:
    merged: JsonObject = {}
    for schema in schemas:
        for name, value in schema.items() if isinstance(schema, dict) else ():
            before = merged.get(name)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[name] = {**before, **value}
            elif isinstance(before, list) and isinstance(value, list):
                merged[name] = [*before, *value]
            else:
                merged[name] = value
    return merged


def _bounds(schema: JsonObject, gap: float = 1.0) -> tuple[float, float]:
    """Inclusive bounds; `gap` is what an exclusive one keeps away (numbers keep away by halves)."""
    low = _number(schema, "minimum", float("-inf"))
    high = _number(schema, "maximum", float("inf"))
    low = max(low, _number(schema, "exclusiveMinimum", float("-inf")) + gap)
    high = min(high, _number(schema, "exclusiveMaximum", float("inf")) - gap)
    if low == float("-inf"):
        low = 1.0 if high >= 1 else high - 40
    return low, high if high != float("inf") else low + 40


def _number(schema: JsonObject, name: str, otherwise: float) -> float:
    value = schema.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def _without(schema: JsonObject, *names: str) -> JsonObject:
    return {name: value for name, value in schema.items() if name not in names}
