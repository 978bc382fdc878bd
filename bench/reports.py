"""How long a report over a long history takes, from daily sums and from rows: run it as a script.

Makes a ledger file of so many calls over a year, as an old version would have left it, and lets the
ledger make its sums while it opens it.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from hexgate.adapters.ledger.file import APPLICATION_ID
from hexgate.adapters.ledger.schema import STEPS
from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from hexgate.domain.report import DAY_S, Query

END = 1_764_460_800.0  # a midnight
DAYS = 365
TRIES = 5
_FILL = f"""
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO calls SELECT
    printf('%036d', n), 'default', 'best', 'openai', 'model-' || (n % 20), 1000, 1,
    {END} - {DAYS} * {DAY_S}.0 * n / ? + 0.5, {END},
    'session-' || (n / 20), 'agent-' || (n % 50), 'user-' || (n % 1000), '', n % 2,
    'settled', 100, 20, 0, 0, 200, 0, 0, 150, 400, 0, 'bench', 0, 0,
    'openai', 'model-' || (n % 20), {END}, NULL, 'stop', '', ''
FROM numbers
"""
# What is asked: the dimensions, and how many seconds of the end of the year.
REPORTS = (
    (("day", "model"), DAYS * DAY_S),
    (("model",), DAYS * DAY_S - 3600.0),  # begins within a day
    (("agent", "day"), DAYS * DAY_S),
    (("end_user",), DAYS * DAY_S),
    (("hour",), DAY_S),  # from rows
)


def fill(path: Path, rows: int) -> None:
    """A file of version 1."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    db.executescript(STEPS[0])
    db.execute("BEGIN")
    db.execute(_FILL, (rows, rows))
    db.execute("COMMIT")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    db.close()


async def timed(ledger: SqliteLedger, by: tuple[str, ...], seconds: float) -> tuple[int, float]:
    """How many groups a report has, and the median of its times in milliseconds."""
    query = Query(tenant="default", start=END - seconds, end=END + DAY_S)
    took: list[float] = []
    groups = 0
    for _ in range(TRIES):
        start = time.perf_counter()
        groups = len(await ledger.summarize(query, by, None, 100_000))
        took.append(time.perf_counter() - start)
    return groups, 1000 * statistics.median(took)


async def run(path: Path) -> None:
    """Print what each report takes."""
    ledger = open_sqlite(path)
    try:
        for by, seconds in REPORTS:
            groups, took_ms = await timed(ledger, by, seconds)
            days = f"{seconds / DAY_S:g} days"
            print(f"  {days:>16} by {', '.join(by):<12} {groups:7,} groups {took_ms:9.1f} ms")
    finally:
        await ledger.aclose()


def main() -> None:
    """Parse, fill, run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        start = time.perf_counter()
        fill(path, args.rows)
        filled = time.perf_counter()
        open_sqlite(path).close()
        made = time.perf_counter()
        print(
            f"sqlite, {args.rows:,} calls, {path.stat().st_size / 2**20:,.0f} MiB; "
            f"filled in {filled - start:.1f} s, sums made in {made - filled:.1f} s"
        )
        asyncio.run(run(path))


if __name__ == "__main__":
    main()
