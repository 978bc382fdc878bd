"""How Cohere speaks: credentials, headers, errors, listings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.cohere import reading
from hexgate.adapters.simulator.cohere import requests as wire
from hexgate.adapters.simulator.cohere.answers import Chat, dumped, event, identifier
from hexgate.adapters.simulator.cohere.vectors import embed
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.routes import Visit, answers, embeds, gives
from hexgate.adapters.simulator.wire import Error, Origin, Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_PAGE, _MOST = 20, 1000
_ENDPOINTS = ("chat", "embed")
_ALL_ENDPOINTS = (*_ENDPOINTS, "classify", "summarize", "rerank", "rate", "generate")
# Status and message. Source: the vendor's page on errors, and its OpenAPI description.
_ERRORS: dict[Wrong, tuple[int, str]] = {
    Wrong.INVALID: (400, "invalid request"),
    Wrong.UNAUTHORIZED: (401, "invalid api token"),
    Wrong.FORBIDDEN: (403, "you do not have permission to do this"),
    Wrong.NO_MODEL: (404, "model not found"),
    Wrong.NO_ROUTE: (404, "page not found"),
    Wrong.NO_METHOD: (405, "method not allowed"),
    Wrong.TOO_LARGE: (413, "the request is too large"),
    Wrong.NOT_JSON: (400, "invalid json syntax: invalid character"),
    Wrong.TOO_LONG: (
        400,
        "too many tokens: total number of tokens in the prompt cannot exceed "
        f"{models.CONTEXT_TOKENS}.",
    ),
    Wrong.FILTERED: (498, "the request contains a deny-listed token"),
    Wrong.LIMITED: (
        429,
        "You are past the per minute request limit, please wait and try again later.",
    ),
    Wrong.QUOTA: (402, "Please add or update your payment method to continue"),
    Wrong.SPEND_LIMIT: (
        429,
        "You are using a Trial key, which is limited to 1000 API calls / month.",
    ),
    Wrong.E500: (500, "internal server error, this has been reported to our developers."),
    Wrong.E502: (502, "bad gateway"),
    Wrong.E503: (503, "service unavailable"),
    Wrong.E504: (504, "gateway timeout"),
    Wrong.E529: (529, "overloaded"),
}


class Cohere:
    """See Wire."""

    stream_type = "text/event-stream"

    def __init__(self) -> None:
        self.routes = (
            answers("/v2/chat"),
            embeds("/v2/embed", lambda visit: embed(visit.body)),
            gives("POST", "/v1/tokenize", lambda visit: self.tokenize(visit.body)),
            gives("GET", "/v1/models", lambda visit: self.listing(visit.query)),
            gives(
                "GET",
                "/v1/models/(?P<model>[^/]+)",
                lambda visit: self.listed(visit.names["model"]),
            ),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any bearer token but `invalid`."""
        kind, _, key = headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key.strip():
            raise Refused(Wrong.UNAUTHORIZED, "no api key supplied")
        if key.strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED)

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        request = reading.read(visit.body)
        reading.known(request.model)
        ask = reading.ask(request)
        size = tokens.prompt(ask)
        if size > models.CONTEXT_TOKENS:
            text = (
                "too many tokens: total number of tokens in the prompt cannot exceed "
                f"{models.CONTEXT_TOKENS} - received {size}. Try using a shorter prompt."
            )
            raise Refused(Wrong.TOO_LONG, text)
        return Chat(ask, request, origin)

    def cached(self, memory: Memory, ask: Ask) -> Cached:
        """Prompts are cached without being asked."""
        return memory.automatic(ask)

    def headers(self, _answer: Answer | None, origin: Origin) -> dict[str, str]:
        """See Wire."""
        return {
            "x-debug-trace-id": hashlib.sha256(origin.token.encode()).hexdigest()[:32],
            "access-control-expose-headers": "X-Debug-Trace-ID",
        }

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire."""
        status, message = _ERRORS[refused.wrong]
        body: JsonObject = {
            "id": identifier(origin.token),
            "message": refused.message or message,
        }
        headers = {**self.headers(None, origin), **refused.headers}
        return Error(status, dumped(body), headers)

    def error_event(self) -> bytes:
        """See Wire."""
        said = "an error occurred during the generation"
        return event("message-end", delta={"finish_reason": "ERROR", "error": said})

    def broken_event(self) -> bytes:
        """See Wire."""
        return b'event: content-delta\ndata: {"type":"content-delta","delta":{"message":{"con\n\n'

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire."""
        message: JsonObject = {"content": {"text": "la " * 50}}
        return b"data: ", event("content-delta", index=0, delta={"message": message})

    def listing(self, query: Mapping[str, str]) -> bytes:
        """The body of `GET /v1/models`: a page of it. Raises Refused."""
        size = _number(query, "page_size", _PAGE)
        if not 1 <= size <= _MOST:
            raise reading.invalid(f"page_size must be between 1 and {_MOST}")
        start = _number(query, "page_token", 0)
        endpoint = query.get("endpoint")
        if endpoint is not None and endpoint not in _ALL_ENDPOINTS:
            raise reading.invalid(f"endpoint must be one of {', '.join(_ALL_ENDPOINTS)}")
        listed = models.LISTED if endpoint in (None, *_ENDPOINTS) else ()
        found: list[Json] = [_model(each.name) for each in listed[start : start + size]]
        body: JsonObject = {"models": found}
        if start + size < len(listed):
            body["next_page_token"] = str(start + size)
        return dumped(body)

    def listed(self, model: str) -> bytes:
        """The body of `GET /v1/models/{name}`. Raises Refused."""
        reading.known(model)
        return dumped(_model(model))

    def tokenize(self, body: bytes) -> bytes:
        """The answer of `POST /v1/tokenize`, by the simulator's own rule. Raises Refused."""
        request = reading.checked(wire.TOKENIZE, body)
        reading.known(request.model)
        data = request.text.encode("utf-8", "surrogatepass")
        cut = [data[i : i + tokens.BYTES] for i in range(0, len(data), tokens.BYTES)]
        return dumped(
            {
                "tokens": [int.from_bytes(hashlib.sha256(each).digest()[:2]) for each in cut],
                "token_strings": [each.decode("utf-8", "replace") for each in cut],
                "meta": {"api_version": {"version": "1"}},
            }
        )


def _number(query: Mapping[str, str], name: str, missing: int) -> int:
    text = query.get(name)
    if text is None:
        return missing
    if not text.isdecimal() or len(text) > 9:
        raise reading.invalid(f"{name} is not valid")
    return int(text)


def _model(name: str) -> JsonObject:
    listed = {model.name: model for model in models.LISTED}
    features: list[Json] = [*(listed[name].capabilities if name in listed else ())]
    return {
        "name": name,
        "is_deprecated": False,
        "endpoints": [*_ENDPOINTS],
        "finetuned": False,
        "context_length": models.CONTEXT_TOKENS,
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": features,
        "sampling_defaults": {"temperature": 0.3, "k": 0, "p": 0.75},
    }
