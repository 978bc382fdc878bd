"""Each format of an export from a small sample: what its lines say, and what breaks it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from anthropic.types.beta.organization import (
    BetaAnalyticsCostReportTimeBucket,
    BetaAnalyticsUsageReportTimeBucket,
)
from openai.types.admin.organization import (
    UsageCompletionsResponse,
    UsageCostsResponse,
    UsageEmbeddingsResponse,
)

from hexgate.adapters.exports import generic
from hexgate.adapters.exports.fields import Broken
from hexgate.adapters.exports.reading import lines
from hexgate.domain.reconcile import CALLS, COST, INPUT, OUTPUT, READ, UNCACHED, WRITTEN, Billed

SAMPLES = Path(__file__).parents[2] / "data" / "exports"
DAY, NEXT = "2025-11-30", "2025-12-01"


def tokens(uncached: int, read: int, written: int, output: int) -> dict[str, int | Decimal]:
    return {UNCACHED: uncached, READ: read, WRITTEN: written, OUTPUT: output}


SAYS = {
    "openai_usage.json": [
        Billed(day=DAY),
        Billed(
            day=DAY, model="gpt-4o-mini-2024-07-18", figures=tokens(200, 800, 0, 500) | {CALLS: 5}
        ),
        Billed(day=DAY, model="gpt-5", figures=tokens(400, 100, 200, 90) | {CALLS: 2}),
        Billed(day=NEXT),
    ],
    "openai_embeddings.json": [
        Billed(day=DAY),
        Billed(day=DAY, model="text-embedding-3-small", figures=tokens(16, 0, 0, 0) | {CALLS: 2}),
    ],
    "openai_costs.json": [
        Billed(day=DAY),
        Billed(day=DAY, figures={COST: Decimal(895_874_000)}),
        Billed(day=DAY, figures={COST: Decimal(60_000_000)}),
    ],
    "anthropic_usage.json": [
        Billed(day=DAY),
        Billed(day=DAY, model="claude-sonnet-4-20250514", figures=tokens(1500, 200, 1500, 500)),
    ],
    "anthropic_analytics.json": [
        Billed(day=DAY),
        Billed(day=DAY, model="claude-opus-5-5", figures=tokens(7, 2, 3, 5) | {CALLS: 4}),
    ],
    "anthropic_costs.json": [
        Billed(day=DAY),
        Billed(day=DAY, figures={COST: Decimal("1237891200")}),
    ],
    "own.csv": [
        Billed(
            day=DAY,
            model="gpt-5",
            figures=tokens(400, 100, 200, 90) | {CALLS: 2, COST: Decimal(7)},
        ),
        Billed(
            day=NEXT,
            model="-odd",
            figures=tokens(5, 0, 0, 1) | {CALLS: 1, COST: Decimal(1_500_000_000)},
        ),
    ],
    "own.jsonl": [
        Billed(
            day=NEXT,
            model="gpt-5",
            figures={OUTPUT: 90, CALLS: 1, COST: Decimal(250_000_000)},
            request_id="req_1",
        ),
        Billed(
            day=DAY,
            model="gpt-5",
            figures={OUTPUT: 7, CALLS: 1, COST: Decimal(100_000_000)},
            request_id="req_2",
        ),
    ],
}


def read(path: Path) -> list[Billed]:
    return list(lines(path, lambda: None))


def same(found: list[Billed], wanted: list[Billed]) -> bool:
    """Whatever the order of figures."""
    return [(one, {**one.figures}) for one in found] == [(one, {**one.figures}) for one in wanted]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "no-name-that-tells"


@pytest.mark.parametrize("name", SAYS)
def test_a_sample_says_what_it_says_whatever_it_is_called(name: str, file: Path) -> None:
    file.write_bytes((SAMPLES / name).read_bytes())
    assert same(read(file), SAYS[name])


def test_every_sample_is_read() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == {*SAYS}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("openai_usage.json", UsageCompletionsResponse),
        ("openai_embeddings.json", UsageEmbeddingsResponse),
        ("openai_costs.json", UsageCostsResponse),
        ("anthropic_usage.json", BetaAnalyticsUsageReportTimeBucket),
        ("anthropic_analytics.json", BetaAnalyticsUsageReportTimeBucket),
        ("anthropic_costs.json", BetaAnalyticsCostReportTimeBucket),
    ],
)
def test_the_vendors_own_sdk_takes_the_samples_for_theirs(name: str, kind: Any) -> None:
    page = json.loads((SAMPLES / name).read_bytes())
    if name.startswith("openai"):
        kind.model_validate(page)
    else:
        kind.model_validate(page["data"][0])


JSON = [name for name in SAYS if name.endswith(".json")]


@pytest.mark.parametrize("name", JSON)
@pytest.mark.parametrize("form", ["buckets", "bucket lines", "page line", "pages", "with a mark"])
def test_pages_and_buckets_may_be_written_in_any_way(name: str, form: str, file: Path) -> None:
    page = json.loads((SAMPLES / name).read_bytes(), parse_float=lambda text: f"{text}")
    text = {
        "buckets": json.dumps(page["data"]),
        "bucket lines": "\r\n".join(map(json.dumps, page["data"])),
        "page line": json.dumps(page) + "\n",
        "pages": json.dumps([page]),
        "with a mark": "\ufeff  \n" + json.dumps(page),
    }[form]
    file.write_text(text, encoding="utf-8")
    assert same(read(file), SAYS[name])


def test_pages_behind_one_another_are_one_export(file: Path) -> None:
    names = ("openai_usage.json", "openai_costs.json", "anthropic_usage.json")
    file.write_bytes(b"".join((SAMPLES / name).read_bytes() for name in names))
    assert same(read(file), [line for name in names for line in SAYS[name]])


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("openai_usage.json",), True),
        (("openai_usage.json", "openai_costs.json"), False),
        (("openai_costs.json", "openai_usage.json"), True),
    ],
)
def test_a_last_page_that_is_not_the_last_is_told_of(
    names: tuple[str, ...], more: bool, file: Path
) -> None:
    pages = [json.loads((SAMPLES / name).read_bytes()) for name in names]
    told: list[bool] = []
    for text in ("\n".join(map(json.dumps, pages)), json.dumps(pages)):
        file.write_text(text)
        assert list(lines(file, lambda: told.append(True)))
    assert told == [True, True] * more


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_may_stand_in_any_order_between_what_spreadsheets_use(
    mark: str, file: Path
) -> None:
    table = [("Model", " start_time ", "cost_usd"), ("m", "2025-11-30T08:00:00Z", "1e-3")]
    file.write_text("\ufeff" + "\n".join(map(mark.join, table)) + "\n\n", encoding="utf-8")
    assert read(file) == [Billed(day=DAY, model="m", figures={COST: Decimal(1_000_000)})]


def test_input_is_compared_as_a_whole_where_the_cache_is_not_told_apart(file: Path) -> None:
    file.write_text("day,model,input_tokens,cache_read_tokens\n2025-11-30,m,9,4\n")
    assert same(read(file), [Billed(day=DAY, model="m", figures={READ: 4, INPUT: 9})])


BUCKET = '{"object": "bucket", "start_time": 1764460800, "results": [%s]}'
RESULT = '{"object": "organization.usage.completions.result", "num_model_requests": 1, %s}'
HEAD = "day,model,input_tokens,output_tokens\n"
BROKEN = {
    "nothing": ("", "{file}:1: found the columns ''; expected the JSON of"),
    "a table of something else": ("name,age\nx,1\n", "{file}:1: found the columns 'name, age'"),
    "half a table": (f"{HEAD}2025-11-30,m,1,2\n2025-11-30,m,1\n", "{file}:3: found 3 columns"),
    "no number": (
        f"{HEAD}2025-11-30,m,1,2\n2025-11-30,m,many,2\n",
        "{file}:3: input_tokens: found 'many'; expected a whole number from 0",
    ),
    "a fraction of a token": (f"{HEAD}2025-11-30,m,1.5,2\n", "{file}:2: input_tokens: found '1.5'"),
    "less than nothing": (f"{HEAD}2025-11-30,m,-1,2\n", "{file}:2: input_tokens: found '-1'"),
    "an empty cell": (
        f"{HEAD}2025-11-30,m,,2\n",
        "{file}:2: input_tokens: found ''; expected a value as in the other lines, 0 where",
    ),
    "no day": (f"{HEAD}30/11/2025,m,1,2\n", "{file}:2: day: found '30/11/2025'; expected a date"),
    "milliseconds": (f"{HEAD}1764460800000,m,1,2\n", "{file}:2: day: found '1764460800000'"),
    "no model": (f"{HEAD}2025-11-30,,1,2\n", "{file}:2: model: found ''; expected some text"),
    "bytes that are no text": (
        f"{HEAD}2025-11-30,\udcff,1,2\n",
        "{file}:2: model: found '\\udcff'; expected some text in UTF-8",
    ),
    "an open quote": (f'{HEAD}2025-11-30,"m,1,2\n', "{file}:2: expected a row of CSV: "),
    "more from the cache than there is": (
        "day,model,input_tokens,cache_read_tokens,cache_write_tokens\n2025-11-30,m,5,3,3\n",
        "{file}:2: input_tokens: found '5'; expected cache_read_tokens and cache_write_tokens",
    ),
    "no amount": (
        "day,model,cost_usd\n2025-11-30,m,free\n",
        "{file}:2: cost_usd: found 'free'; expected an amount of money",
    ),
    "all the money there is": (
        "day,model,cost_usd\n2025-11-30,m,1e10\n",
        "{file}:2: cost_usd: found '1e10'; expected at most 1000000000 dollars",
    ),
    "no end of money": (
        "day,model,cost_usd\n2025-11-30,m,Infinity\n",
        "{file}:2: cost_usd: found 'Infinity'; expected at most",
    ),
    "no amount at all": (
        "day,model,cost_usd\n2025-11-30,m,NaN\n",
        "{file}:2: cost_usd: found 'NaN'; expected at most",
    ),
    "a line without end": (
        f"{HEAD}{'x' * generic.MAX_LINE_CHARS}",
        f"{{file}}:2: expected a line of less than {generic.MAX_LINE_CHARS} characters",
    ),
    "no figures": ("day,model\n2025-11-30,m\n", "{file}:2: input_tokens: found nothing; expected"),
    "a number": ("[7]", "{file}:1:2: found '7]'; expected an object"),
    "an end too soon": ('{"day": "2025-11-30",', "{file}:1:22: found the end of the file"),
    "a broken word": ('{\n  "day": nul }', "{file}:2:10: found 'nul }}'; expected JSON: "),
    "a comma too many": ('{"day": 1,}', "{file}:1:11: found '}}'; expected the name of a member"),
    "a comma too few": ('[{"data": []} {}]', "{file}:1:15: found '{{}}]'; expected a comma or ]"),
    "not a number": ('{"day": NaN}', "{file}:1:9: found 'NaN}}'; expected JSON within reason"),
    "depth without end": ('{"a": ' + "[" * 100_000, "{file}:1:7: found '[[[[[[[[[["),
    "an unknown object": (
        '\n {"id": 7}',
        "{file}:2:2: model: found nothing; expected a bucket of OpenAI's",
    ),
    "lines that tell different things": (
        '{"day": "2025-11-30", "model": "m", "calls": 1}\n'
        '{"day": "2025-11-30", "model": "m", "output_tokens": 1}',
        "{file}:2:1: output_tokens: found 1; expected nothing, as in the lines before",
    ),
    "a bucket without a day": (
        '{"results": []}',
        "{file}:1:1: start_time: found nothing; expected a date",
    ),
    "results that are no list": (
        '{"starting_at": "2025-11-30", "results": {}}',
        "{file}:1:1: results: found {{}}; expected a list",
    ),
    "a result that is no object": (
        BUCKET % "7",
        "{file}:1:1: results[0]: found 7; expected an object",
    ),
    "results of another kind": (
        BUCKET % '{"object": "organization.usage.images.result"}',
        "{file}:1:1: results[0].object: found 'organization.usage.images.result'; expected",
    ),
    "a result without its tokens": (
        BUCKET % (RESULT % '"input_tokens": 4, "input_cached_tokens": 5'),
        "{file}:1:1: results[0].input_tokens: found 4; expected those of the cache",
    ),
    "true for a number": (
        BUCKET % (RESULT % '"input_tokens": true'),
        "{file}:1:1: results[0].input_tokens: found True; expected a whole number",
    ),
    "other money": (
        BUCKET % '{"object": "organization.costs.result", "amount": {"currency": "eur"}}',
        "{file}:1:1: results[0].amount.currency: found 'eur'; expected usd",
    ),
    "other money of Anthropic": (
        '{"starting_at": "2025-11-30", "results": [{"amount": "1", "currency": "EUR"}]}',
        "{file}:1:1: results[0].currency: found 'EUR'; expected USD",
    ),
    "a cache that is no object": (
        '{"starting_at": "2025-11-30", "results": [{"cache_creation": 5}]}',
        "{file}:1:1: results[0].cache_creation: found 5; expected an object",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_told_by_file_line_and_column(what: str, file: Path) -> None:
    text, told = BROKEN[what]
    file.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    with pytest.raises(Broken) as refused:
        read(file)
    assert str(refused.value).startswith(told.format(file=file)), str(refused.value)


def test_a_file_that_is_not_there_or_none_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="none: cannot be read: No such file or directory"):
        read(tmp_path / "none")
    with pytest.raises(Broken, match="cannot be read: Is a directory"):
        read(tmp_path)
