"""What `hexgate ledger migrate` does: it leads a PostgreSQL ledger to the newest schema."""

from __future__ import annotations

import asyncio

from hexgate.domain.errors import StoreUnavailable
from hexgate.entrypoints.recovery.opening import CannotTell, its_driver
from hexgate.entrypoints.settings import Ledger


async def migrate(wish: Ledger) -> str:
    """Do it, and return what there is to say. Raises CannotTell."""
    if wish.url is None:
        return f"nothing to do: the {wish.backend} ledger has the newest schema once it is opened"
    with its_driver():
        from hexgate.adapters.ledger.postgres import schema
    try:
        await asyncio.to_thread(schema.migrate, wish.url.get_secret_value())
    except StoreUnavailable as error:
        raise CannotTell(f"ledger.url: {error.message}") from error
    return f"the postgres ledger has schema {schema.VERSIONS[-1]}, the newest"
