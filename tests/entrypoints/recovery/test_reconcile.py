"""`hexgate ledger reconcile`: a provider's export beside the ledger."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hexgate.adapters.ledger.sqlite import SqliteLedger
from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.domain.usage import Usage
from hexgate.entrypoints.recovery.differences import NAMES
from hexgate.entrypoints.recovery.reconcile import PAGE
from tests.contracts.reports import MIDNIGHT
from tests.entrypoints.grpc.books import done
from tests.entrypoints.recovery.conftest import House, Ran

DAY, NEXT = "2025-11-21", "2025-11-22"
USED = Usage(uncached_input=10, cache_read=4, cache_write=2, cache_write_1h=1, output=20)
COSTS = Cost(input_nanos=30_000_000, output_nanos=70_000_000)
HEAD = "day,model,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,calls,cost_usd\n"
EQUAL = f"{HEAD}{DAY},m,34,8,6,40,2,0.2\n{NEXT},m,17,4,3,20,1,0.1\n"


def tried(provider: str, request_id: str, failure: str = "", model: str = "m") -> Attempt:
    return Attempt(provider=provider, model=model, request_id=request_id, failure=failure)


async def traffic(ledger: SqliteLedger) -> None:
    """Three calls of one provider over two days, one of another, and one that failed."""
    ours: dict[str, Any] = {"provider": "p", "model": "m", "usage": USED, "cost": COSTS}
    await done(ledger, "a", MIDNIGHT + 5, attempts=(tried("p", "r-a"),), **ours)
    refused = tried("p", "r-0", "RATE_LIMITED")
    await done(ledger, "b", MIDNIGHT + 6, attempts=(refused, tried("p", "r-b")), **ours)
    await done(ledger, "c", MIDNIGHT + DAY_S, attempts=(tried("p", "r-c"),), **ours)
    await done(
        ledger,
        "d",
        MIDNIGHT + 7,
        provider="q",
        model="n",
        attempts=(tried("q", "r-d"),),
        usage=USED,
    )
    gone = {"state": CallState.FAILED, "usage": Usage(), "cost": Cost()}
    await done(ledger, "f", MIDNIGHT + 8, attempts=(refused,), **(ours | gone))


@pytest.fixture
def books(house: House) -> House:
    """A ledger of that traffic."""
    house.fill(traffic)
    return house


def compare(house: House, text: str, *words: str) -> Ran:
    """Compare what the provider p says in a file."""
    (house.folder / "export").write_text(text)
    return house.run("reconcile", "export", "--provider", "p", *words)


def rows(found: Ran) -> list[dict[str, str]]:
    """The lines of CSV."""
    return [*csv.DictReader(io.StringIO(found.out))]


def beyond(found: Ran) -> list[tuple[str, str, str, int]]:
    """What is marked; the exit code has to agree."""
    marked = [one for one in rows(found) if one["beyond"] == "true"]
    assert found.code == int(bool(marked))
    return [(one["day"], one["model"], one["figure"], int(one["difference"])) for one in marked]


def test_an_export_that_agrees_differs_nowhere(books: House) -> None:
    found = compare(books, EQUAL, "--tolerance", "0%")
    assert (found.code, found.err) == (0, "")
    lines = rows(found)
    assert list(lines[0]) == list(NAMES)
    assert [(one["day"], one["figure"], one["ledger"], one["export"]) for one in lines[:6]] == [
        (DAY, "uncached_input_tokens", "20", "20"),
        (DAY, "cache_read_tokens", "8", "8"),
        (DAY, "cache_write_tokens", "6", "6"),
        (DAY, "output_tokens", "40", "40"),
        (DAY, "calls", "2", "2"),
        (DAY, "cost_nanos", "200000000", "200000000"),
    ]
    assert len(lines) == 12
    assert {one["difference"] for one in lines} == {"0"}
    # The call that failed is no call of the provider's, and is told of.
    assert [one["failed_calls"] for one in lines] == ["1"] * 6 + ["0"] * 6


@pytest.mark.parametrize(
    ("before", "after", "figure", "difference"),
    [
        (",40,", ",41,", "output_tokens", 1),
        (",34,", ",33,", "uncached_input_tokens", -1),
        (",2,0.2", ",3,0.2", "calls", 1),
        ("0.2", "0.200000001", "cost_nanos", 1),
    ],
)
def test_any_difference_is_marked_and_ends_with_1(
    books: House, before: str, after: str, figure: str, difference: int
) -> None:
    found = compare(books, EQUAL.replace(before, after, 1), "--tolerance", "0%")
    assert beyond(found) == [(DAY, "m", figure, difference)]


def test_what_is_tolerated_is_told_and_not_marked(books: House) -> None:
    found = compare(books, EQUAL.replace("0.2", "0.2009"))
    assert found.code == 0
    (one,) = [one for one in rows(found) if one["difference"] != "0"]
    assert (one["figure"], one["difference"]) == ("cost_nanos", "900000")
    assert beyond(compare(books, EQUAL.replace("0.2", "0.2011"))) == [
        (DAY, "m", "cost_nanos", 1_100_000)
    ]


def test_models_and_days_that_only_one_side_has_are_marked(books: House) -> None:
    text = EQUAL.replace(f"{NEXT},m", f"{NEXT},other").replace(
        ",34,8,6,40,2,0.2", ",34,8,6,40,2,0.2"
    )
    found = compare(books, text)
    assert {(day, model) for day, model, _, _ in beyond(found)} == {(NEXT, "m"), (NEXT, "other")}


def test_without_a_provider_everything_is_compared(books: House) -> None:
    (books.folder / "export").write_text(EQUAL)
    found = books.run("reconcile", "export")
    assert {model for _, model, _, _ in beyond(found)} == {"n"}


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ((), {DAY, NEXT}),
        (("--since", NEXT), {NEXT}),
        (("--until", NEXT), {DAY}),
        (("--until", f"{NEXT}T00:00:01Z"), {DAY, NEXT}),
        (("--since", f"{DAY}T23:00:00Z", "--until", f"{DAY}T23:30:00Z"), {DAY}),
    ],
)
def test_a_period_is_of_whole_days(books: House, words: tuple[str, ...], days: set[str]) -> None:
    found = compare(books, EQUAL, *words)
    assert {one["day"] for one in rows(found)} == days
    assert found.code == 0


def test_days_that_the_export_does_not_have_are_missed_in_a_period(books: House) -> None:
    found = compare(books, EQUAL.rpartition(NEXT)[0], "--until", "2025-11-23")
    assert {day for day, _, _, _ in beyond(found)} == {NEXT}


def test_what_may_explain_a_difference_is_beside_it(house: House) -> None:
    async def odd(ledger: SqliteLedger) -> None:
        ours: dict[str, Any] = {"provider": "p", "model": "m"}
        await done(ledger, "a", usage=Usage(output=5, estimated=True), **ours)
        await done(ledger, "b", cost=Cost(unknown=True), **ours)
        await done(ledger, "c", state=CallState.UNKNOWN, usage=Usage(), **ours)

    house.fill(odd)
    found = compare(house, f"day,model,calls\n{DAY},m,4\n")
    (one,) = rows(found)
    assert (one["estimated_calls"], one["unpriced_calls"], one["unknown_calls"]) == ("1", "1", "1")
    shown = compare(house, f"day,model,calls\n{DAY},m,4\n", "--format", "table").out
    assert "1 without an outcome, 1 estimated, 1 of unknown price" in " ".join(shown.split())


def test_people_see_what_differs_in_a_table(books: House) -> None:
    found = compare(books, EQUAL.replace("0.2", "0.3").replace(",40,", ",41,"), "--format", "table")
    assert found.code == 1
    shown = [re.sub(" +", " ", line.strip()) for line in found.out.splitlines()]
    assert shown[0] == f"export: {DAY} to {NEXT}, p, 0.5% tolerated"
    assert f"{DAY} m output_tokens 40 41 1 ! 1 failed" in shown
    assert f"{DAY} m cost $0.20 $0.30 $0.10 ! 1 failed" in shown
    assert shown[-1] == "figures compared: 12; different: 2; not tolerated: 2"
    agreed = compare(books, EQUAL, "--format", "table")
    assert agreed.code == 0
    assert agreed.out.splitlines()[1:] == ["figures compared: 12; different: 0; not tolerated: 0"]


def test_a_file_of_json_lines_is_written_whole(books: House) -> None:
    found = compare(books, EQUAL, "--output", "found.jsonl")
    assert (found.code, found.out) == (0, "")
    lines = (books.folder / "found.jsonl").read_text().splitlines()
    assert json.loads(lines[5]) == {
        "day": DAY,
        "model": "m",
        "figure": "cost_nanos",
        "ledger": 200_000_000,
        "export": 200_000_000,
        "difference": 0,
        "beyond": False,
        "failed_calls": 1,
        "unknown_calls": 0,
        "estimated_calls": 0,
        "unpriced_calls": 0,
        "request_id": None,
        "call_id": None,
    }


def single(day: str, request_id: str) -> str:
    return json.dumps({"day": day, "model": "m", "output_tokens": 20, "request_id": request_id})


MATCHED = [single(DAY, "r-a"), single(DAY, "r-b"), single(NEXT, "r-c")]


def requests(found: Ran) -> list[tuple[str, ...]]:
    """The single requests that do not match."""
    names = ("day", "request_id", "call_id", "ledger", "export")
    return [tuple(one[name] for name in names) for one in rows(found) if one["figure"] == "request"]


def test_single_calls_that_both_sides_have_match(books: House) -> None:
    found = compare(books, "\n".join(MATCHED))
    assert (found.code, requests(found)) == (0, [])


def test_a_request_that_only_one_side_has_is_listed(books: House) -> None:
    found = compare(books, "\n".join([MATCHED[0], single(DAY, "r-x"), MATCHED[2]]))
    assert found.code == 1
    assert requests(found) == [(DAY, "r-b", "b", "1", "0"), (DAY, "r-x", "", "0", "1")]
    shown = compare(books, "\n".join(MATCHED[1:]), "--format", "table")
    assert "single requests that do not match: 1" in shown.out
    assert re.search(rf"{DAY} +m +r-a +a +1 +0", shown.out)


def test_a_request_that_failed_is_not_due_and_matches_if_it_was_billed(books: House) -> None:
    found = compare(books, "\n".join([*MATCHED, single(DAY, "r-0")]))
    assert requests(found) == []


def test_a_call_of_the_day_before_may_be_billed_after_midnight(books: House) -> None:
    found = compare(books, "\n".join([single(NEXT, "r-b"), MATCHED[2]]), "--since", NEXT)
    assert requests(found) == []


def test_many_requests_are_not_all_shown_to_people(books: House) -> None:
    text = "\n".join(single(DAY, f"x{number}") for number in range(60))
    shown = compare(books, text, "--format", "table")
    assert "single requests that do not match: 62; 50 are shown, see --format csv" in shown.out
    assert len(re.findall(" x[0-9]+ ", shown.out)) < 51
    assert len(requests(compare(books, text))) == 62


def test_more_than_a_page_of_models_and_of_calls_is_compared_to_the_end(house: House) -> None:
    names = [f"m{number:04}" for number in range(PAGE + 1)]

    async def busy(ledger: SqliteLedger) -> None:
        tries = {name: (tried("p", f"r-{name}", model=name),) for name in names}
        ours: dict[str, Any] = {"provider": "p"}
        await asyncio.gather(
            *(done(ledger, name, model=name, attempts=tries[name], **ours) for name in names)
        )

    house.fill(busy)
    text = [
        json.dumps({"day": DAY, "model": name, "output_tokens": 20, "request_id": f"r-{name}"})
        for name in names
    ]
    assert compare(house, "\n".join(text)).code == 0
    # The oldest rows are read last, the last names are summed last.
    for left_out in (names[0], names[-1]):
        found = compare(house, "\n".join(line for line in text if left_out not in line))
        assert [request_id for _, request_id, *_ in requests(found)] == [f"r-{left_out}"]
        assert {model for _, model, _, _ in beyond(found)} == {left_out}


def openai(ledger: dict[str, int]) -> str:
    result = {
        "object": "organization.usage.completions.result",
        "model": "m-2024-08-06",
        "input_tokens": 34,
        "input_cached_tokens": 8,
        "input_cache_write_tokens": 6,
        "output_tokens": ledger["output"],
        "num_model_requests": 2,
    }
    bucket = {"object": "bucket", "start_time": int(MIDNIGHT), "results": [result]}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False})


def openai_costs(ledger: dict[str, int]) -> str:
    amount = {"value": ledger["output"] / 200, "currency": "usd"}
    result = {"object": "organization.costs.result", "amount": amount}
    bucket = {"object": "bucket", "start_time": int(MIDNIGHT), "results": [result]}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False})


def anthropic(ledger: dict[str, int]) -> str:
    result = {
        "model": "m",
        "uncached_input_tokens": 20,
        "cache_read_input_tokens": 8,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 2},
        "output_tokens": ledger["output"],
    }
    bucket = {"starting_at": f"{DAY}T00:00:00Z", "results": [result]}
    return json.dumps({"data": [bucket], "has_more": False})


@pytest.mark.parametrize("export", [openai, openai_costs, anthropic])
def test_an_export_of_each_vendor_agrees_or_does_not(
    books: House, export: Callable[[dict[str, int]], str]
) -> None:
    assert compare(books, export({"output": 40}), "--tolerance", "0%").code == 0
    found = beyond(compare(books, export({"output": 44}), "--tolerance", "0%"))
    name, model = ("cost_nanos", "") if export is openai_costs else ("output_tokens", "m")
    assert found == [(DAY, model, name, 20_000_000 if model == "" else 4)]


def test_costs_of_all_models_together_say_so_in_the_table(books: House) -> None:
    shown = compare(books, openai_costs({"output": 44}), "--format", "table")
    assert re.search(rf"{DAY} +\(all\) +cost +\$0\.20 +\$0\.22 +\$0\.02 +!", shown.out)


def test_an_unfinished_export_is_told_of(books: House) -> None:
    text = openai({"output": 40}).replace('"has_more": false', '"has_more": true')
    found = compare(books, text)
    assert found.code == 0
    assert found.err == "export: its last page says has_more: fetch the pages behind it as well\n"


@pytest.mark.parametrize(
    ("text", "words", "told"),
    [
        (f"{HEAD}{DAY},m,x,0,0,0,0,0\n", (), "export:2: input_tokens: found 'x'; expected a whole"),
        (HEAD, (), "export: found no usage; expected some, or --since and --until"),
        (EQUAL, ("--tolerance", "half"), "--tolerance: found 'half'; expected a share such as"),
        (EQUAL, ("--since", "soon"), "--since: found 'soon'; expected how long ago"),
        (EQUAL, ("--since", "2025-12-01"), "export: found no usage; expected some, or --since"),
        (EQUAL, ("--since", NEXT, "--until", DAY), "--until: found 2025-11-20 as the last day"),
        (EQUAL, ("--output", "no/where"), "--output: cannot write no/where.part: No such file"),
    ],
)
def test_what_cannot_be_compared_is_an_error(
    books: House, text: str, words: tuple[str, ...], told: str
) -> None:
    found = compare(books, text, *words)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(told), found.err


def test_single_calls_of_a_pruned_time_are_an_error_that_names_the_day(books: House) -> None:
    async def prune(ledger: SqliteLedger) -> None:
        await ledger.prune(MIDNIGHT + DAY_S)

    books.fill(prune)
    assert compare(books, EQUAL).code == 0  # the sums of days are kept
    found = compare(books, "\n".join(MATCHED))
    assert found.code == 2
    assert f"begins before {NEXT}, the first day whose rows retention has kept" in found.err
    assert compare(books, MATCHED[2], "--since", NEXT).code == 0


def test_nothing_in_the_ledger_is_changed(books: House) -> None:
    before = books.ledger.read_bytes()
    for text in (EQUAL, "\n".join(MATCHED[1:])):
        compare(books, text)
    assert books.ledger.read_bytes() == before


def test_a_file_that_is_not_there_is_an_error(house: House) -> None:
    found = house.run("reconcile", "nothing.csv")
    assert (found.code, found.err) == (
        2,
        "nothing.csv: cannot be read: No such file or directory\n",
    )
    assert Path(house.folder / "nothing.csv").exists() is False
