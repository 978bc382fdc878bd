"""What the models accept, read from their JSON schema: the words of errors and of the reference."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from hexgate.entrypoints.fields import PATTERNS
from hexgate.entrypoints.references import Key
from hexgate.entrypoints.settings import Settings

Node: TypeAlias = Mapping[str, Any]


@functools.cache
def schema() -> Node:
    """The JSON schema of a configuration file."""
    return Settings.model_json_schema()


def at(loc: Key) -> Node:
    """The schema at a location of a validation error, empty where there is none.

    Such a location holds the kind of a provider after its name, and "[key]" for a key itself.
    """
    return resolved(_at(loc))


def accepts(loc: Key) -> str:
    """What is accepted at such a location, in a few words."""
    return phrase(_at(loc))


def keys(loc: Key) -> tuple[str, ...]:
    """The keys that a mapping may have."""
    return tuple(at(loc).get("properties", {}))


def resolved(node: Node) -> Node:
    """The node itself, behind a reference and without the choice of null.

    Of several forms the fullest is taken: a number, a list or a section rather than text, a section
    rather than a list; but of one key and where to find it, the key.
    """
    if "$ref" in node:
        return {**schema()["$defs"][node["$ref"].rpartition("/")[2]], **_said(node)}
    if "anyOf" not in node:
        return node
    choices: Sequence[Node] = [choice for choice in node["anyOf"] if choice.get("type") != "null"]
    full = [choice for choice in choices if choice.get("type") != "string"]
    secret = any(choice.get("writeOnly") for choice in choices)
    several = choices[-1].get("type") == "array"
    fullest = full[-1] if full and (several or not secret) else choices[0]
    return {**resolved(fullest), **_said(node)}


def phrase(node: Node) -> str:
    """What a node accepts, in a few words."""
    full = resolved(node)
    short: Node = next((c for c in node.get("anyOf", ()) if c.get("type") == "string"), {})
    if full.get("type") in ("array", "object") and short:
        one = "one of them" if "enum" in short else _phrase(short)
        return f"{one}, or {_phrase(full)}"
    return _phrase(full)


def _phrase(node: Node) -> str:
    if "discriminator" in node:
        return "a mapping with kind"
    if "enum" in node or "const" in node:
        allowed = node.get("enum") or [node["const"]]
        return ("one of: " if len(allowed) > 1 else "") + ", ".join(map(str, allowed))
    match node.get("type"):
        case "integer":
            return f"a whole number {_range(node)}"
        case "number":
            return f"a number {_range(node)}"
        case "boolean":
            return "true or false"
        case "array":
            return "a list" + _size(node, "minItems", "maxItems")
        case "object":
            return "a mapping" + _size(node, "minProperties", "maxProperties")
    return PATTERNS.get(node.get("pattern", ""), "text")


def key_phrase(loc: Key) -> str:
    """What the keys of a mapping of free names look like."""
    patterns = at(loc).get("patternProperties", {})
    return next((PATTERNS[pattern] for pattern in patterns), "text")


def _at(loc: Key) -> Node:
    node = schema()
    for part in loc:
        node = _step(resolved(node), part)
    return node


def _step(node: Node, part: str | int) -> Node:
    if isinstance(part, int):
        return _node(node.get("items"))
    if "discriminator" in node:
        kinds = node["discriminator"]["mapping"]
        return {"$ref": kinds[part]} if part in kinds else {}
    if part in node.get("properties", {}):
        return _node(node["properties"][part])
    return _node(next(iter(node.get("patternProperties", {}).values()), None))


def _node(value: Node | None) -> Node:
    return value or {}


def _said(node: Node) -> dict[str, Any]:
    """What a field says beside its type."""
    return {name: node[name] for name in ("description", "default") if name in node}


def _range(node: Node) -> str:
    return f"from {_plain(node['minimum'])} to {_plain(node['maximum'])}"


def _plain(number: float) -> str:
    """Without an exponent."""
    return f"{number:.12f}".rstrip("0").rstrip(".")


def _size(node: Node, least: str, most: str) -> str:
    if least not in node and most not in node:
        return ""
    return f" of {node.get(least, 0)} to {node.get(most, 'any number of')}"
