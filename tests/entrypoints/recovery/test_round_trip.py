"""What the ledger itself says, written as an export of any kind, never differs; one change does."""

from __future__ import annotations

import asyncio
import copy
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.reconcile import CALLS, COST, OUTPUT, READ, UNCACHED, WRITTEN, figures_of
from hexgate.domain.report import DAY_S, Group, Query, day_of
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.entrypoints.lines import CsvLines
from hexgate.entrypoints.recovery.differences import Manner
from hexgate.entrypoints.recovery.reconcile import Wish, reconcile
from hexgate.entrypoints.settings import Ledger
from tests.contracts.ledger import intent, settlement
from tests.contracts.reports import MIDNIGHT

COUNTS = st.integers(0, 10**9)
MODELS = st.sampled_from(["m", "n", "=odd", 'caf\u00e9, "quoted"'])
WITHIN_INPUT = (
    "cache_read_tokens",
    "cache_write_tokens",
    "input_cached_tokens",
    "input_cache_write_tokens",
)
EVERYTHING = Query(tenant=TENANT, start=0.0, end=4e9)

Rows = list[dict[str, Any]]
"""Lines with numbers in them, each of which may be changed."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call of the ledger."""

    at: float
    model: str
    state: CallState
    usage: Usage
    cost: Cost


CALLED = st.builds(
    Called,
    at=st.floats(0, 4 * DAY_S, allow_nan=False).map(lambda after: MIDNIGHT + after),
    model=MODELS,
    state=st.sampled_from([CallState.SETTLED, CallState.CANCELLED, CallState.FAILED]),
    usage=st.builds(
        Usage,
        uncached_input=COUNTS,
        cache_read=COUNTS,
        cache_write=COUNTS,
        cache_write_1h=COUNTS,
        audio_input=COUNTS,
        output=COUNTS,
        audio_output=COUNTS,
    ),
    cost=st.builds(Cost, input_nanos=COUNTS, output_nanos=COUNTS, wasted_nanos=COUNTS),
)


