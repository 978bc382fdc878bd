"""What a ledger needs now and then: charging calls that nobody settled, and forgetting old rows."""

from __future__ import annotations

import structlog

from hexgate.domain.errors import GatewayError
from hexgate.domain.report import DAY_S
from hexgate.ports.clock import Clock
from hexgate.ports.ledger import Ledger

SWEEP_S = 60.0
PRUNE_S = 3_600.0

_log = structlog.get_logger("hexgate.server")


async def upkeep(ledger: Ledger, clock: Clock, retention_days: int | None) -> None:
    """Until cancelled: sweep once a minute, and prune once an hour where rows are not kept."""
    pruned: float | None = None
    while True:
        await clock.sleep(SWEEP_S)
        await sweep(ledger, clock)
        now = clock.monotonic()
        if retention_days is not None and (pruned is None or now - pruned >= PRUNE_S):
            pruned = now
            await prune(ledger, clock, retention_days)


async def sweep(ledger: Ledger, clock: Clock) -> None:
    """Charge calls that expired without an outcome at their hold."""
    try:
        count = await ledger.sweep(clock.now())
    except GatewayError as error:
        _log.warning("ledger sweep failed", reason=error.reason, detail=error.detail)
        return
    except Exception as error:
        # No fault of a ledger may end its upkeep.
        _log.error("ledger sweep failed", error=type(error).__name__)
        return
    if count:
        _log.warning("calls without an outcome were charged at their hold", count=count)


async def prune(ledger: Ledger, clock: Clock, retention_days: int) -> None:
    """Forget rows that are older."""
    try:
        count = await ledger.prune(clock.now() - retention_days * DAY_S)
    except GatewayError as error:
        _log.warning("ledger pruning failed", reason=error.reason, detail=error.detail)
        return
    except Exception as error:
        _log.error("ledger pruning failed", error=type(error).__name__)
        return
    if count:
        _log.info("old rows were removed from the ledger", count=count)
