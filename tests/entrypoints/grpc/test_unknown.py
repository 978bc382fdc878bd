"""What a newer client asks for is refused by its place, never ignored."""

from __future__ import annotations

import grpc
import pytest
from grpc import aio

from hexgate.client import explain
from hexgate.entrypoints.grpc.unknown import find, has_unknown
from hexgate.v1 import completion_service_pb2 as pb
from tests.entrypoints.grpc.conftest import Serve, whole
from tests.fakes import FakeProvider

# Field 999 as a varint of 1: the key is (999 << 3) | 0.
NEWER = b"\xb8\x3e\x01"


def nested(*lengths: tuple[int, bytes]) -> bytes:
    """Wrap the newer field into messages: the innermost field number first."""
    data = NEWER
    for number, rest in lengths:
        body = rest + data
        data = bytes([number << 3 | 2, len(body)]) + body
    return data


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (NEWER, "field 999"),
        (nested((1, b"")), "spec, field 999"),
        (nested((4, b""), (1, b"")), "spec.params, field 999"),
        (nested((2, b""), (1, b"")), "spec.messages[0], field 999"),
        (nested((5, b""), (2, b"")), "options.cache, field 999"),
    ],
)
def test_an_unknown_field_is_found_wherever_it_is(data: bytes, where: str) -> None:
    message = pb.CompleteRequest.FromString(data)
    assert find(message) == where
    assert has_unknown(message)


def test_a_known_request_has_none() -> None:
    request = whole()
    request.spec.provider_options["openai"].update({"a": [1, {"b": None}]})
    request.options.attribution.labels["team"] = "x"
    message = pb.CompleteRequest.FromString(request.SerializeToString())
    assert find(message) == ""
    assert not has_unknown(message)
    assert message == request


async def test_a_request_with_an_unknown_field_is_refused(served: Serve) -> None:
    async with served(FakeProvider()) as server:
        raw: aio.UnaryUnaryMultiCallable[bytes, bytes] = server.channel.unary_unary(
            "/hexgate.v1.CompletionService/Complete"
        )
        with pytest.raises(aio.AioRpcError) as caught:
            await raw(whole().SerializeToString() + NEWER, timeout=10)
    problem = explain(caught.value)
    assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "field 999" in problem.message
