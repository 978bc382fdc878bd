"""The reference of every key, written from the models: run it as a module after changing them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hexgate.entrypoints.config import environment, own, schema
from hexgate.entrypoints.config.schema import Node
from hexgate.entrypoints.fields import ALIAS, NAME, TARGET

DOCS = Path("docs/configuration.md")
SCHEMA = Path("examples/hexgate.schema.json")
_PLACEHOLDERS = {ALIAS: "<alias>", TARGET: "<provider/model>", NAME: "<name>"}
BEGIN, END = "<!-- keys: begin -->\n", "<!-- keys: end -->\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One key. `kinds` are the kinds of providers that have it; empty where all do."""

    key: str
    accepts: str
    default: str
    meaning: str
    kinds: tuple[str, ...] = ()


def schema_text() -> str:
    """The JSON schema file, for editors."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **schema.schema()}, indent=2) + "\n"


def updated(page: str) -> str:
    """The page with its generated part as it should be. Raises ValueError without the marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"expected the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{_tables()}\n{END}{after}"


def rows() -> tuple[Row, ...]:
    """Every key that holds a value, in the order of the models."""
    return tuple(_rows("", schema.schema(), required=False))


def _rows(key: str, node: Node, *, required: bool) -> Iterator[Row]:
    said = schema.phrase(node)
    node = schema.resolved(node)
    ((pattern, free),) = node.get("patternProperties", {"": {}}).items()
    item = schema.resolved(node.get("items", {}))
    if "properties" in node:
        for name, inner in node["properties"].items():
            needed = name in node.get("required", ())
            yield from _rows(f"{key}.{name}".lstrip("."), inner, required=needed)
    elif "discriminator" in free:
        yield from _by_kind(f"{key}.<name>", free["discriminator"]["mapping"])
    else:
        default = "required" if required else json.dumps(node.get("default"))
        yield Row(key, said, default, node.get("description", ""))
        if "properties" in item:
            yield from _rows(f"{key}[]", item, required=False)
        if "properties" in schema.resolved(free):
            yield from _rows(f"{key}.{_PLACEHOLDERS[pattern]}", free, required=False)


def _by_kind(key: str, kinds: Mapping[str, str]) -> Iterator[Row]:
    """The keys of all kinds of providers, each once."""
    yield Row(f"{key}.kind", f"one of: {', '.join(kinds)}", "required", "What it is.")
    having: dict[Row, list[str]] = {}
    for kind, reference in kinds.items():
        for row in _rows(key, {"$ref": reference}, required=False):
            if row.key != f"{key}.kind":
                having.setdefault(row, []).append(kind)
    for row, names in having.items():
        yield row if len(names) == len(kinds) else replace(row, kinds=tuple(names))


def _tables() -> str:
    sections: dict[str, list[Row]] = {}
    for row in rows():
        sections.setdefault(row.key.partition(".")[0], []).append(row)
    lines: list[str] = []
    for name, members in sections.items():
        lines += ["", f"### `{name}`", ""]
        lines += ["| key | accepts | default | meaning |", "| --- | --- | --- | --- |"]
        lines += map(_line, members)
    lines += ["", "### Environment variables", "", *_variables()]
    return "\n".join(lines)


def _line(row: Row) -> str:
    meaning = row.meaning + (f" Kinds: {', '.join(row.kinds)}." if row.kinds else "")
    default = row.default if row.default == "required" else f"`{row.default}`"
    default = "" if row.default == "null" else default
    return f"| `{row.key}` | {row.accepts} | {default} | {meaning} |"


def _variables() -> Iterator[str]:
    yield "| variable | sets | read |"
    yield "| --- | --- | --- |"
    yield f"| `{own.CONFIG}` | the path of the file | where the command names none |"
    for name, key in own.OVERRIDES.items():
        yield f"| `{name}` | `{'.'.join(key)}` | always; wins over the file |"
    for name, path in environment.READ.items():
        yield f"| `{name}` | `{'.'.join(path)}` | without a file |"


def main(root: Path) -> None:
    """Write the page and the schema below `root`."""
    page = root / DOCS
    page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")
    (root / SCHEMA).write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
