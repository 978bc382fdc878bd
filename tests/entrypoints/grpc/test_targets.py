"""ListTargets and SetTargetState on the admin port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import aio
from structlog.testing import capture_logs

from hexgate.client import dial, explain
from hexgate.domain.errors import Overloaded
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1 import error_pb2
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from tests.entrypoints.grpc.calls import events, refused
from tests.entrypoints.grpc.conftest import Serve, Served, streamed, whole
from tests.fakes import FakeProvider


class Admin:
    """An operator's way in."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = AdminServiceStub(channel)

    async def page(self, size: int = 0, token: str = "") -> pb.ListTargetsResponse:
        """One page."""
        request = pb.ListTargetsRequest(page_size=size, page_token=token)
        return await self._stub.ListTargets(request, timeout=10)

    async def one(self, name: str) -> pb.TargetStatus:
        """The line of this name."""
        return {line.target: line for line in (await self.page()).targets}[name]

    async def set(
        self,
        target: str = "fake/m",
        state: pb.TargetState.ValueType = pb.TARGET_STATE_DISABLED,
        ttl: Duration | None = None,
        reason: str = "",
    ) -> pb.TargetStatus:
        """How it stands after the wish."""
        request = pb.SetTargetStateRequest(target=target, state=state, ttl=ttl, reason=reason)
        metadata = (("x-request-id", "r-1"),)
        response = await self._stub.SetTargetState(request, timeout=10, metadata=metadata)
        return response.status


@asynccontextmanager
async def operated(server: Served) -> AsyncIterator[Admin]:
    """An operator of this server."""
    async with dial(server.gateway.admin_address) as channel:
        yield Admin(channel)


