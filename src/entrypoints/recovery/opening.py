"""The configured ledger, opened for reading alone: beside the gateways that write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from hexgate.adapters.ledger.reading import Reading
from hexgate.domain.errors import StoreUnavailable
from hexgate.entrypoints.settings import Ledger


class CannotTell(Exception):
    """A question has no answer; the message says why, and what to do."""


def named(wish: Ledger) -> str:
    """The ledger, for people; never its address, which may hold a password."""
    return f"the ledger {wish.path}" if wish.backend == "sqlite" else "the postgres ledger"


@asynccontextmanager
async def opened(wish: Ledger) -> AsyncIterator[Reading]:
    """Nothing is written to it. Raises CannotTell, also for what fails while it is read."""
    key = "url" if wish.backend == "postgres" else "path"
    try:
        ledger = await _open(wish)
        try:
            yield ledger
        finally:
            await ledger.aclose()
    except StoreUnavailable as error:
        detail = f" ({error.detail})" if error.detail else ""
        raise CannotTell(f"ledger.{key}: {error.message}{detail}") from error


@contextmanager
def its_driver() -> Iterator[None]:
    """Import what a postgres ledger needs. Raises CannotTell where it is not installed."""
    try:
        yield
    except ImportError as missing:
        raise CannotTell(
            f"ledger.backend: postgres needs {missing.name}; install hexgate[postgres]"
        ) from missing


async def _open(wish: Ledger) -> Reading:
    if wish.url is not None:
        with its_driver():
            from hexgate.adapters.ledger.postgres.reading import read_postgres
        return await read_postgres(wish.url.get_secret_value())
    if wish.backend == "memory":
        raise CannotTell(
            "ledger.backend: memory is gone when the gateway ends, and nobody else can read it; "
            "sqlite and postgres can be checked"
        )
    from hexgate.adapters.ledger.sqlite import read_sqlite

    return read_sqlite(Path(wish.path))
