"""The standard health service: which services can work, and which providers are there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.vitals import Vitals
from hexgate.domain.call import Timeouts
from hexgate.domain.errors import Overloaded, Unreachable
from hexgate.domain.health import TargetState, Wish
from hexgate.entrypoints.grpc.availability import Availability
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.server import Gateway, serving
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.completion_service_pb2 import CompleteRequest
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.entrypoints.grpc.calls import refused
from tests.entrypoints.grpc.conftest import Serve, spec, whole
from tests.fakes import FakeClock, FakeProvider

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
WORKING = ("hexgate.v1.CompletionService", "hexgate.v1.EmbeddingService")
OTHERS = ("", "hexgate.v1.ModelService", "hexgate.v1.AdminService")


class Patient(FakeProvider):
    """Is ill while it says so."""

    ill = False

    async def check(self, timeouts: Timeouts) -> None:
        """See Probe."""
        self.checks.append(timeouts)
        if self.ill:
            raise Unreachable("refused")


@asynccontextmanager
async def hospital(
    *patients: Patient, interval_s: float | None = None, failures: int = 1
) -> AsyncIterator[Gateway]:
    """A gateway over the providers a, b and so on."""
    leaves = dict(zip("abc", patients, strict=False))
    settings = Settings.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "drain_s": 0.2},
            "providers": {name: {"kind": "vllm"} for name in leaves},
        }
    )
    # More often than a configuration may say, so that nobody has to wait.
    often = settings.health.model_copy(update={"interval_s": interval_s, "failures": failures})
    settings = settings.model_copy(update={"health": often})
    async with serving(settings, Leaves(leaves), MemoryLedger()) as gateway:
        yield gateway


class Watching:
    """Awaits states on one port."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = health_pb2_grpc.HealthStub(channel)

    async def state(self, name: str) -> int:
        """How it stands now."""
        request = health_pb2.HealthCheckRequest(service=name)
        return int((await self._stub.Check(request, timeout=10)).status)

    async def until(self, name: str, state: int) -> None:
        """Return once Watch tells of this state."""
        call = self._stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=10)
        async for event in call:
            if event.status == state:
                call.cancel()
                return


def public(gateway: Gateway) -> AbstractAsyncContextManager[aio.Channel]:
    """The way of callers."""
    return aio.insecure_channel(gateway.address)


def admin(gateway: Gateway) -> AbstractAsyncContextManager[aio.Channel]:
    """The way of operators."""
    return aio.insecure_channel(gateway.admin_address)


async def wished(channel: aio.Channel, target: str, state: pb.TargetState.ValueType) -> None:
    """Set the state of a target."""
    request = pb.SetTargetStateRequest(target=target, state=state)
    await AdminServiceStub(channel).SetTargetState(request, timeout=10)


async def test_providers_are_told_on_the_admin_port_alone() -> None:
    async with hospital(Patient(), Patient()) as gateway:
        async with admin(gateway) as channel:
            for name in ("provider/a", "provider/b", *WORKING, *OTHERS):
                assert await Watching(channel).state(name) == SERVING
        async with public(gateway) as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await Watching(channel).state("provider/a")
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_provider_that_fails_its_checks_is_told_and_so_is_its_recovery() -> None:
    ill, well = Patient(), Patient()
    ill.ill = True
    async with (
        hospital(ill, well, interval_s=0.02, failures=2) as gateway,
        admin(gateway) as channel,
    ):
        watching = Watching(channel)
        await watching.until("provider/a", NOT_SERVING)
        assert len(ill.checks) >= 2
        assert await watching.state("provider/b") == SERVING
        for name in (*WORKING, *OTHERS):
            assert await watching.state(name) == SERVING
        ill.ill = False
        await watching.until("provider/a", SERVING)


async def test_services_that_need_a_provider_stop_when_all_are_taken_out_and_come_back() -> None:
    async with (
        hospital(Patient(), Patient()) as gateway,
        public(gateway) as channel,
        admin(gateway) as also,
    ):
        await wished(also, "a/*", pb.TARGET_STATE_DISABLED)
        await Watching(also).until("provider/a", NOT_SERVING)
        assert await Watching(channel).state(WORKING[0]) == SERVING
        await wished(also, "b/*", pb.TARGET_STATE_DISABLED)
        for watching in (Watching(channel), Watching(also)):
            for name in WORKING:
                await watching.until(name, NOT_SERVING)
            for name in OTHERS:
                assert await watching.state(name) == SERVING
        await wished(also, "b/*", pb.TARGET_STATE_ENABLED)
        for watching in (Watching(channel), Watching(also)):
            for name in WORKING:
                await watching.until(name, SERVING)
        assert await Watching(also).state("provider/a") == NOT_SERVING


