"""The rows have every fault, and the page says what they say."""

from __future__ import annotations

from pathlib import Path

from hexgate.adapters.simulator import Fault
from tests.faults import table
from tests.faults.places import Place
from tests.faults.rows import CALLERS, ROWS

ROOT = Path(__file__).parents[2]


def test_each_number_of_the_list_has_a_row() -> None:
    numbers = {row.number for row in ROWS} | {number for number, *_ in CALLERS}
    assert numbers == set(range(1, 31))


def test_each_fault_of_the_simulator_and_each_place_has_a_row() -> None:
    made = {row.made for row in ROWS}
    assert made >= {*Fault, *Place}
    for row in ROWS:
        assert not isinstance(row.made, Fault) or row.made.lesson == row.number, row.says


def test_no_two_rows_are_called_alike() -> None:
    assert len({str(row) for row in ROWS}) == len(ROWS)


def test_the_page_is_the_one_that_the_rows_write() -> None:
    found = (ROOT / table.PAGE).read_text(encoding="utf-8")
    assert found == table.page(), "run python -m tests.faults.table"


def test_each_row_is_on_the_page() -> None:
    lines = [line for line in table.page().splitlines() if line.startswith("| ")]
    for row in ROWS:
        assert sum(line.startswith(f"| {row.number} | {row.says} |") for line in lines) == 1
