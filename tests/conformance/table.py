"""The table of the README: run it as a module after changing what providers can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.conformance.features import EMBEDDINGS, FEATURES
from tests.conformance.limits import How, No, limit
from tests.e2e.wires import WIRES

README = Path("README.md")
BEGIN, END = "<!-- conformance: begin -->\n", "<!-- conformance: end -->\n"
_SIGNS = {How.REFUSED: "no", How.DROPPED: "no", How.UNTOLD: "-"}


def updated(page: str) -> str:
    """The page with the table as it should be. Raises ValueError without the marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"expected the marks {BEGIN.strip()} and {END.strip()}")
    return f"{before}{BEGIN}{_table()}\n{END}{after}"


def _columns() -> dict[str, list[str]]:
    """What speaks, and over which transports."""
    found: dict[str, list[str]] = {}
    for wire in WIRES:
        found.setdefault(wire.name, []).append(wire.transport)
    return found


def _table() -> str:
    columns, notes = _columns(), dict[No, int]()
    lines = [
        f"| | {' | '.join(columns)} |",
        f"| --- |{' --- |' * len(columns)}",
        f"| transports | {' | '.join(', '.join(each) for each in columns.values())} |",
    ]
    for feature in (*FEATURES, *EMBEDDINGS):
        cells = [
            _cell(kind, transports, feature.name, notes) for kind, transports in columns.items()
        ]
        lines.append(f"| {feature.says} | {' | '.join(cells)} |")
    return "\n".join((*lines, "", *_notes(notes)))


def _cell(kind: str, transports: list[str], feature: str, notes: dict[No, int]) -> str:
    found = {transport: limit(kind, transport, feature) for transport in transports}
    said: dict[str, list[str]] = {}
    for transport, no in found.items():
        if no is None:
            text = "yes"
        else:
            number = notes.setdefault(no, len(notes) + 1)
            text = f"{_SIGNS[no.how]} [{number}]"
        said.setdefault(text, []).append(transport)
    if len(said) == 1:
        return next(iter(said))
    return ", ".join(f"{text} ({', '.join(names)})" for text, names in said.items())


def _notes(notes: dict[No, int]) -> Iterator[str]:
    for no, number in notes.items():
        yield f"{number}. {no.how.value}: {no.why}"


def main(root: Path) -> None:
    """Write the table below `root`."""
    page = root / README
    page.write_text(updated(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
