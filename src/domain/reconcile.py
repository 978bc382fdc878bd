"""What a provider says was used, beside what the ledger says: by day and model, figure by figure.

Days are those of UTC. Figures are whole numbers; money is nano-USD.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

from hexgate.domain.report import Totals

INPUT = "input_tokens"
UNCACHED = "uncached_input_tokens"
READ = "cache_read_tokens"
WRITTEN = "cache_write_tokens"
OUTPUT = "output_tokens"
CALLS = "calls"
COST = "cost_nanos"
FIGURES = (INPUT, UNCACHED, READ, WRITTEN, OUTPUT, CALLS, COST)
"""What may be compared. INPUT is all of it, where an export does not tell the cache apart; media
are in whichever class of text they are part of. CALLS are those that did not fail.
"""

MAX_GROUPS = 200_000
"""How many days and models an export may have."""

# gpt-4o-2024-08-06 and claude-sonnet-4-20250514: what is asked for as gpt-4o is reported like this.
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")

Key: TypeAlias = tuple[str, str]
"""A day, such as 2026-11-30, and a model."""


class TooMany(ValueError):
    """An export has more than MAX_GROUPS days and models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """A line of an export: what a provider says of a day. `model` is empty where it is of all
    models together; money may be a fraction of a nano-USD. With a `request_id` it is of one call.

    Without figures it says that the export covers the day.
    """

    day: str
    model: str = ""
    figures: Mapping[str, int | Decimal] = field(default_factory=lambda: MappingProxyType({}))
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of a day and a model; `beyond` is whether it differs by more than is tolerated.

    `model` is empty for all models together. Of the ledger's calls `failed`, `unknown`, `estimated`
    and `unpriced` may be why: what they used, or cost, is not known as the provider counted it.
    """

    day: str
    model: str
    figure: str
    ledger: int
    export: int
    beyond: bool
    failed: int = 0
    unknown: int = 0
    estimated: int = 0
    unpriced: int = 0

    @property
    def difference(self) -> int:
        """What the provider says beyond the ledger."""
        return self.export - self.ledger


class Tally:
    """The lines of an export, added up. Raises TooMany."""

    def __init__(self) -> None:
        self._sums: dict[Key, dict[str, int | Decimal]] = {}
        self._figures: tuple[set[str], set[str]] = (set(), set())

    def add(self, line: Billed) -> None:
        """Count one line in."""
        key = (line.day, line.model)
        sums = self._sums.get(key)
        if sums is None:
            if len(self._sums) >= MAX_GROUPS:
                raise TooMany
            sums = self._sums[key] = {}
        self._figures[bool(line.model)].update(line.figures)
        for name, amount in line.figures.items():
            sums[name] = sums.get(name, 0) + amount

    @property
    def days(self) -> tuple[str, str] | None:
        """The first and the last day; None without lines."""
        if not self._sums:
            return None
        return min(self._sums)[0], max(self._sums)[0]

    @property
    def by_model(self) -> Set[str]:
        """The figures that are told by model; where nothing is told at all, every one is zero."""
        of_all, by_model = self._figures
        return by_model if by_model or of_all else {UNCACHED, READ, WRITTEN, OUTPUT, CALLS, COST}

    @property
    def by_day(self) -> Set[str]:
        """Those that are told for all models together, and in no other way."""
        of_all, by_model = self._figures
        return of_all - by_model

    def under(self, names: Set[str]) -> Mapping[Key, Mapping[str, int]]:
        """What was told, by day and by what the ledger calls a model: where it knows a dated name
        without its date alone, as that.
        """
        found: dict[Key, dict[str, int | Decimal]] = {}
        for (day, model), sums in self._sums.items():
            into = found.setdefault((day, _known(model, names)), {})
            for name, amount in sums.items():
                into[name] = into.get(name, 0) + amount
        return {
            key: {name: _whole(amount) for name, amount in sums.items()}
            for key, sums in found.items()
        }


def compared(
    export: Tally, ledger: Mapping[Key, Totals], days: Mapping[str, Totals], tolerance: Fraction
) -> Iterator[Compared]:
    """Every figure that the export tells, in the order of days and models. `ledger` is what calls
    came to by day and model, `days` by day alone; `tolerance` is the share of the larger side by
    which they may differ.
    """
    told = export.under({model for _, model in ledger})
    for key in sorted({*told, *ledger, *((day, "") for day in days)}):
        day, model = key
        says = told.get(key, {})
        yield from _lines(key, says, ledger.get(key), export.by_model, tolerance)
        if not model:
            yield from _lines(key, says, days.get(day), export.by_day, tolerance)


def within(one: int, other: int, tolerance: Fraction) -> bool:
    """Whether two figures differ by no more than this share of the larger."""
    return abs(one - other) <= tolerance * max(abs(one), abs(other))


def figures_of(totals: Totals) -> Mapping[str, int]:
    """What the ledger says, under the names of FIGURES."""
    used = totals.usage
    return {
        INPUT: used.input,
        UNCACHED: used.uncached_input + used.audio_input + used.image_input,
        READ: used.cache_read + used.audio_cache_read,
        WRITTEN: used.cache_write + used.cache_write_1h,
        OUTPUT: used.written,
        CALLS: totals.calls - totals.failed,
        COST: totals.cost.total_nanos,
    }


def _lines(
    key: Key, says: Mapping[str, int], totals: Totals | None, figures: Set[str], tolerance: Fraction
) -> Iterator[Compared]:
    if totals is None and not figures & says.keys():
        return
    totals = totals or Totals()
    kept = figures_of(totals)
    for figure in FIGURES:
        if figure in figures:
            yield Compared(
                day=key[0],
                model=key[1],
                figure=figure,
                ledger=kept[figure],
                export=says.get(figure, 0),
                beyond=not within(kept[figure], says.get(figure, 0), tolerance),
                failed=totals.failed,
                unknown=totals.unknown,
                estimated=totals.estimated,
                unpriced=totals.unpriced,
            )


def _known(model: str, names: Set[str]) -> str:
    undated = _DATED.sub("", model)
    return undated if model not in names and undated in names else model


def _whole(amount: int | Decimal) -> int:
    return int(Decimal(amount).to_integral_value(ROUND_HALF_EVEN))