async def test_checks_that_fail_everywhere_stop_no_service_because_calls_are_still_tried() -> None:
    patients = Patient("one"), Patient()
    for patient in patients:
        patient.ill = True
    async with (
        hospital(*patients, interval_s=0.02) as gateway,
        public(gateway) as channel,
        admin(gateway) as also,
    ):
        for name in ("provider/a", "provider/b"):
            await Watching(also).until(name, NOT_SERVING)
        for watching in (Watching(channel), Watching(also)):
            for name in (*WORKING, *OTHERS):
                assert await watching.state(name) == SERVING
        request = CompleteRequest(spec=spec(model="a/m"))
        assert await CompletionServiceStub(channel).Complete(request, timeout=10)


@pytest.mark.parametrize("state", [pb.TARGET_STATE_DISABLED, pb.TARGET_STATE_DRAINING])
async def test_what_an_operator_took_out_of_rotation_is_out(
    state: pb.TargetState.ValueType,
) -> None:
    async with hospital(Patient()) as gateway, admin(gateway) as channel:
        watching = Watching(channel)
        await wished(channel, "a/m", state)
        await wished(channel, "a/*", state)
        await watching.until("provider/a", NOT_SERVING)
        await watching.until(WORKING[0], NOT_SERVING)
        await wished(channel, "a/*", pb.TARGET_STATE_ENABLED)
        await watching.until(WORKING[0], SERVING)
        assert await watching.state("provider/a") == SERVING


async def test_each_update_forgets_the_wishes_whose_time_is_over() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    told = Availability(vitals, ("a",), health.aio.HealthServicer(), health.aio.HealthServicer())
    until = clock.monotonic() + 5
    vitals.set("a", "never-asked-for", Wish(state=TargetState.DISABLED, until=until))
    clock.advance(5)
    await told.update()
    assert vitals.quiet


async def test_checks_are_made_only_where_they_are_configured() -> None:
    asked, left_alone = Patient(), Patient()
    async with (
        hospital(left_alone),
        hospital(asked, interval_s=0.01) as gateway,
        admin(gateway) as channel,
    ):
        asked.ill = True
        await Watching(channel).until("provider/a", NOT_SERVING)
    assert left_alone.checks == []


async def test_nothing_is_checked_any_more_and_nobody_comes_back_once_it_drains() -> None:
    patient = Patient()
    patient.ill = True
    async with hospital(patient, interval_s=0.01) as gateway, admin(gateway) as channel:
        watching = Watching(channel)
        await watching.until("provider/a", NOT_SERVING)
        patient.ill = False
        stream = health_pb2_grpc.HealthStub(channel).Watch(
            health_pb2.HealthCheckRequest(service="provider/a")
        )
        first = await stream.read()
        assert isinstance(first, health_pb2.HealthCheckResponse)
        told = asyncio.create_task(collected(stream))
        await gateway.drain()
        checks = len(patient.checks)
        assert all(task.done() for task in gateway.about_providers)
        assert [first.status, *await told][-1] == NOT_SERVING
    assert len(patient.checks) == checks


async def collected(stream: aio.UnaryStreamCall[Any, Any]) -> list[int]:
    """Every state until the stream ends."""
    states: list[int] = []
    with contextlib.suppress(aio.AioRpcError):
        while isinstance(event := await stream.read(), health_pb2.HealthCheckResponse):
            states.append(event.status)
    return states


async def test_a_provider_that_falls_ill_is_a_line_of_the_log() -> None:
    patient = Patient()
    patient.ill = True
    with capture_logs() as lines:
        async with hospital(patient, interval_s=0.01) as gateway, admin(gateway) as channel:
            await Watching(channel).until("provider/a", NOT_SERVING)
    (line,) = [line for line in lines if "provider" in line]
    assert (line["log_level"], line["provider"], line["failure"]) == (
        "warning",
        "a",
        "PROVIDER_ERROR",
    )


async def test_a_breaker_that_opens_is_a_line_of_the_log(served: Serve) -> None:
    with capture_logs() as lines:
        async with served(FakeProvider(Overloaded("busy"))) as server:
            for _ in range(5):
                await refused(server, whole())
    (line,) = [line for line in lines if line["event"] == "breaker turned"]
    assert (line["log_level"], line["target"]) == ("warning", "fake/m")
    assert (line["old"], line["new"]) == ("closed", "open")
