"""What a gateway with every vendor configured weighs."""

from __future__ import annotations

import asyncio
import json
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
OWN = [wire for wire in WIRES if wire.transport == "http"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see memory")
async def test_all_vendors_over_http_fit_their_memory(tmp_path: Path) -> None:
    async with Simulator() as simulator, AsyncExitStack() as stack:
        providers = {
            wire.kind: await stack.enter_async_context(said(wire, simulator)) for wire in OWN
        }
        file = tmp_path / "h.yaml"
        # JSON is YAML.
        file.write_text(json.dumps({"providers": providers, "ledger": {"backend": "memory"}}))
        gateway = stack.enter_context(serving(tmp_path, "--config", str(file)))
        async with dial(gateway.address) as channel:
            stub = CompletionServiceStub(channel)
            await asyncio.gather(
                *(stub.Complete(whole("Hi", f"{kind}/sim-echo"), timeout=30) for kind in providers)
            )
            for kind in providers:
                assert [
                    event
                    async for event in stub.StreamComplete(
                        streamed("Hi", f"{kind}/sim-echo"), timeout=30
                    )
                ]
        found = resident_kb(gateway.process.pid) * 1024 / 1e6
        assert found < MOST_MB
