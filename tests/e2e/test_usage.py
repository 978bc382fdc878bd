"""`hexgate usage` and `hexgate budgets`, as people run them, against a gateway of its own."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.client import dial
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.entrypoints.grpc.export import FIELDS
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.contracts.ledger import START
from tests.e2e.conftest import Gateway, serving
from tests.e2e.terminal import Shell
from tests.entrypoints.grpc.books import done
from tests.entrypoints.grpc.conftest import whole

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/ledger.md")
MANY = 1_500
THEN = ("--since", "2025-11-18", "--until", "2025-11-25")
CONFIG = """\
providers:
  sim: {kind: simulator}
budgets:
  house: {limit_usd: 50, window: total}
  agents: {limit_usd: "0.25", window: month, scope: "agent:*"}
"""
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


async def fill(path: Path) -> None:
    """A ledger of two days of last year, and of many calls in the month before."""
    ledger = open_sqlite(path)
    cheap, dear = Cost(output_nanos=1), Cost(input_nanos=2_500_000_000, output_nanos=7)
    free, later = Cost(unknown=True), START + DAY_S
    try:
        await done(ledger, "a", model="small", agent_id="x", cost=cheap, labels={"team": "search"})
        await done(ledger, "b", model="large", agent_id="=y\x1b[2J", cost=dear, end_user_id="u")
        await done(ledger, "c", later, model="large", cost=dear, state=CallState.FAILED)
        await done(ledger, "d", later, model="free", cost=free, session_id="s")
        await done(ledger, "e", later, model="free", cost=free)
        wide = {"team": "x" * 200}
        await asyncio.gather(
            *(done(ledger, f"m{n}", START - 30 * DAY_S + n, labels=wide) for n in range(MANY))
        )
    finally:
        await ledger.aclose()


async def asked(address: str) -> None:
    """One call of today."""
    request = whole(model="sim/sim-echo")
    request.options.attribution.agent_id = "today"
    async with dial(address) as channel:
        await CompletionServiceStub(channel).Complete(request, timeout=60)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with such a ledger."""
    home = tmp_path_factory.mktemp("ledger")
    asyncio.run(fill(home / "hexgate.db"))
    (home / "h.yaml").write_text(CONFIG)
    with serving(home, "--config", "h.yaml") as gateway:
        asyncio.run(asked(gateway.address))
        yield gateway


@pytest.fixture
def shell(ledger: Gateway, tmp_path: Path) -> Shell:
    """Where people type."""
    return Shell(tmp_path, ledger.address)


def table(text: str) -> list[list[str]]:
    """The words of the lines of a table, without its ruler."""
    return [line.split() for line in text.splitlines() if line.strip() and "\u2500" not in line]


def test_at_a_terminal_it_is_a_table_with_the_dearest_first_and_a_total(shell: Shell) -> None:
    code, shown = shell.typed("usage", "--by", "model", *THEN)
    assert "\x1b[1m" in shown  # the total is bold
    assert (code, table(ESCAPE.sub("", shown))) == (
        0,
        [
            ["2025-11-18", "00:00", "to", "2025-11-25", "00:00", "UTC"],
            ["model", "calls", "input", "output", "cost", "of", "these"],
            ["large", "2", "20", "40", "$5.000000014", "1", "failed"],
            ["small", "1", "10", "20", "$0.000000001"],
            ["free", "2", "20", "40", "unknown", "2", "of", "unknown", "price"],
            [
                "total",
                "5",
                "50",
                "100",
                "$5.000000015",
                "2",
                "of",
                "unknown",
                "price,",
                "1",
                "failed",
            ],
        ],
    )


def test_days_stay_in_order_and_several_dimensions_may_be_named(shell: Shell) -> None:
    _, shown = shell.typed("usage", "--by", "day,model", "--by", "key", *THEN, columns=120)
    lines = table(ESCAPE.sub("", shown))
    assert lines[1][:3] == ["day", "model", "api_key"]
    assert [line[:2] for line in lines[2:-1]] == [
        ["2025-11-21", "large"],
        ["2025-11-21", "small"],
        ["2025-11-22", "free"],
        ["2025-11-22", "large"],
    ]


