"""How Anthropic speaks: credentials, versions, headers, errors, listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.anthropic import reading
from hexgate.adapters.simulator.anthropic.answers import Chat, dumped, event
from hexgate.adapters.simulator.anthropic.checks import NEW_VERSION, OLD_VERSION, invalid
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.routes import Route, Visit, answers, gives
from hexgate.adapters.simulator.wire import Error, Origin, Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_LIMITS = {
    "requests": 4000,
    "tokens": 2_000_000,
    "input-tokens": 1_600_000,
    "output-tokens": 400_000,
}
_PAGE = 20
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_STYLES = ("adaptive", "between_tools", "disabled", "enabled")
_INVALID = "invalid_request_error"
# Status, type, message. Source: the vendor's page on errors.
_ERRORS: dict[Wrong, tuple[int, str, str]] = {
    Wrong.INVALID: (400, _INVALID, "Invalid request."),
    Wrong.UNAUTHORIZED: (401, "authentication_error", "invalid x-api-key"),
    Wrong.FORBIDDEN: (403, "permission_error", "Your API key may not use this resource."),
    Wrong.NO_MODEL: (404, "not_found_error", "model: unknown"),
    Wrong.NO_ROUTE: (404, "not_found_error", "Not found"),
    Wrong.NO_METHOD: (405, _INVALID, "Method Not Allowed"),
    Wrong.TOO_LARGE: (413, "request_too_large", "Request exceeds the maximum size"),
    Wrong.NOT_JSON: (400, _INVALID, "The request body is not valid JSON"),
    Wrong.TOO_LONG: (
        400,
        _INVALID,
        f"prompt is too long: {models.CONTEXT_TOKENS + 1} tokens > {models.CONTEXT_TOKENS} maximum",
    ),
    Wrong.FILTERED: (400, _INVALID, "Output blocked by content filtering policy"),
    Wrong.LIMITED: (429, "rate_limit_error", "This request would exceed your rate limit."),
    Wrong.QUOTA: (402, "billing_error", "Your credit balance is too low to use this API."),
    Wrong.SPEND_LIMIT: (429, "rate_limit_error", "Your organization has reached its spend limit."),
    Wrong.E500: (500, "api_error", "Internal server error"),
    Wrong.E502: (502, "api_error", "Bad gateway"),
    Wrong.E503: (503, "api_error", "Service unavailable"),
    Wrong.E504: (504, "timeout_error", "Request timed out"),
    Wrong.E529: (529, "overloaded_error", "Overloaded"),
}


class Anthropic:
    """See Wire."""

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self.routes: Sequence[Route] = (
            answers("/v1/messages"),
            gives("POST", "/v1/messages/count_tokens", lambda v: self.count(v.body, v.headers)),
            gives("GET", "/v1/models", lambda visit: self.listing(visit.query)),
            gives(
                "GET", "/v1/models/(?P<model>.+)", lambda visit: self.listed(visit.names["model"])
            ),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any key but `invalid`, in either header; a version that exists."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("x-api-key") or (token if kind.lower() == "bearer" else "")
        if not key.strip():
            raise Refused(Wrong.UNAUTHORIZED, "x-api-key header is required")
        if key.strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED)
        version = headers.get("anthropic-version")
        if version is None:
            raise invalid("anthropic-version: header is required")
        if version not in (OLD_VERSION, NEW_VERSION):
            raise invalid(f'anthropic-version: "{version[:32]}" is not a valid version')

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        return self.asked(visit.body, visit.headers["anthropic-version"], origin)

    def asked(self, body: bytes, version: str, origin: Origin) -> Chat:
        """What a body asks. Raises Refused."""
        request = reading.read(body, version)
        if not models.known(request.model):
            raise self.unknown(request.model)
        ask = reading.ask(request)
        size = tokens.prompt(ask)
        if size > models.CONTEXT_TOKENS:
            raise Refused(Wrong.TOO_LONG, _too_long(size))
        return Chat(ask, request, origin)

    def count(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        """The answer of `POST /v1/messages/count_tokens`. Raises Refused."""
        request = reading.read_prompt(body, headers["anthropic-version"])
        if not models.known(request.model):
            raise self.unknown(request.model)
        return dumped({"input_tokens": tokens.prompt(reading.ask(request))})

    def unknown(self, model: str) -> Refused:
        """The refusal of a model that is not offered."""
        return Refused(Wrong.NO_MODEL, f"model: {model}")

    def cached(self, memory: Memory, ask: Ask) -> Cached:
        """Prompts are cached where they say so."""
        return memory.marked(ask)

    def headers(self, answer: Answer | None, origin: Origin) -> dict[str, str]:
        """See Wire."""
        reset = datetime.fromtimestamp(int(origin.now), UTC) + timedelta(minutes=1)
        headers = {"request-id": _id(origin), "anthropic-organization-id": "sim-org"}
        for name, limit in _LIMITS.items():
            head = f"anthropic-ratelimit-{name}"
            headers[f"{head}-limit"] = str(limit)
            headers[f"{head}-remaining"] = str(max(0, limit - _spent(name, answer)))
            headers[f"{head}-reset"] = reset.isoformat().replace("+00:00", "Z")
        return headers

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire."""
        status, kind, message = _ERRORS[refused.wrong]
        error: JsonObject = {"type": kind, "message": refused.message or message}
        if refused.wrong is Wrong.SPEND_LIMIT:
            error["details"] = {"error_code": "enforced_spend_limit_reached"}
        body = dumped({"type": "error", "error": error, "request_id": _id(origin)})
        return Error(status, body, {**self.headers(None, origin), **refused.headers})

    def error_event(self) -> bytes:
        """See Wire."""
        error: JsonObject = {"type": "overloaded_error", "message": "Overloaded"}
        return event("error", {"error": error}).data

    def broken_event(self) -> bytes:
        """See Wire."""
        return b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n'

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire."""
        return b"event: content_block_delta\ndata: ", event("ping", {}).data

    def listing(self, query: Mapping[str, str]) -> bytes:
        """`GET /v1/models`: at most `limit` of them, behind `after_id`. Raises Refused."""
        listed: list[Json] = [_model(model) for model in models.LISTED]
        names = [model.name for model in models.LISTED]
        limit, after = query.get("limit", str(_PAGE)), query.get("after_id", "")
        if not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            raise invalid("limit: Input should be between 1 and 1000")
        if after and after not in names:
            raise invalid("after_id: Input should be a listed model")
        start = names.index(after) + 1 if after else 0
        page, ids = listed[start : start + int(limit)], names[start : start + int(limit)]
        return dumped(
            {
                "data": page,
                "has_more": start + len(page) < len(listed),
                "first_id": ids[0] if ids else None,
                "last_id": ids[-1] if ids else None,
            }
        )

    def listed(self, model: str) -> bytes:
        """The body of `GET /v1/models/{id}`. Raises Refused."""
        if not models.known(model):
            raise self.unknown(model)
        listed = {each.name: each for each in models.LISTED}
        return dumped(_model(listed.get(model) or models.Model(model, model, ("completion",))))


def _id(origin: Origin) -> str:
    return f"req_{origin.token}"


def _spent(name: str, answer: Answer | None) -> int:
    if answer is None or name == "requests":
        return 1
    counts = {"input-tokens": answer.input_tokens, "output-tokens": answer.output_tokens}
    return counts.get(name, sum(counts.values()))


def _model(model: models.Model) -> JsonObject:
    yes: JsonObject = {"supported": True}
    no: JsonObject = {"supported": False}
    thinks = {"supported": "thinking" in model.capabilities}
    efforts: JsonObject = dict.fromkeys(_EFFORTS, yes)
    styles: JsonObject = {name: dict(thinks) for name in _STYLES}
    return {
        "type": "model",
        "id": model.name,
        "display_name": model.name,
        "created_at": "2026-11-20T00:00:00Z",
        "lifecycle": "active",
        "deprecated_at": None,
        "retires_at": None,
        "line": None,
        "max_input_tokens": models.CONTEXT_TOKENS,
        "max_tokens": models.CONTEXT_TOKENS,
        "capabilities": {
            "batch": no,
            "citations": no,
            "code_execution": no,
            "context_management": no,
            "effort": {**yes, **efforts},
            "image_input": yes,
            "pdf_input": yes,
            "server_tools": {**no, "code_execution": no, "web_search": no},
            "structured_outputs": yes,
            "thinking": {**thinks, "types": styles},
        },
    }


def _too_long(size: int) -> str:
    return f"prompt is too long: {size} tokens > {models.CONTEXT_TOKENS} maximum"
