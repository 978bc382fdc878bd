"""ListProviderKeys and ReplaceProviderKeys on the admin port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
import pytest
from grpc import aio

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.client import dial, explain
from hexgate.domain.keys import hash_prefix
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.server import serving
from hexgate.entrypoints.settings import Settings
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1.admin_service_pb2_grpc import AdminServiceStub
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.adapters.providers.vendor import Vendor
from tests.entrypoints.grpc.conftest import whole
from tests.fakes import FakeProvider

if TYPE_CHECKING:
    from hexgate.v1.admin_service_pb2_grpc import AdminServiceAsyncStub
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

A, B, NEW = "sk-first-one", "sk-second-one", "sk-new-one"


@dataclass(frozen=True, slots=True)
class Served:
    """Both ports of a gateway."""

    public: CompletionServiceAsyncStub
    admin: AdminServiceAsyncStub


@asynccontextmanager
async def served(vendor: Vendor) -> AsyncIterator[Served]:
    """A gateway with the providers `fake`, which has two keys, and `cloud`, which has none."""
    ring = await vendor.ring(A, B)
    leaves = Leaves({"fake": ring, "cloud": FakeProvider()}, {"fake": ring})
    settings = Settings.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "drain_s": 0.2},
            "providers": {"fake": {"kind": "vllm"}, "cloud": {"kind": "vllm"}},
            "retry": {"attempts": 1},
        }
    )
    async with (
        serving(settings, leaves, MemoryLedger()) as gateway,
        dial(gateway.address) as public,
        dial(gateway.admin_address) as admin,
    ):
        yield Served(CompletionServiceStub(public), AdminServiceStub(admin))
    await ring.aclose()


async def listed(server: Served, provider: str = "") -> list[pb.ProviderKey]:
    """The keys of one provider, or of all."""
    request = pb.ListProviderKeysRequest(provider=provider)
    return list((await server.admin.ListProviderKeys(request, timeout=10)).keys)


async def replaced(server: Served, *keys: str, provider: str = "fake") -> list[pb.ProviderKey]:
    """The keys of a provider after they were replaced."""
    request = pb.ReplaceProviderKeysRequest(provider=provider, keys=keys)
    return list((await server.admin.ReplaceProviderKeys(request, timeout=10)).keys)


async def refused(server: Served, *keys: str, provider: str = "fake") -> aio.AioRpcError:
    """The error of a replacement."""
    with pytest.raises(aio.AioRpcError) as caught:
        await replaced(server, *keys, provider=provider)
    return caught.value


@pytest.mark.parametrize("provider", ["", "fake"])
async def test_keys_are_listed_by_their_hashes(provider: str) -> None:
    async with served(Vendor()) as server:
        found = await listed(server, provider)
    assert [(key.provider, key.hash_prefix, key.state) for key in found] == [
        ("fake", hash_prefix(A), pb.KEY_STATE_ACTIVE),
        ("fake", hash_prefix(B), pb.KEY_STATE_ACTIVE),
    ]
    assert not any(key.HasField("retry_time") or key.HasField("used_time") for key in found)


async def test_a_call_goes_on_by_another_key_and_the_list_tells_why() -> None:
    vendor = Vendor()
    vendor.reject(A)
    async with served(vendor) as server:
        answer = await server.public.Complete(whole(), timeout=10)
        bad, good = await listed(server)
        vendor.limit(B, wait_s=9)
        with pytest.raises(aio.AioRpcError):
            await server.public.Complete(whole(), timeout=10)
        limited = (await listed(server))[1]
    assert answer.message.parts[0].text.text == f"by {B}"
    assert bad.state == pb.KEY_STATE_REJECTED
    assert bad.retry_time.ToSeconds() == int(vendor.clock.now()) + 300
    assert (good.state, good.used_time.ToSeconds()) == (
        pb.KEY_STATE_ACTIVE,
        int(vendor.clock.now()),
    )
    assert limited.state == pb.KEY_STATE_LIMITED
    assert limited.retry_time.ToSeconds() == int(vendor.clock.now()) + 9


async def test_new_keys_serve_at_once_and_those_that_stay_keep_their_state() -> None:
    vendor = Vendor()
    vendor.reject(A)
    async with served(vendor) as server:
        await server.public.Complete(whole(), timeout=10)
        kept, new = await replaced(server, A, NEW)
        assert await listed(server) == [kept, new]
        answer = await server.public.Complete(whole(), timeout=10)
    assert (kept.hash_prefix, kept.state) == (hash_prefix(A), pb.KEY_STATE_REJECTED)
    assert (new.hash_prefix, new.state) == (hash_prefix(NEW), pb.KEY_STATE_ACTIVE)
    assert answer.message.parts[0].text.text == f"by {NEW}"


@pytest.mark.parametrize(
    ("keys", "field", "reason"),
    [
        ((), "keys", "REQUIRED"),
        ((NEW, "sk second"), "keys[1]", "FORMAT"),
        ((NEW, A, NEW), "keys[2]", "DUPLICATE"),
        (tuple(f"{NEW}{n}" for n in range(101)), "keys", "TOO_MANY"),
    ],
)
async def test_bad_keys_are_refused_by_their_place_and_change_nothing(
    keys: tuple[str, ...], field: str, reason: str
) -> None:
    async with served(Vendor()) as server:
        before = await listed(server)
        error = await refused(server, *keys)
        assert await listed(server) == before
    problem = explain(error)
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert [(v.field, v.reason) for v in problem.violations] == [(field, reason)]
    assert "sk-" not in f"{error} {error.trailing_metadata()} {problem}"


async def test_a_provider_without_keys_says_so() -> None:
    async with served(Vendor()) as server:
        error = await refused(server, NEW, provider="cloud")
        with pytest.raises(aio.AioRpcError) as listing:
            await listed(server, "cloud")
        assert {key.provider for key in await listed(server)} == {"fake"}
    for each in (error, listing.value):
        problem = explain(each)
        assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
        assert [v.field for v in problem.violations] == ["provider"]
        assert "cloud has no keys" in problem.message


async def test_a_name_that_is_not_configured_is_not_found() -> None:
    async with served(Vendor()) as server:
        problem = explain(await refused(server, NEW, provider="fak"))
    assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "PROVIDER_NOT_FOUND")
    assert problem.metadata == {"provider": "fak", "suggestions": "fake"}


async def test_the_log_knows_of_a_replacement_by_hashes_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    vendor = Vendor()
    async with served(vendor) as server:
        await replaced(server, NEW, B)
        await refused(server, NEW, NEW)
        vendor.reject(NEW)
        await server.public.Complete(whole(), timeout=10)
    logged = "".join(capfd.readouterr())
    (line,) = (line for line in logged.splitlines() if "provider keys replaced" in line)
    assert hash_prefix(NEW) in line
    assert hash_prefix(B) in line
    assert "sk-" not in logged
