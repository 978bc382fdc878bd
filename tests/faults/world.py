"""A real gateway between a provider that meets a fault and one that is well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.adapters.simulator import Fault, Simulator
from hexgate.client import dial
from hexgate.domain.ledger import Entry
from hexgate.entrypoints.resilience import On
from hexgate.entrypoints.resources import open_leaves
from hexgate.entrypoints.server import Gateway, serving
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import admin_service_pb2 as admin
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.contracts.ledger import newest
from tests.faults.outcome import BACKUP, FIRST, Mode
from tests.faults.places import Found, Place, found
from tests.faults.rows import Row

if TYPE_CHECKING:
    from hexgate.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

Sections: TypeAlias = "Mapping[str, Mapping[str, Any]]"

MODEL = "sim-story"
# What nobody waits for unless something is wrong.
PATIENCE_S = 20.0
_MANY = 50  # requests, more than any call sends
_QUICKLY = {"retries": 1, "wait_s": 0.001}
_KINDS = ("rate_limit", "error", "unavailable", "overloaded", "timeout", "unreachable")
_PRICES = {
    f"{name}/*": {"price": {"input_usd_per_mtok": usd, "output_usd_per_mtok": 2 * usd}}
    for name, usd in ((FIRST, 1), (BACKUP, 10))
}


@dataclass(frozen=True, slots=True)
class World:
    """A gateway, who calls it, and what stands behind it. `place` is where nobody answers."""

    gateway: Gateway
    stub: CompletionServiceAsyncStub
    admin: AdminServiceAsyncStub
    ledger: MemoryLedger
    first: Simulator
    backup: Simulator
    place: Found | None = None

    async def entries(self) -> tuple[Entry, ...]:
        """The rows of the ledger."""
        return await newest(self.ledger, "default", 1000)

    async def running(self) -> int:
        """How many calls the gateway says are in flight, without this question, which is one."""
        info = await self.admin.GetServerInfo(admin.GetServerInfoRequest(), timeout=PATIENCE_S)
        return info.active_call_count + info.active_stream_count - 1

    async def as_before(self) -> None:
        """Wait until nothing is left of a call; what stays is a failure, with its name."""
        assert await self.gateway.calls.drained(PATIENCE_S), "a call is still running"
        async with asyncio.timeout(PATIENCE_S):
            await self.first.idle()
            await self.backup.idle()
            if self.place is not None:
                await self.place.left()
        assert await self.running() == 0
        told = await self.admin.ListTargets(admin.ListTargetsRequest(), timeout=PATIENCE_S)
        assert {t.target: t.active_call_count for t in told.targets if t.active_call_count} == {}


@asynccontextmanager
async def world(
    *,
    first: Mapping[str, object] | None = None,
    place: Place | None = None,
    pace_s: float = 0.0,
    **sections: Mapping[str, Any],
) -> AsyncIterator[World]:
    """Serve `first` and `backup`. Further fields of the first, and sections of the settings."""
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(Simulator(hang_s=600, drip_s=0.3, pace_s=pace_s))
        other = await stack.enter_async_context(Simulator())
        where = None if place is None else await stack.enter_async_context(found(place))
        url = one.openai_url if where is None else where.url
        wish = _settings(url, other.anthropic_url, first or {}, sections)
        ledger = MemoryLedger()
        leaves = await open_leaves(wish, stack)
        gateway = await stack.enter_async_context(serving(wish, leaves, ledger))
        public = await stack.enter_async_context(dial(gateway.address))
        private = await stack.enter_async_context(dial(gateway.admin_address))
        yield World(
            gateway,
            CompletionServiceStub(public),
            AdminServiceStub(private),
            ledger,
            one,
            other,
            where,
        )


def _settings(url: str, other: str, first: Mapping[str, object], said: Sections) -> Settings:
    # A provider with several keys has no other.
    key = {} if "api_keys" in first else {"api_key": "sk-0"}
    server = {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0"}
    return Settings.model_validate(
        {
            "retry": {"attempts": 1},
            **said,
            "server": {**server, **said.get("server", {})},
            "providers": {
                FIRST: {"kind": "openai", "base_url": url, **key, **first},
                BACKUP: {"kind": "anthropic", "base_url": other, "api_key": "sk-b"},
            },
            "models": {"cards": _PRICES, **said.get("models", {})},
            "ledger": {"backend": "memory"},
        }
    )


@asynccontextmanager
async def stricken(row: Row, mode: Mode, *, streamed: bool) -> AsyncIterator[World]:
    """A gateway whose first provider meets the fault of this row, told what the mode says."""
    end = row.stream if streamed else row.unary
    assert end is not None
    sections: dict[str, Mapping[str, Any]] = {}
    target = f"{BACKUP}/{MODEL}"
    match mode:
        case Mode.AGAIN:
            sections["retry"] = {"attempts": 2, **dict.fromkeys(_KINDS, _QUICKLY)}
        case Mode.LISTED | Mode.RESTARTED:
            sections["models"] = {"fallbacks": [target]}
        case Mode.RULED | Mode.PASSED:
            others = [kind for kind in get_args(On) if kind != end.on]
            kinds = end.on if end.on and mode is Mode.RULED else others
            rule = {"on": kinds, "of": f"{FIRST}/*", "to": target}
            sections["routing"] = {"fallback": [rule]}
        case Mode.ALONE | Mode.BEGUN_ANEW:
            pass
    first: dict[str, object] = {"timeouts": dict(row.limits)}
    if row.keys > 1:
        first["api_keys"] = [f"sk-{number}" for number in range(row.keys)]
    place = row.made if isinstance(row.made, Place) else None
    async with world(first=first, place=place, pace_s=row.pace_s, **sections) as made:
        if isinstance(row.made, Fault):
            _strike(made.first, row, mode, streamed=streamed)
        yield made


# A reset or an end may overtake the output that was sent before it, so it comes when that was seen.
LATER = {
    Fault.RESET_MID_STREAM: Simulator.reset_all,
    Fault.CUT_MID_STREAM: Simulator.close_all,
}


def _strike(simulator: Simulator, row: Row, mode: Mode, *, streamed: bool) -> None:
    assert isinstance(row.made, Fault)
    fault = Fault.HANG_MID_STREAM if streamed and row.made in LATER else row.made
    if row.keys == 1:
        simulator.script([fault] * (1 if mode in (Mode.AGAIN, Mode.BEGUN_ANEW) else _MANY))
    for number in range(row.struck if row.keys > 1 else 0):
        simulator.script_key(f"sk-{number}", fault)
