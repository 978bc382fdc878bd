"""What the pages tell people to run works as it stands there."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

from hexgate.adapters.exports.generic import COST_USD, NUMBERS
from hexgate.adapters.exports.reading import lines
from hexgate.domain.reconcile import COST
from tests.entrypoints.recovery.conftest import House

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests" / "data" / "exports"
PAGES = ("README.md", "docs/ledger.md")
# Samples are not of this ledger's calls, so nearly all of them differ; whoever compares knows.
ENDS = {"verify": (0,), "migrate": (0,), "reconcile": (0, 1)}


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    """The commands of recovery that a page tells people to run."""
    told = (
        line.removeprefix(".venv/bin/") for one in blocks(page, "sh") for line in one.splitlines()
    )
    return [line for line in told if line.startswith("hexgate ledger")]


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page)])
def test_every_command_of_the_pages_works(house: House, line: str) -> None:
    for sample in SAMPLES.iterdir():
        (house.folder / sample.name.replace("_", "-")).write_bytes(sample.read_bytes())
    _, _, command, *words = shlex.split(line)
    done = house.run(command, *words)
    assert done.code in ENDS[command], done.err
    assert done.err in (
        "",
        "openai-usage.json: its last page says has_more: fetch the pages behind it as well\n",
    )
    assert done.out or (house.folder / "found.jsonl").exists()


def test_every_command_has_its_example() -> None:
    assert {line.split()[2] for line in commands("docs/ledger.md")} == {*ENDS}


def test_the_example_of_an_export_is_one(tmp_path: Path) -> None:
    (text,) = blocks("docs/ledger.md", "csv")
    (tmp_path / "own").write_text(text)
    (line,) = lines(tmp_path / "own", lambda: None)
    assert line.figures[COST] == 4_125_000
    header = next(csv.reader(text.splitlines()))
    assert header == ["day", "model", *NUMBERS]
    assert COST_USD in header
