"""How Ollama speaks: errors, listings, no credential of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.ollama import reading, vectors
from hexgate.adapters.simulator.ollama import requests as wire
from hexgate.adapters.simulator.ollama.answers import Chat, dumped
from hexgate.adapters.simulator.problem import Problem, decoded
from hexgate.adapters.simulator.routes import Visit, answers, embeds, gives
from hexgate.adapters.simulator.wire import Error, Origin, Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_VERSION = "0.14.2"
_SINCE = "2026-11-20T00:00:00Z"
_TAG = ":latest"
# Status and message. Source: the server's routes and its page on errors.
_ERRORS: dict[Wrong, tuple[int, str]] = {
    Wrong.INVALID: (400, "invalid request"),
    Wrong.UNAUTHORIZED: (401, "unauthorized"),
    Wrong.FORBIDDEN: (403, "forbidden"),
    Wrong.NO_MODEL: (404, "model not found"),
    Wrong.NO_ROUTE: (404, "404 page not found"),
    Wrong.NO_METHOD: (405, "405 method not allowed"),
    Wrong.TOO_LARGE: (413, "request body too large"),
    Wrong.NOT_JSON: (400, "invalid character in JSON body"),
    Wrong.TOO_LONG: (400, "the input length exceeds the context length"),
    Wrong.FILTERED: (400, "the prompt was refused"),
    Wrong.LIMITED: (429, "too many requests"),
    Wrong.QUOTA: (402, "you have reached your usage limit, please upgrade to continue"),
    Wrong.SPEND_LIMIT: (429, "you have reached your usage limit, please upgrade to continue"),
    Wrong.E500: (500, "model runner has unexpectedly stopped"),
    Wrong.E502: (502, "bad gateway"),
    Wrong.E503: (503, "server busy, please try again.  maximum pending requests exceeded"),
    Wrong.E504: (504, "gateway timeout"),
    Wrong.E529: (529, "overloaded"),
}


class Ollama:
    """See Wire."""

    stream_type = "application/x-ndjson"

    def __init__(self) -> None:
        self.routes = (
            answers("/api/chat"),
            embeds("/api/embed", lambda visit: vectors.embedded(visit.body)),
            gives("POST", "/api/show", lambda visit: self.show(visit.body)),
            gives("GET", "/api/tags", lambda _visit: self.tags()),
            gives("GET", "/api/ps", lambda _visit: self.running()),
            gives("GET", "/api/version", lambda _visit: self.version()),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """No key is needed; `invalid` is nevertheless the wrong one."""
        if headers.get("authorization", "").partition(" ")[2].strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED)

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        request = reading.read(visit.body)
        if not models.known(request.model.removesuffix(_TAG)):
            raise self.unknown(request.model)
        ask = reading.ask(request)
        # A prompt that is too long is cut in silence, unless the request forbids that.
        window = (request.options and request.options.num_ctx) or models.CONTEXT_TOKENS
        if request.truncate is False and tokens.prompt(ask) > window:
            raise Refused(Wrong.TOO_LONG)
        return Chat(ask, request, origin)

    def unknown(self, model: str) -> Refused:
        """The refusal of a model that is not offered."""
        return Refused(Wrong.NO_MODEL, f"model '{model}' not found")

    def cached(self, _memory: Memory, _ask: Ask) -> Cached:
        """What is cached is not told."""
        return Cached()

    def headers(self, _answer: Answer | None, _origin: Origin) -> dict[str, str]:
        """There are none."""
        return {}

    def error(self, refused: Refused, _origin: Origin) -> Error:
        """See Wire."""
        status, message = _ERRORS[refused.wrong]
        body = dumped({"error": refused.message or message})
        return Error(status, body, dict(refused.headers))

    def error_event(self) -> bytes:
        """See Wire."""
        return dumped({"error": "an error was encountered while running the model"}) + b"\n"

    def broken_event(self) -> bytes:
        """See Wire."""
        return b'{"model":"sim","message":{"role":"assistant","content":"br\n'

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire."""
        message: JsonObject = {"role": "assistant", "content": "la " * 50}
        line: JsonObject = {"model": "sim", "created_at": _SINCE, "message": message, "done": False}
        return b"", dumped(line) + b"\n"

    def tags(self) -> bytes:
        """The body of `GET /api/tags`."""
        return dumped({"models": [_model(model) for model in models.LISTED]})

    def running(self) -> bytes:
        """The body of `GET /api/ps`: every model is loaded."""
        loaded: JsonObject = {
            "expires_at": "2126-11-20T00:00:00Z",
            "size_vram": 0,
            "context_length": models.CONTEXT_TOKENS,
        }
        return dumped({"models": [{**_model(model), **loaded} for model in models.LISTED]})

    def version(self) -> bytes:
        """The body of `GET /api/version`."""
        return dumped({"version": _VERSION})

    def show(self, body: bytes) -> bytes:
        """The answer of `POST /api/show`. Raises Refused."""
        try:
            request = decoded(wire.SHOW, body)
        except Problem as problem:
            raise reading.refused(problem.found) from None
        name = request.model or request.name
        listed = {model.name: model for model in models.LISTED}
        model = listed.get(name.removesuffix(_TAG))
        if model is None:
            raise self.unknown(name)
        capabilities: list[Json] = [*model.capabilities]
        return dumped(
            {
                "modelfile": f"FROM {model.name}",
                "parameters": "",
                "template": "{{ .Prompt }}",
                "details": _details(),
                "model_info": {
                    "general.architecture": "sim",
                    "sim.context_length": models.CONTEXT_TOKENS,
                },
                "capabilities": capabilities,
                "modified_at": _SINCE,
            }
        )


def _model(model: models.Model) -> JsonObject:
    return {
        "name": model.name + _TAG,
        "model": model.name + _TAG,
        "modified_at": _SINCE,
        "size": 1_000_000,
        "digest": hashlib.sha256(model.name.encode()).hexdigest(),
        "details": _details(),
    }


def _details() -> JsonObject:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": "sim",
        "families": ["sim"],
        "parameter_size": "1M",
        "quantization_level": "F16",
    }