@pytest.mark.parametrize("columns", [60, 80, 132])
def test_bars_fill_the_width_of_the_terminal(shell: Shell, columns: int) -> None:
    code, shown = shell.typed("usage", "--plot", "--by", "model", *THEN, columns=columns)
    heading, large, small, free, total = ESCAPE.sub("", shown).splitlines()
    assert (code, heading) == (0, "cost by model, 2025-11-18 00:00 to 2025-11-25 00:00 UTC")
    bar = "\u2588" * (columns - len("large ") - len(" $5.000000014"))
    assert large == f"large {bar} $5.000000014"
    assert (small.split(), free.split()) == (["small", "$0.000000001"], ["free", "unknown"])
    assert total == "total $5.000000015, 2 of unknown price, 1 failed"


def test_bars_show_tokens_or_calls_where_that_is_asked(shell: Shell) -> None:
    tokens = shell("usage", "tokens", "--plot", "--by", "model", *THEN).stdout.splitlines()
    assert [line.split()[-1] for line in tokens[1:]] == ["60", "60", "30", "failed"]
    calls = shell("usage", "--plot", "calls", "--by", "model", *THEN).stdout.splitlines()
    assert [line.split()[-1] for line in calls[1:4]] == ["2", "2", "1"]
    assert calls[1].count("\u2588") == 80 - len("large  2")


def test_in_a_pipe_it_is_csv_with_integer_amounts(shell: Shell) -> None:
    done = shell("usage", "--by", "agent,model", *THEN)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    found = [(row["agent"], row["model"], row["call_count"], row["total_nanos"]) for row in rows]
    assert (done.returncode, found) == (
        0,
        [
            ("", "free", "2", ""),
            ("", "large", "1", "2500000007"),
            ("'=y\x1b[2J", "large", "1", "2500000007"),
            ("x", "small", "1", "1"),
        ],
    )
    assert rows[0]["unpriced_call_count"] == "2"


