"""Stores with calls in them, behind a served UsageService."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.ledger.sqlite import open_sqlite
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.ports.store import Store
from hexgate.v1 import usage_service_pb2 as pb
from hexgate.v1.usage_service_pb2_grpc import UsageServiceStub
from tests.contracts.ledger import START, intent
from tests.contracts.reports import ended
from tests.entrypoints.grpc.conftest import Serve
from tests.fakes import FakeProvider

if TYPE_CHECKING:
    from hexgate.v1.usage_service_pb2_grpc import UsageServiceAsyncStub

ENGINES = ("memory", "sqlite")


MIDNIGHT = START // DAY_S * DAY_S


def period(start: float = MIDNIGHT - 9 * DAY_S, end: float = MIDNIGHT + 9 * DAY_S) -> pb.Period:
    """Days around START, or another period, in seconds since the epoch."""
    return pb.Period(start_time=Timestamp(seconds=int(start)), end_time=Timestamp(seconds=int(end)))


@asynccontextmanager
async def opened(engine: str, folder: Path) -> AsyncIterator[Store]:
    """A store of this kind."""
    if engine == "memory":
        yield MemoryLedger()
        return
    ledger = open_sqlite(folder / "ledger.db")
    try:
        yield ledger
    finally:
        await ledger.aclose()


@asynccontextmanager
async def told(serve: Serve, store: Store, **more: Any) -> AsyncIterator[UsageServiceAsyncStub]:
    """The UsageService of a gateway with this store."""
    async with serve(FakeProvider(), ledger=store, **more) as served:
        yield UsageServiceStub(served.channel)


async def done(store: Store, call_id: str, at: float = START, **changes: Any) -> None:
    """A call of our tenant that has ended."""
    await ended(store, call_id, at, **{"tenant": TENANT, **changes})


async def under_way(store: Store, call_id: str, at: float = START, **changes: Any) -> None:
    """A call of our tenant that has not."""
    await store.begin(replace(intent(call_id, started_at=at), tenant=TENANT, **changes))


async def busy(store: Store, calls: int, seed: int = 7) -> None:
    """Calls of all kinds: some at the same moment, some under way, some of another tenant."""
    dice = random.Random(seed)
    states = [one for one in CallState if one is not CallState.PENDING]
    for number in range(calls):
        at = START + dice.choice((0.0, 1.0, dice.uniform(-3, 3) * DAY_S))
        name = f"{dice.getrandbits(32):08x}-{number}"
        who = {
            "agent_id": dice.choice(("", "x", "=y", "\u00e9")),
            "session_id": dice.choice(("", "s-1", "s-2")),
            "labels": dice.choice(({}, {"team": "a,b"}, {"team": '"c"\n', "env": "dev"})),
        }
        if number % 10 == 9:
            await under_way(store, name, at, **who)
            continue
        await done(
            store,
            name,
            at,
            tenant="other" if number % 10 == 8 else TENANT,
            model=dice.choice(("m", "n", "o", "-p")),
            state=dice.choice(states),
            usage=Usage(uncached_input=dice.randrange(99), output=dice.randrange(99)),
            cost=Cost(
                input_nanos=dice.randrange(2**53, 2**54),
                output_nanos=dice.randrange(99),
                unknown=number % 7 == 0,
            ),
            **who,
        )
