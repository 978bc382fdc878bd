"""A process that writes to a ledger and says on its output what was acknowledged, until killed.

Arguments: the ledger's file, a name for this run, and after how many lines it kills itself.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path

from hexgate.adapters.ledger.sqlite import SqliteLedger, open_sqlite
from tests.contracts.ledger import intent, settlement

CALLERS = 20


async def call(ledger: SqliteLedger, call_id: str) -> None:
    """One call, settled twice at once with different costs: who won is told."""
    await ledger.begin(intent(call_id))
    tell(f"begun {call_id} 0")
    wins = await asyncio.gather(
        *(ledger.settle(settlement(call_id, nanos=nanos)) for nanos in (1, 2))
    )
    for nanos, won in zip((1, 2), wins, strict=True):
        if won:
            tell(f"settled {call_id} {nanos}")


lines = itertools.count(1)


def tell(line: str) -> None:
    """Straight to the pipe: what a buffer holds dies with the process."""
    os.write(1, f"{line}\n".encode())
    if next(lines) == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)


async def caller(ledger: SqliteLedger, name: str) -> None:
    """Calls without end."""
    number = 0
    while True:
        await call(ledger, f"{name}-{number}")
        number += 1


async def main(path: Path, run: str) -> None:
    """Until killed."""
    ledger = open_sqlite(path)
    await asyncio.gather(*(caller(ledger, f"{run}-{number}") for number in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
