"""Memory stays flat while callers come and go."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from hexgate.client import dial
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.conftest import Gateway
from tests.entrypoints.grpc.conftest import streamed

AT_ONCE = 50
ROUNDS = 20
# A task or a connection that stayed behind would be several kilobytes for each of the calls.
GROWTH_KB = 4_096


def resident_kb(pid: int) -> int:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


async def leave_early(gateway: Gateway, rounds: int) -> None:
    """Streams that their callers leave after the first event."""
    async with dial(gateway.address) as channel:
        stub = CompletionServiceStub(channel)

        async def one() -> None:
            call = stub.StreamComplete(streamed(model="sim/slow-200"), timeout=60)
            assert isinstance(await call.read(), pb.StreamCompleteResponse)
            call.cancel()

        for _ in range(rounds):
            await asyncio.gather(*(one() for _ in range(AT_ONCE)))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see memory")
async def test_callers_who_leave_take_their_memory_with_them(gateway: Gateway) -> None:
    await leave_early(gateway, 5)
    before = resident_kb(gateway.process.pid)
    await leave_early(gateway, ROUNDS)
    assert resident_kb(gateway.process.pid) - before < GROWTH_KB
