"""How Vertex AI speaks for Anthropic: the same bodies, Google's paths, credentials and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from hexgate.adapters.simulator import models
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.anthropic.answers import Chat, dumped
from hexgate.adapters.simulator.anthropic.checks import NEW_VERSION, OLD_VERSION, invalid
from hexgate.adapters.simulator.anthropic.wire import Anthropic
from hexgate.adapters.simulator.chat import Ask, Media, Result
from hexgate.adapters.simulator.routes import Visit, answers, gives
from hexgate.adapters.simulator.wire import Error, Origin, Refused, Wrong
from hexgate.domain.json import JsonObject

_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)
_VERSIONS = {"vertex-2023-10-16": OLD_VERSION, OLD_VERSION: OLD_VERSION, NEW_VERSION: NEW_VERSION}
_MODELS = "/v1/projects/[^/]+/locations/[^/]+/publishers/anthropic/models/"
# Status, status word, message: what Google says itself, before the model is reached.
_ERRORS: dict[Wrong, tuple[int, str, str]] = {
    Wrong.UNAUTHORIZED: (401, "UNAUTHENTICATED", "Request had invalid credentials."),
    Wrong.FORBIDDEN: (403, "PERMISSION_DENIED", "Permission denied on resource."),
    Wrong.NO_MODEL: (404, "NOT_FOUND", "Publisher model was not found."),
    Wrong.NO_ROUTE: (404, "NOT_FOUND", "Not found."),
    Wrong.NO_METHOD: (405, "UNIMPLEMENTED", "Method not allowed."),
    Wrong.LIMITED: (429, "RESOURCE_EXHAUSTED", "Quota exceeded for online prediction requests."),
    Wrong.QUOTA: (429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
    Wrong.SPEND_LIMIT: (429, "RESOURCE_EXHAUSTED", "Quota exceeded."),
    Wrong.E500: (500, "INTERNAL", "Internal error encountered."),
    Wrong.E502: (502, "UNAVAILABLE", "Bad gateway."),
    Wrong.E503: (503, "UNAVAILABLE", "The service is currently unavailable."),
    Wrong.E504: (504, "DEADLINE_EXCEEDED", "Deadline exceeded."),
}


class ClaudeOnVertex(Anthropic):
    """See Wire."""

    def __init__(self) -> None:
        super().__init__()
        self.routes = (
            gives("POST", f"{_MODELS}count-tokens:rawPredict", self._counted),
            answers(f"{_MODELS}(?P<model>[^/]+):(?P<verb>rawPredict|streamRawPredict)"),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any bearer token but `invalid`. The version is in the body."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or token.strip() in ("", "invalid"):
            raise Refused(Wrong.UNAUTHORIZED)

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        fields, version = _opened(visit.body)
        if "model" in fields:
            raise invalid("model: Extra inputs are not permitted")
        # Whoever stands before Vertex AI tells Claude by the first word of a model's name.
        model = visit.names["model"].removeprefix("claude-")
        if not models.known(model):
            raise self.unknown(model)
        streamed = visit.names["verb"] == "streamRawPredict"
        if streamed is not (fields.get("stream") is True):
            raise invalid(f"stream: {visit.names['verb']} does not answer this way")
        body = dumped({"model": model, **fields})
        chat = self.asked(body, version, origin)
        if any(media.reference for media in _seen(chat.ask)):
            raise invalid("source.type: only base64 sources are supported")
        return chat

    def _counted(self, visit: Visit) -> bytes:
        fields, version = _opened(visit.body)
        return self.count(dumped(fields), {"anthropic-version": version})

    def headers(self, answer: Answer | None, origin: Origin) -> dict[str, str]:
        """Only the request's id: limits are Google's and not told."""
        return {"request-id": super().headers(answer, origin)["request-id"]}

    def error(self, refused: Refused, origin: Origin) -> Error:
        """What Google refuses has Google's form, the rest is passed on as the model says it."""
        if refused.wrong not in _ERRORS:
            return super().error(refused, origin)
        status, word, message = _ERRORS[refused.wrong]
        body = dumped(
            {"error": {"code": status, "message": refused.message or message, "status": word}}
        )
        return Error(status, body, dict(refused.headers))


def _opened(body: bytes) -> tuple[JsonObject, str]:
    """The fields but the version, and the version's own name at Anthropic. Raises Refused."""
    try:
        fields = _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Wrong.NOT_JSON) from None
    version = fields.pop("anthropic_version", None)
    if version is None:
        raise invalid("anthropic_version: Field required")
    if not isinstance(version, str) or version not in _VERSIONS:
        raise invalid("anthropic_version: Input should be 'vertex-2023-10-16'")
    return fields, _VERSIONS[version]


def _seen(ask: Ask) -> Iterator[Media]:
    for turn in ask.turns:
        for part in turn.parts:
            if isinstance(part, Media):
                yield part
            elif isinstance(part, Result):
                yield from part.media
