"""A process whose files may not grow: writes to a ledger until refused, then with room again."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path

from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.errors import StoreUnavailable
from tests.contracts.ledger import intent, settlement


def room(size: int) -> None:
    """Let no file grow beyond `size` bytes; -1 for no bound."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def main(path: Path) -> None:
    """Prints how many were begun, the refusal, and how many are there in the end."""
    # Else the kernel ends a process that writes too much, instead of refusing the write.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    ledger = open_sqlite(path)
    await ledger.begin(intent("before"))
    room(200_000)
    begun = 0
    try:
        while True:
            await ledger.begin(intent(str(begun)))
            begun += 1
    except StoreUnavailable as refused:
        print(begun, refused.reason, refused.metadata["store"], refused.detail)  # noqa: T201 # the parent reads it
    room(-1)
    kept = [number for number in range(begun) if await ledger.get(str(number)) is not None]
    await ledger.begin(intent("after"))
    won = await ledger.settle(settlement("before"))
    lost = await ledger.get(str(begun))
    print(len(kept), won, lost)  # noqa: T201 # the parent reads it
    await ledger.aclose()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
