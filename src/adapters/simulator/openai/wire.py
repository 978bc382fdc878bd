"""How OpenAI speaks: credentials, headers, errors, listings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.openai import reading, vectors
from hexgate.adapters.simulator.openai.answers import Chat, dumped, event
from hexgate.adapters.simulator.routes import Route, Visit, answers, embeds, gives
from hexgate.adapters.simulator.wire import Error, Exchange, Origin, Refused, Wrong
from hexgate.domain.json import JsonObject

_CREATED = 1_760_000_000
_REQUESTS, _TOKENS = 10_000, 2_000_000  # the limits that the headers speak of
_INVALID = "invalid_request_error"
# Status, type, code, message. Source: the vendor's page on error codes.
_ERRORS: dict[Wrong, tuple[int, str, str | None, str]] = {
    Wrong.INVALID: (400, _INVALID, None, "Invalid request."),
    Wrong.UNAUTHORIZED: (401, _INVALID, "invalid_api_key", "Incorrect API key provided."),
    Wrong.FORBIDDEN: (403, _INVALID, "access_denied", "You have insufficient permissions."),
    Wrong.NO_MODEL: (404, _INVALID, "model_not_found", "The model does not exist."),
    Wrong.NO_ROUTE: (404, _INVALID, "unknown_url", "Unknown request URL."),
    Wrong.NO_METHOD: (405, _INVALID, "method_not_supported", "Not allowed to use this method."),
    Wrong.TOO_LARGE: (413, _INVALID, None, "The request is too large."),
    Wrong.NOT_JSON: (
        400,
        _INVALID,
        None,
        "We could not parse the JSON body of your request. The API expects a JSON payload.",
    ),
    Wrong.TOO_LONG: (
        400,
        _INVALID,
        "context_length_exceeded",
        f"This model's maximum context length is {models.CONTEXT_TOKENS} tokens.",
    ),
    Wrong.FILTERED: (
        400,
        _INVALID,
        "content_policy_violation",
        "Your request was rejected by our safety system.",
    ),
    Wrong.LIMITED: (429, "requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    Wrong.QUOTA: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Wrong.SPEND_LIMIT: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You have reached your billing limit.",
    ),
    Wrong.E500: (500, "server_error", None, "The server had an error while processing."),
    Wrong.E502: (502, "server_error", None, "Bad gateway."),
    Wrong.E503: (503, "server_error", None, "The engine is currently overloaded."),
    Wrong.E504: (504, "server_error", None, "Gateway timeout."),
    Wrong.E529: (529, "server_error", None, "Site is overloaded."),
}


class OpenAI:
    """See Wire."""

    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self.routes: Sequence[Route] = (
            answers("/v1/chat/completions"),
            embeds("/v1/embeddings", lambda visit: vectors.embedded(visit.body)),
            gives("GET", "/v1/models", lambda _visit: self.listing()),
            gives(
                "GET", "/v1/models/(?P<model>.+)", lambda visit: self.listed(visit.names["model"])
            ),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any bearer token but `invalid`."""
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            text = (
                "You didn't provide an API key. Provide it in an Authorization header using Bearer."
            )
            raise Refused(Wrong.UNAUTHORIZED, text)
        if key.strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED)

    def read(self, visit: Visit, origin: Origin) -> Exchange:
        """See Wire."""
        request = reading.read(visit.body)
        if not models.known(request.model):
            raise reading.unknown(request.model)
        ask = reading.ask(request)
        size = tokens.prompt(ask)
        if size > models.CONTEXT_TOKENS:
            raise Refused(Wrong.TOO_LONG, _too_long(size))
        return Chat(ask, request, origin)

    def cached(self, memory: Memory, ask: Ask) -> Cached:
        """Prompts are cached without being asked."""
        return memory.automatic(ask)

    def headers(self, answer: Answer | None, origin: Origin) -> dict[str, str]:
        """See Wire."""
        spent = answer.input_tokens + answer.output_tokens if answer else 0
        return {
            "x-request-id": f"req_{origin.token.lower()}",
            "openai-organization": "sim-org",
            "openai-processing-ms": "12",
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": str(_REQUESTS),
            "x-ratelimit-remaining-requests": str(_REQUESTS - 1),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": str(_TOKENS),
            "x-ratelimit-remaining-tokens": str(max(0, _TOKENS - spent)),
            "x-ratelimit-reset-tokens": f"{spent // 33}ms",
        }

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire."""
        status, kind, code, message = _ERRORS[refused.wrong]
        error: JsonObject = {
            "message": refused.message or message,
            "type": kind,
            "param": refused.param,
            "code": refused.code or code,
        }
        headers = {**self.headers(None, origin), **refused.headers}
        return Error(status, dumped({"error": error}), headers)

    def error_event(self) -> bytes:
        """See Wire."""
        text = "The server had an error while processing your request. Sorry about that!"
        kind = "server_error"
        return event({"error": {"message": text, "type": kind, "param": None, "code": kind}})

    def broken_event(self) -> bytes:
        """See Wire."""
        return b'data: {"id":"chatcmpl-broken","choices":[{"delta":{"content":"br\n\n'

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire."""
        delta: JsonObject = {"index": 0, "delta": {"content": "la " * 50}, "finish_reason": None}
        line: JsonObject = {
            "id": "chatcmpl-endless",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "sim",
            "choices": [delta],
        }
        return b"data: ", event(line)

    def listing(self) -> bytes:
        """The body of `GET /v1/models`."""
        return dumped({"object": "list", "data": [_model(each.name) for each in models.LISTED]})

    def listed(self, model: str) -> bytes:
        """The body of `GET /v1/models/{id}`. Raises Refused."""
        if not models.known(model):
            raise reading.unknown(model)
        return dumped(_model(model))


def _model(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "hexgate-simulator"}


def _too_long(size: int) -> str:
    return (
        f"This model's maximum context length is {models.CONTEXT_TOKENS} tokens. However, your "
        f"messages resulted in {size} tokens. Please reduce the length of the messages."
    )