async def fill(path: Path, calls: list[Called]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """A ledger of these, and what it says by day and model, and by day."""
    ledger = open_sqlite(path)
    try:
        for number, one in enumerate(calls):
            name = f"c{number}"
            begun = replace(intent(name, tenant=TENANT, started_at=one.at), model=one.model)
            await ledger.begin(begun)
            attempt = Attempt(provider="openai", model=one.model, request_id=f"r{number}")
            ended = replace(
                settlement(name),
                state=one.state,
                usage=one.usage,
                cost=one.cost,
                model=one.model,
                attempts=(attempt,),
            )
            await ledger.settle(ended)
        by_model = await ledger.summarize(EVERYTHING, ("day", "model"), None, 1000)
        return by_model, await ledger.summarize(EVERYTHING, ("day",), None, 1000)
    finally:
        await ledger.aclose()


def agrees(folder: Path, text: bytes) -> bool:
    """Whether an export agrees with the ledger of the folder, to the last token."""
    (folder / "export").write_bytes(text)
    wish = Wish(file=folder / "export", since=day_of(MIDNIGHT), until="2025-11-27", tolerance="0%")
    ledger = Ledger(backend="sqlite", path=str(folder / "l.db"))
    manner = Manner(output=folder / "found.csv")
    return asyncio.run(reconcile(ledger, wish, manner, pytest.fail, 0.0))


def own(by_model: tuple[Group, ...], _: tuple[Group, ...]) -> Rows:
    rows = []
    for group in by_model:
        (day, model), said = group.values, figures_of(group.totals)
        rows.append(
            {
                "day": day,
                "model": model,
                "input_tokens": said["input_tokens"],
                "cache_read_tokens": said[READ],
                "cache_write_tokens": said[WRITTEN],
                "output_tokens": said[OUTPUT],
                "calls": said[CALLS],
                "cost_usd": said[COST],
            }
        )
    return rows


def usd(nanos: int) -> str:
    return f"{Decimal(nanos).scaleb(-9):f}"


def as_csv(rows: Rows) -> bytes:
    lines = CsvLines([*rows[0]])
    told = ([*({**row, "cost_usd": usd(row["cost_usd"])}.values())] for row in rows)
    return lines.head() + b"".join(map(lines.line, told))


def as_json_lines(rows: Rows) -> bytes:
    told = ({**row, "cost_usd": usd(row["cost_usd"])} for row in rows)
    return "\n".join(map(json.dumps, told)).encode()


def of_openai(by_model: tuple[Group, ...], _: tuple[Group, ...]) -> Rows:
    rows = []
    for group in by_model:
        said = figures_of(group.totals)
        rows.append(
            {
                "day": group.values[0],
                "object": "organization.usage.completions.result",
                "model": group.values[1],
                "input_tokens": said["input_tokens"],
                "input_cached_tokens": said[READ],
                "input_cache_write_tokens": said[WRITTEN],
                "output_tokens": said[OUTPUT],
                "num_model_requests": said[CALLS],
            }
        )
    return rows


def costs_of_openai(_: tuple[Group, ...], by_day: tuple[Group, ...]) -> Rows:
    return [
        {
            "day": group.values[0],
            "object": "organization.costs.result",
            "nanos": figures_of(group.totals)[COST],
        }
        for group in by_day
    ]


def as_openai(rows: Rows) -> bytes:
    buckets = []
    for row in rows:
        start = int(datetime.fromisoformat(f"{row['day']}T00:00:00Z").timestamp())
        result = {name: value for name, value in row.items() if name not in ("day", "nanos")}
        if "nanos" in row:
            result["amount"] = {"value": usd(row["nanos"]), "currency": "usd"}
        buckets.append({"object": "bucket", "start_time": start, "results": [result]})
    return json.dumps({"object": "page", "data": buckets, "has_more": False}).encode()


def of_anthropic(by_model: tuple[Group, ...], _: tuple[Group, ...]) -> Rows:
    rows = []
    for group in by_model:
        said = figures_of(group.totals)
        rows.append(
            {
                "day": group.values[0],
                "model": group.values[1],
                "uncached_input_tokens": said[UNCACHED],
                "cache_read_input_tokens": said[READ],
                "ephemeral_1h_input_tokens": said[WRITTEN] // 3,
                "ephemeral_5m_input_tokens": said[WRITTEN] - said[WRITTEN] // 3,
                "output_tokens": said[OUTPUT],
            }
        )
    return rows


def as_anthropic(rows: Rows) -> bytes:
    buckets = []
    for row in rows:
        lives = ("ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens")
        result = {name: value for name, value in row.items() if name not in ("day", *lives)}
        result["cache_creation"] = {name: row[name] for name in lives}
        buckets.append({"starting_at": f"{row['day']}T00:00:00Z", "results": [result]})
    return json.dumps({"data": buckets, "has_more": False}).encode()


Said = Callable[[tuple[Group, ...], tuple[Group, ...]], Rows]
Written = Callable[[Rows], bytes]
KINDS: Mapping[str, tuple[Said, Written]] = {
    "csv": (own, as_csv),
    "json lines": (own, as_json_lines),
    "openai": (of_openai, as_openai),
    "openai costs": (costs_of_openai, as_openai),
    "anthropic": (of_anthropic, as_anthropic),
}


def numbers(rows: Rows) -> Iterator[tuple[int, str]]:
    """Where a number is."""
    for place, row in enumerate(rows):
        for name, value in row.items():
            if isinstance(value, int):
                yield place, name


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(calls=st.lists(CALLED, min_size=1, max_size=6), data=st.data())
def test_what_the_ledger_says_agrees_and_one_change_does_not(
    kind: str, calls: list[Called], data: st.DataObject
) -> None:
    said, written = KINDS[kind]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = said(*asyncio.run(fill(folder / "l.db", calls)))
        assert agrees(folder, written(rows))
        place, column = data.draw(st.sampled_from([*numbers(rows)]))
        changed, by = copy.deepcopy(rows), data.draw(st.integers(1, 10**6))
        changed[place][column] += by
        if column in WITHIN_INPUT:
            changed[place]["input_tokens"] += by
        assert not agrees(folder, written(changed))
        dropped = [*rows[:place], *rows[place + 1 :]]
        if dropped:
            something = any(rows[place][column] for _, column in numbers([rows[place]]))
            assert agrees(folder, written(dropped)) is not something


@settings(max_examples=15)
@given(calls=st.lists(CALLED, min_size=2, max_size=6), data=st.data())
def test_a_request_more_or_less_is_found(calls: list[Called], data: st.DataObject) -> None:
    lines = [
        {
            "start_time": one.at,
            "model": one.model,
            "output_tokens": one.usage.written,
            "calls": int(one.state is not CallState.FAILED),
            "request_id": f"r{number}",
        }
        for number, one in enumerate(calls)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(fill(folder / "l.db", calls))

        def text(lines: Rows) -> bytes:
            return "\n".join(map(json.dumps, lines)).encode()

        assert agrees(folder, text(lines))
        one = data.draw(st.sampled_from(lines))
        assert not agrees(folder, text([*lines, {**one, "output_tokens": 0, "calls": 0}]))
        assert not agrees(
            folder, text([*(line for line in lines if line is not one), {**one, "request_id": "x"}])
        )