async def test_a_fresh_server_lists_its_providers(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        page = await admin.page()
    assert page.next_page_token == ""
    (line,) = page.targets
    assert (line.target, line.state) == ("fake/*", pb.TARGET_STATE_ENABLED)
    assert line.breaker == pb.BREAKER_STATE_UNSPECIFIED
    for absent in ("retry_time", "first_token_p50", "latency", "enable_time"):
        assert not line.HasField(absent)
    assert (line.active_call_count, line.attempt_count, line.unhealthy) == (0, 0, False)


async def test_what_was_called_tells_how_it_fares(served: Serve) -> None:
    busy = Overloaded("busy", http_status=529)
    async with served(FakeProvider("one", busy)) as server, operated(server) as admin:
        await events(server, streamed())
        for _ in range(5):
            await refused(server, whole())
        line, whole_provider = await admin.one("fake/m"), await admin.one("fake/*")
    assert (line.attempt_count, line.failure_count) == (6, 5)
    assert line.last_failure == error_pb2.ERROR_REASON_PROVIDER_OVERLOADED
    assert line.breaker == pb.BREAKER_STATE_OPEN
    assert line.failure_ratio == pytest.approx(5 / 6)
    for present in ("retry_time", "first_token_p50", "latency"):
        assert line.HasField(present)
    assert (whole_provider.attempt_count, whole_provider.failure_count) == (6, 5)
    assert whole_provider.breaker == pb.BREAKER_STATE_UNSPECIFIED


async def test_pages_are_of_the_size_asked_for_and_survive_changes(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        for model in "abd":
            await admin.set(f"fake/{model}")
        first = await admin.page(size=2)
        assert [line.target for line in first.targets] == ["fake/*", "fake/a"]
        # The last of that page goes, and one comes after it.
        await admin.set("fake/a", pb.TARGET_STATE_ENABLED)
        await admin.set("fake/c")
        second = await admin.page(size=2, token=first.next_page_token)
        assert [line.target for line in second.targets] == ["fake/b", "fake/c"]
        last = await admin.page(size=2, token=second.next_page_token)
        assert [line.target for line in last.targets] == ["fake/d"]
        assert last.next_page_token == ""
        exact = await admin.page(size=4)
        assert (len(exact.targets), exact.next_page_token) == (4, "")


async def test_a_page_has_a_hundred_lines_unless_asked_otherwise(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        for hundred in range(10):
            await asyncio.gather(*(admin.set(f"fake/m{hundred}-{one}") for one in range(100)))
        assert len((await admin.page()).targets) == 100
        assert len((await admin.page(size=300)).targets) == 300
        longest = await admin.page(size=2_000_000_000)
        assert len(longest.targets) == 1000
        assert len((await admin.page(token=longest.next_page_token)).targets) == 1


async def test_a_disabled_target_is_called_no_more_until_it_is_put_back(served: Serve) -> None:
    leaf = FakeProvider()
    async with served(leaf) as server, operated(server) as admin:
        line = await admin.set(reason="melting")
        assert (line.target, line.state) == ("fake/m", pb.TARGET_STATE_DISABLED)
        assert (line.reason, line.HasField("enable_time")) == ("melting", False)
        await refused(server, whole())
        assert leaf.calls == []
        assert (await admin.one("fake/m")).state == pb.TARGET_STATE_DISABLED
        back = await admin.set(state=pb.TARGET_STATE_ENABLED)
        assert (back.state, back.reason) == (pb.TARGET_STATE_ENABLED, "")
        assert await server.stub.Complete(whole(), timeout=10)


async def test_a_wish_with_a_ttl_ends_by_itself(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        line = await admin.set("fake/*", ttl=Duration(seconds=3600))
        assert line.HasField("enable_time")
        brief = await admin.set("fake/*", ttl=Duration(nanos=1000))
        # Its time was over when the answer was made, or it ends in the next microsecond.
        assert brief.state in (pb.TARGET_STATE_DISABLED, pb.TARGET_STATE_ENABLED)
        assert (await admin.one("fake/*")).state == pb.TARGET_STATE_ENABLED
        assert await server.stub.Complete(whole(), timeout=10)


async def test_each_wish_is_a_line_of_the_audit_log(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        with capture_logs() as lines:
            await admin.set(reason="melting", ttl=Duration(seconds=60))
    (line,) = [line for line in lines if line["event"] == "target state set"]
    assert line == {
        "event": "target state set",
        "log_level": "warning",
        "target": "fake/m",
        "wish": "disabled",
        "old": "enabled",
        "new": "disabled",
        "ttl_s": 60.0,
        "reason": "melting",
        "request_id": "r-1",
    }


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.SetTargetStateRequest(target="fake", state=pb.TARGET_STATE_ENABLED), "target"),
        (pb.SetTargetStateRequest(state=pb.TARGET_STATE_ENABLED), "target"),
        (pb.SetTargetStateRequest(target="fake/m"), "state"),
        (pb.SetTargetStateRequest(target="fake/m", state=77), "state"),  # type: ignore[arg-type]  # newer
        (
            pb.SetTargetStateRequest(
                target="fake/m", state=pb.TARGET_STATE_DISABLED, ttl=Duration()
            ),
            "ttl",
        ),
        (
            pb.SetTargetStateRequest(
                target="fake/m", state=pb.TARGET_STATE_DISABLED, ttl=Duration(seconds=-1)
            ),
            "ttl",
        ),
        (
            pb.SetTargetStateRequest(
                target="fake/m", state=pb.TARGET_STATE_DISABLED, ttl=Duration(seconds=10**10)
            ),
            "ttl",
        ),
        (
            pb.SetTargetStateRequest(
                target="fake/m", state=pb.TARGET_STATE_DISABLED, reason="x" * 257
            ),
            "reason",
        ),
        (pb.ListTargetsRequest(page_size=-1), "page_size"),
        (pb.ListTargetsRequest(page_token="no token!"), "page_token"),
        (pb.ListTargetsRequest(page_token="_w=="), "page_token"),
    ],
)
async def test_what_is_wrong_is_told_by_its_field(
    served: Serve, request_: pb.SetTargetStateRequest | pb.ListTargetsRequest, field: str
) -> None:
    async with (
        served(FakeProvider()) as server,
        dial(server.gateway.admin_address) as channel,
    ):
        stub = AdminServiceStub(channel)
        lists = isinstance(request_, pb.ListTargetsRequest)
        method: Callable[..., Awaitable[object]] = (
            stub.ListTargets if lists else stub.SetTargetState
        )
        with pytest.raises(aio.AioRpcError) as caught:
            await method(request_, timeout=10)
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [violation.field for violation in problem.violations] == [field]


async def test_a_provider_that_is_not_configured_is_not_found(served: Serve) -> None:
    async with served(FakeProvider()) as server, operated(server) as admin:
        with pytest.raises(aio.AioRpcError) as caught:
            await admin.set("fkae/m")
    problem = explain(caught.value)
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "PROVIDER_NOT_FOUND")
