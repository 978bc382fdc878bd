"""Calls to a served gateway, and stand-ins for what is behind it."""

from __future__ import annotations

from typing import TypeAlias

import pytest
from grpc import aio

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.domain.answer import Finish, Finished, TextDelta
from hexgate.domain.errors import (
    StoreUnavailable,
)
from hexgate.domain.ledger import Settlement
from hexgate.domain.usage import Usage
from hexgate.v1 import completion_service_pb2 as pb
from tests.entrypoints.grpc.conftest import Served
from tests.fakes import Script

PROMPTLY_S = 5.0


SECRET = "secret sk-123 of a prompt"


async def events(
    served: Served, request: pb.StreamCompleteRequest
) -> list[pb.StreamCompleteResponse]:
    """One stream, whole."""
    return [event async for event in served.stub.StreamComplete(request, timeout=10)]


Call: TypeAlias = "aio.UnaryStreamCall[pb.StreamCompleteRequest, pb.StreamCompleteResponse]"


async def collected(call: Call, into: list[pb.StreamCompleteResponse]) -> None:
    """Read what is left of a stream; what came before its error counts too."""
    while isinstance(event := await call.read(), pb.StreamCompleteResponse):
        into.append(event)


async def rest(call: Call) -> list[pb.StreamCompleteResponse]:
    """Read what is left of a stream; the error of a stream is raised."""
    got: list[pb.StreamCompleteResponse] = []
    await collected(call, got)
    return got


async def refused(served: Served, request: pb.CompleteRequest) -> aio.AioRpcError:
    """The error of a unary call."""
    with pytest.raises(aio.AioRpcError) as caught:
        await served.stub.Complete(request, timeout=10)
    return caught.value


class FullLedger(MemoryLedger):
    """Has no room for outcomes."""

    async def settle(self, settlement: Settlement) -> bool:
        raise StoreUnavailable("the ledger cannot be written", metadata={"store": "ledger"})


PAGES = Script(
    (
        *[TextDelta(0, "x" * 100_000)] * 500,
        Finished(finish=Finish.STOP, usage=Usage(), model="m"),
    )
)
