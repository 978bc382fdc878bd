"""The methods of the gRPC API that are served, by the SDK's own messages; imports the SDK.

The SDK is imported by name, because checking its types takes longer than checking this project's.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from hexgate.domain.json import Json, JsonObject

_TYPES: Any = importlib.import_module("google.cloud.aiplatform_v1.types.prediction_service")
_GARDEN: Any = importlib.import_module("google.cloud.aiplatform_v1beta1.types.model_garden_service")
_HTTP_BODY: Any = importlib.import_module("google.api.httpbody_pb2").HttpBody
# No message begins like this: there is no such wire type.
NONSENSE = b"\xff"


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its messages, and what it is in REST.

    `verb` is empty for a listing, which is a GET of the models below the name in `field`.
    """

    request: Any
    response: Any
    verb: str
    field: str = "model"
    streams: bool = False

    @property
    def raw(self) -> bool:
        """Whether bodies are carried as they are."""
        return self.response is _HTTP_BODY

    def parsed(self, data: bytes) -> tuple[str, bytes | JsonObject]:
        """The name of what is asked, and the body or the query of the request in REST."""
        message: Message = self.request.pb(self.request.deserialize(data))
        name = getattr(message, self.field)
        if self.raw:
            body: bytes = getattr(message, "http_body").data  # noqa: B009 - of this method alone
            return name, body
        said = _whole(json_format.MessageToDict(message))
        assert isinstance(said, dict)
        said.pop(self.field, None)
        return name, said

    def message(self, data: bytes, kind: str) -> bytes:
        """A body of REST as a message; what is no JSON is sent on as bytes that are no message."""
        if self.raw:
            made: bytes = _HTTP_BODY(content_type=kind, data=data).SerializeToString()
            return made
        message: Message = self.response.pb(self.response())
        try:
            json_format.Parse(data, message)
        except (json_format.ParseError, UnicodeDecodeError, RecursionError):
            return NONSENSE + data
        return message.SerializeToString()


_V1 = "/google.cloud.aiplatform.v1."
METHODS: Mapping[str, Method] = {
    f"{_V1}PredictionService/GenerateContent": Method(
        _TYPES.GenerateContentRequest, _TYPES.GenerateContentResponse, "generateContent"
    ),
    f"{_V1}PredictionService/StreamGenerateContent": Method(
        _TYPES.GenerateContentRequest,
        _TYPES.GenerateContentResponse,
        "streamGenerateContent?alt=sse",
        streams=True,
    ),
    f"{_V1}PredictionService/EmbedContent": Method(
        _TYPES.EmbedContentRequest, _TYPES.EmbedContentResponse, "embedContent"
    ),
    f"{_V1}PredictionService/Predict": Method(
        _TYPES.PredictRequest, _TYPES.PredictResponse, "predict", "endpoint"
    ),
    f"{_V1}PredictionService/RawPredict": Method(
        _TYPES.RawPredictRequest, _HTTP_BODY, "rawPredict", "endpoint"
    ),
    f"{_V1}PredictionService/StreamRawPredict": Method(
        _TYPES.StreamRawPredictRequest, _HTTP_BODY, "streamRawPredict", "endpoint", streams=True
    ),
    # In v1 counting is in a service of its own; v1beta1 has it in the one for predictions.
    f"{_V1}LlmUtilityService/CountTokens": Method(
        _TYPES.CountTokensRequest, _TYPES.CountTokensResponse, "countTokens", "endpoint"
    ),
    "/google.cloud.aiplatform.v1beta1.ModelGardenService/ListPublisherModels": Method(
        _GARDEN.ListPublisherModelsRequest, _GARDEN.ListPublisherModelsResponse, "", "parent"
    ),
}


def _whole(value: Json) -> Json:
    """Values of free form have doubles alone: those that are integers are integers in JSON."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 1 << 53:
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value