def test_json_lines_say_null_for_what_is_not_known(shell: Shell) -> None:
    done = shell("usage", "--by", "model", "--format", "jsonl", *THEN)
    rows = {row["model"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows["free"]["total_nanos"] is None
    assert rows["large"]["total_nanos"] == 5_000_000_014


def test_one_command_tells_what_a_session_or_a_user_cost(shell: Shell) -> None:
    for words, cost in (
        (("--user", "u"), "$2.500000007"),
        (("--agent", "x", "--label", "team=search", "--model", "small"), "$0.000000001"),
        (("--session", "s"), "unknown"),
        (("--provider", "openai"), "$5.000000015"),
    ):
        _, shown = shell.typed("usage", *words, *THEN)
        assert table(ESCAPE.sub("", shown))[2][3] == cost


def test_without_a_period_it_is_the_last_day(shell: Shell) -> None:
    _, shown = shell.typed("usage", "--by", "agent")
    words = table(ESCAPE.sub("", shown))
    assert [line[:2] for line in words[2:]] == [["today", "1"], ["total", "1"]]


def test_nothing_is_said_to_be_nothing(shell: Shell) -> None:
    then = ("--since", "2024-01-01", "--until", "2024-02-01")
    for words, text in (
        (("--by", "model"), "no calls have ended, "),
        (("--plot",), "no calls have ended, "),
        (("--records",), "no calls, "),
    ):
        code, shown = shell.typed("usage", *words, *then)
        assert (code, shown) == (0, f"{text}2024-01-01 00:00 to 2024-02-01 00:00 UTC\n")
    assert len(shell("usage", "--by", "model", *then).stdout.splitlines()) == 1


def test_single_calls_are_a_table_of_the_newest(shell: Shell) -> None:
    _, shown = shell.typed("usage", "--records", "--top", "3", *THEN, columns=140)
    lines = table(ESCAPE.sub("", shown))
    assert [line[2] for line in lines[2:-1]] == ["openai/free", "openai/free", "openai/large"]
    assert lines[-1][:2] == ["older", "ones"]
    assert "failed" in lines[4][3]
    _, shown = shell.typed("usage", "--records", *THEN, columns=140)
    assert "\x1b[2J" not in shown  # what a caller names itself does nothing to the terminal
    assert "agent =y\\x1b[2J, user u" in ESCAPE.sub("", shown)


def test_single_calls_are_files_of_everything(shell: Shell) -> None:
    lines = shell("usage", "--records", *THEN).stdout
    rows = list(csv.DictReader(io.StringIO(lines, newline="")))
    assert tuple(rows[0]) == FIELDS
    assert [row["response_id"] for row in rows] == ["e", "d", "c", "b", "a"]
    month = ("--since", "2025-10-01", "--until", "2025-11-01")
    assert shell("usage", "--records", *month, "--output", "calls.jsonl").stdout == ""
    text = (shell.folder / "calls.jsonl").read_text()
    found = {json.loads(line)["response_id"] for line in text.splitlines()}
    assert found == {f"m{n}" for n in range(MANY)}


def test_a_file_is_there_only_when_it_is_whole(shell: Shell) -> None:
    target = shell.folder / "week.csv"
    target.write_text("as it was")
    done = shell("usage", "--by", "colour", "--output", "week.csv")
    assert (done.returncode, target.read_text()) == (2, "as it was")
    assert shell("usage", "--by", "model", "--output", "week.csv", *THEN).returncode == 0
    assert target.read_text().startswith("model,call_count,")
    assert {path.name for path in shell.folder.iterdir()} == {".bin", "week.csv"}
    missing = shell("usage", "--output", "nowhere/week.csv")
    assert missing.returncode == 2
    assert missing.stderr.startswith("--output: cannot write nowhere/week.csv.part: No such file")
    assert len(shell("usage", *THEN, "--output", "/dev/stdout").stdout.splitlines()) == 2


@pytest.mark.parametrize(
    "words", ["--records", "--records --format jsonl", "--by label:team,model"]
)
def test_a_closed_pipe_ends_it_in_silence(shell: Shell, words: str) -> None:
    every = "--since 2025-10-01 --until 2025-12-01"
    done = shell.line(f"hexgate usage {words} {every} | head -c 1 | wc -c; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == ""
    count, code = done.stdout.split()
    assert count == "1"
    assert code == ("0" if "--by" in words else "141")  # what fits the pipe is written whole


def test_budgets_are_a_table_of_what_is_left(shell: Shell) -> None:
    code, shown = shell.typed("budgets", columns=120)
    lines = [line.replace("\u2588", "") for line in ESCAPE.sub("", shown).splitlines()]
    house, agent = [line.split() for line in lines if "$" in line]
    assert (code, house[:3], agent[:3]) == (
        0,
        ["house", "global", "total"],
        ["agents", "agent:today", "month"],
    )
    assert (house[-1], house[3].rstrip("0"), house[4][:5]) == ("never", "$50.", "$5.00")
    assert agent[-1].endswith("-01")
    _, narrow = shell.typed("budgets", columns=90)
    assert "\u2588" not in narrow
    assert "agents  agent:" in narrow
    plain = shell("budgets")
    assert plain.returncode == 0
    assert "\x1b" not in plain.stdout
    assert "agent:today" in plain.stdout


def test_without_budgets_that_is_said(gateway: Gateway, tmp_path: Path) -> None:
    assert Shell(tmp_path, gateway.address)("budgets").stdout == "no budgets are configured\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--by colour", "INVALID_ARGUMENT: INVALID_REQUEST: group_by[0]: is 'colour'; expected"),
        ("--since 2025-02-01 --until 2025-01-01", "INVALID_ARGUMENT: INVALID_REQUEST: period."),
        ("--since yesterday", "--since: found 'yesterday'; expected how long ago"),
        ("--until soon", "--until: found 'soon'; expected how long ago"),
        ("--label team", "--label: found 'team'; expected key=value"),
        ("--plot --records", "--plot draws sums; leave out --records"),
        ("--plot --format csv", "--plot draws sums; leave out --records, and any --format"),
        ("--records --by model", "--by splits sums; leave it out, or leave out --records"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(shell: Shell, words: str, text: str) -> None:
    done = shell.line(f"hexgate usage {words}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(text)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["usage", "budgets"])
def test_a_gateway_that_is_not_there_is_said_in_one_line(tmp_path: Path, command: str) -> None:
    done = Shell(tmp_path, "127.0.0.1:1")(command)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("no gateway answers at 127.0.0.1:1: start `hexgate serve`")


def commands(page: str) -> list[str]:
    """The reports that a page tells people to run."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = (line.removeprefix(".venv/bin/") for block in blocks for line in block.splitlines())
    return [line for line in lines if line.startswith(("hexgate usage", "hexgate budgets"))]


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page)])
def test_every_command_of_the_pages_works(shell: Shell, line: str) -> None:
    done = shell.line(line)
    assert (done.returncode, done.stderr) == (0, "")
    written = [path for path in shell.folder.iterdir() if path.name != ".bin"]
    assert done.stdout or written
