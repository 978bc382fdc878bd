"""A real server on a real socket, over fake providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.client import dial
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.server import Gateway, serving
from hexgate.entrypoints.settings import Settings
from hexgate.ports.store import Store
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2, generation_pb2
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.fakes import FakeProvider

if TYPE_CHECKING:
    from grpc import aio

    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway, a channel to it, and what is behind it."""

    gateway: Gateway
    channel: aio.Channel
    stub: CompletionServiceAsyncStub
    ledger: Store


Serve = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def served() -> Serve:
    """Serve a fake provider as `fake`; keyword arguments are settings of the server, but for
    `ledger` and the settings of `budgets`.
    """

    @asynccontextmanager
    async def serve(
        leaf: FakeProvider, *, ledger: Store | None = None, budgets: Any = None, **server: Any
    ) -> AsyncIterator[Served]:
        settings = Settings.model_validate(
            {
                "server": {
                    "listen": "127.0.0.1:0",
                    "admin_listen": "127.0.0.1:0",
                    "drain_s": 0.2,
                    **server,
                },
                "providers": {"fake": {"kind": "vllm"}},
                "retry": {"attempts": 1},
                "budgets": budgets or {},
            }
        )
        ledger = ledger or MemoryLedger()
        async with (
            serving(settings, Leaves({"fake": leaf}), ledger) as gateway,
            dial(gateway.address) as channel,
        ):
            yield Served(gateway, channel, CompletionServiceStub(channel), ledger)

    return serve


def spec(text: str = "Hello there", model: str = "fake/m") -> generation_pb2.CompletionSpec:
    """One user message."""
    part = content_pb2.ContentPart(text=content_pb2.TextPart(text=text))
    message = content_pb2.Message(role=content_pb2.ROLE_USER, parts=[part])
    return generation_pb2.CompletionSpec(model=model, messages=[message])


def whole(text: str = "Hello there", model: str = "fake/m") -> pb.CompleteRequest:
    """A unary request."""
    return pb.CompleteRequest(spec=spec(text, model))


def streamed(text: str = "Hello there", model: str = "fake/m") -> pb.StreamCompleteRequest:
    """A streaming request."""
    return pb.StreamCompleteRequest(spec=spec(text, model))
