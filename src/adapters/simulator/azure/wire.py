"""How Azure OpenAI speaks: two kinds of paths, its own credentials, headers and errors."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from hexgate.adapters.simulator import models
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.azure.filters import Filtered, results
from hexgate.adapters.simulator.openai import reading, vectors
from hexgate.adapters.simulator.openai.answers import dumped
from hexgate.adapters.simulator.openai.wire import OpenAI
from hexgate.adapters.simulator.routes import Visit, answers, embeds, gives
from hexgate.adapters.simulator.wire import Error, Exchange, Origin, Refused, Wrong
from hexgate.domain.json import JsonObject

_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)
_DEPLOYMENT = "/openai/deployments/(?P<deployment>[^/]+)"
_CREATED = 1_760_000_000
# The version that a field came with. Source: the vendor's page on the life cycle of versions.
_SINCE = {
    "max_completion_tokens": "2024-09-01",
    "parallel_tool_calls": "2024-09-01",
    "stream_options": "2024-09-01",
    "reasoning_effort": "2024-12-01",
    "store": "2024-12-01",
    "metadata": "2024-12-01",
    "prediction": "2025-01-01",
    "encoding_format": "2024-03-01",
    "dimensions": "2024-03-01",
}
# Status, code, message, where they are not what OpenAI says.
_ERRORS: dict[Wrong, tuple[int, str, str]] = {
    Wrong.UNAUTHORIZED: (
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource.",
    ),
    Wrong.FORBIDDEN: (403, "403", "Access denied due to Virtual Network/Firewall rules."),
    Wrong.NO_MODEL: (
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within "
        "the last 5 minutes, please wait a moment and try again.",
    ),
    Wrong.NO_ROUTE: (404, "404", "Resource not found"),
    Wrong.NO_METHOD: (405, "405", "Method not allowed"),
    Wrong.LIMITED: (429, "429", "Requests have exceeded the call rate limit of your tier."),
    Wrong.E500: (500, "InternalServerError", "Backend returned unexpected response."),
    Wrong.E502: (502, "BadGateway", "Bad gateway."),
    Wrong.E503: (503, "ServiceUnavailable", "The service is temporarily unable to process."),
    Wrong.E504: (504, "Timeout", "The operation was timeout."),
}


class Azure(OpenAI):
    """See Wire. A deployment has the name of a model."""

    def __init__(self) -> None:
        self.routes = (
            answers(f"{_DEPLOYMENT}/chat/completions"),
            answers("/openai/v1/chat/completions"),
            embeds(f"{_DEPLOYMENT}/embeddings", self.embedded),
            embeds("/openai/v1/embeddings", self.embedded),
            gives("GET", "/openai/models", self.models),
            gives("GET", "/openai/v1/models", lambda _visit: self.listing()),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any key in `api-key`, or any bearer token, but `invalid`."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("api-key") or (token.strip() if kind.lower() == "bearer" else "")
        if key in ("", "invalid"):
            raise Refused(Wrong.UNAUTHORIZED)

    def read(self, visit: Visit, origin: Origin) -> Exchange:
        """See Wire."""
        return Filtered(super().read(_as_openai(visit), origin))

    def headers(self, answer: Answer | None, origin: Origin) -> dict[str, str]:
        """See Wire."""
        told = super().headers(answer, origin)
        kept = {name: value for name, value in told.items() if name.startswith("x-ratelimit-")}
        return {
            **kept,
            "apim-request-id": f"apim-{origin.token.lower()}",
            "x-request-id": told["x-request-id"],
            "x-ms-region": "Norway East",
            "x-ms-deployment-name": answer.model if answer else "",
        }

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire."""
        headers = {**self.headers(None, origin), **refused.headers}
        if refused.wrong is Wrong.FILTERED:
            return Error(400, dumped({"error": _policy(refused)}), headers)
        if refused.wrong not in _ERRORS:
            said = super().error(refused, origin)
            return Error(said.status, said.body, headers)
        status, code, message = _ERRORS[refused.wrong]
        return Error(status, dumped({"error": {"code": code, "message": message}}), headers)

    def embedded(self, visit: Visit) -> bytes:
        """The answer of `embeddings`. Raises Refused."""
        return vectors.embedded(_as_openai(visit).body)

    def models(self, visit: Visit) -> bytes:
        """The body of `GET /openai/models`. Raises Refused."""
        _version(visit)
        found: list[JsonObject] = [_model(each.name) for each in models.LISTED]
        return dumped({"object": "list", "data": [*found]})


def _as_openai(visit: Visit) -> Visit:
    """The same request with the deployment as its model. Raises Refused."""
    deployment = visit.names.get("deployment")
    if deployment is None:
        return visit
    version = _version(visit)
    try:
        body = _OBJECT.decode(visit.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Wrong.NOT_JSON) from None
    for name, since in _SINCE.items():
        if name in body and version < since:
            raise reading.invalid(f"Unrecognized request argument supplied: {name}", None)
    body["model"] = deployment
    return Visit(
        visit.method, visit.path, msgspec.json.encode(body), visit.headers, visit.query, visit.names
    )


def _version(visit: Visit) -> str:
    """The version of a dated path, without which nothing is there."""
    version = visit.query.get("api-version", "")
    if not version:
        raise Refused(Wrong.NO_ROUTE)
    return version


def _policy(refused: Refused) -> JsonObject:
    text = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry."
    )
    return {
        "message": refused.message or text,
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": results(filtered=True),
        },
    }


def _model(name: str) -> JsonObject:
    return {
        "id": name,
        "object": "model",
        "status": "succeeded",
        "created_at": _CREATED,
        "updated_at": _CREATED,
        "lifecycle_status": "generally-available",
        "deprecation": {"inference": _CREATED + 1_000_000_000},
        "capabilities": {
            "fine_tune": False,
            "inference": True,
            "completion": False,
            "chat_completion": True,
            "embeddings": True,
        },
    }
