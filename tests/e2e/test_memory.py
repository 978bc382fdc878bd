"""What a gateway with every vendor configured weighs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hexgate.adapters.simulator import Simulator
from hexgate.client import dial
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.e2e.conftest import serving
from tests.e2e.test_soak import resident_kb
from tests.e2e.wires import WIRES, said
from tests.entrypoints.grpc.conftest import streamed, whole

MOST_MB = 120
OWN = [wire for wire in WIRES if wire.transport == "http" and not wire.prefix]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see memory")
async def test_all_vendors_over_http_fit_their_memory(tmp_path: Path) -> None:
    async with Simulator() as simulator, AsyncExitStack() as stack:
        providers = {
            wire.kind: await stack.enter_async_context(said(wire, simulator)) for wire in OWN
        }
        file = tmp_path / "h.yaml"
        # JSON is YAML.
        file.write_text(json.dumps({"providers": providers, "ledger": {"backend": "memory"}}))
        # The first one may have to compile its modules, which leaves its mark on a process.
        await resident_mb(file, providers)
        assert await resident_mb(file, providers) < MOST_MB


async def resident_mb(file: Path, kinds: Iterable[str]) -> float:
    """What a gateway has in memory after a call and a stream to each of its providers."""
    with serving(file.parent, "--config", str(file)) as gateway:
        async with dial(gateway.address) as channel:
            stub = CompletionServiceStub(channel)
            for kind in kinds:
                await stub.Complete(whole("Hi", f"{kind}/sim-echo"), timeout=30)
                stream = stub.StreamComplete(streamed("Hi", f"{kind}/sim-echo"), timeout=30)
                assert [event async for event in stream]
        return resident_kb(gateway.process.pid) * 1024 / 1e6
