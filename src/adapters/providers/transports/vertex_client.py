"""The official client of Vertex AI, and which of its methods is meant by a path of REST.

The SDK is imported by name, because checking its types takes longer than checking this project's.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import grpc
import msgspec
from google.protobuf.message import Message

from hexgate.adapters.providers.transports import vertex_garden as garden
from hexgate.adapters.providers.transports.vertex_codec import body, parsed
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.errors import Unsupported, Violation
from hexgate.domain.json import JsonObject

_SERVICE = "google.cloud.aiplatform_v1.services.prediction_service"
_TYPES: Any = importlib.import_module("google.cloud.aiplatform_v1.types.prediction_service")
_CLIENT: Any = importlib.import_module(_SERVICE)
_GRPC: Any = importlib.import_module(f"{_SERVICE}.transports")
_HTTP: Any = importlib.import_module("google.api.httpbody_pb2")
LOGS = f"{_SERVICE}.transports.grpc_asyncio"  # the logger that writes prompts when debugging

_ENCODER = msgspec.json.Encoder()
_MODEL = re.compile(r"/v1/(projects/[^:?]+):(\w+)(?:\?.*)?")
_LISTING = re.compile(r"/v1beta1/(publishers/[^/?]+)/models(?:\?(.*))?")


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the client. `field` of its request names what is asked.

    A `raw` one takes and gives bodies as they are.
    """

    name: str
    request: Any
    field: str
    streams: bool = False
    raw: bool = False


METHODS: Mapping[str, Method] = {
    "generateContent": Method("generate_content", _TYPES.GenerateContentRequest, "model"),
    "streamGenerateContent": Method(
        "stream_generate_content", _TYPES.GenerateContentRequest, "model", streams=True
    ),
    "predict": Method("predict", _TYPES.PredictRequest, "endpoint"),
    "embedContent": Method("embed_content", _TYPES.EmbedContentRequest, "model"),
    "rawPredict": Method("raw_predict", _TYPES.RawPredictRequest, "endpoint", raw=True),
    "streamRawPredict": Method(
        "stream_raw_predict", _TYPES.StreamRawPredictRequest, "endpoint", streams=True, raw=True
    ),
}
_LIST = Method("list_publisher_models", None, "parent")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the client can send."""

    method: Method
    message: Any


def asked(provider: str, request: WireRequest) -> Asked:
    """The request of REST as one of the client; raises Unsupported for what it cannot say."""
    if request.method == "GET" and (found := _LISTING.fullmatch(request.path)):
        query = parse_qs(found[2] or "")
        size, token = query.get("pageSize", ["0"])[0], query.get("pageToken", [""])[0]
        return Asked(_LIST, garden.request(unquote(found[1]), int(size), token))
    found = _MODEL.fullmatch(request.path)
    method = METHODS.get(found[2]) if found else None
    if found is None or method is None:
        text = f"{provider} has no such method over gRPC; set transport to http"
        raise Unsupported(text, (Violation("model", text, "UNSUPPORTED"),))
    name = unquote(found[1])
    return Asked(method, _message(provider, method, name, request.payload))


def text(asked: Asked, reply: Any) -> bytes:
    """A message of the answer as the body, or as the next event of the stream, that REST has."""
    if asked.method.raw:
        data: bytes = reply.data
        return data
    said = body(reply if isinstance(reply, Message) else type(reply).pb(reply))
    return b"data: " + said + b"\n\n" if asked.method.streams else said


def _message(provider: str, method: Method, name: str, payload: JsonObject) -> Any:
    """What the client takes, which wraps the messages of protobuf."""
    if method.raw:
        http = _HTTP.HttpBody(content_type="application/json", data=_ENCODER.encode(payload))
        return method.request(**{method.field: name, "http_body": http})
    bare: Message = method.request.pb(method.request())
    parsed(provider, payload, bare)
    setattr(bare, method.field, name)
    return method.request.wrap(bare)


class Client:
    """The official client over `channel`, which stays its maker's to close."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        transport = _GRPC.PredictionServiceGrpcAsyncIOTransport(channel=channel)
        self._client = _CLIENT.PredictionServiceAsyncClient(transport=transport)
        self._list: Callable[..., Any] = channel.unary_unary(
            garden.LIST,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=garden.response,
        )

    async def ask(self, asked: Asked, timeout_s: float, metadata: Sequence[tuple[str, str]]) -> Any:
        """The answer, or where the method streams the call that gives its messages."""
        if asked.method is _LIST:
            return await self._list(asked.message, timeout=timeout_s, metadata=metadata)
        ask = getattr(self._client, asked.method.name)
        return await ask(request=asked.message, retry=None, timeout=timeout_s, metadata=metadata)
