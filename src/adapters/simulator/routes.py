"""Which wire a path belongs to, and what is found there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hexgate.adapters.simulator.anthropic.wire import Anthropic
from hexgate.adapters.simulator.ollama.wire import Ollama
from hexgate.adapters.simulator.openai.wire import OpenAI
from hexgate.adapters.simulator.wire import Refused, Wire, Wrong

_OPENAI, _ANTHROPIC, _OLLAMA = OpenAI(), Anthropic(), Ollama()
_MODELS = "/v1/models"


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for something other than an answer. `name` is the last step of the path."""

    name: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """A method, and what it gives: bodies of JSON, or answers of models where `say` is None."""

    method: str
    wire: Wire
    say: Callable[[Visit], bytes] | None = None


_FIXED = {
    "/v1/chat/completions": Route("POST", _OPENAI),
    "/v1/messages": Route("POST", _ANTHROPIC),
    "/v1/messages/count_tokens": Route(
        "POST", _ANTHROPIC, lambda visit: _ANTHROPIC.count(visit.body, visit.headers)
    ),
    "/api/chat": Route("POST", _OLLAMA),
    "/api/show": Route("POST", _OLLAMA, lambda visit: _OLLAMA.show(visit.body)),
    "/api/tags": Route("GET", _OLLAMA, lambda _visit: _OLLAMA.tags()),
    "/api/ps": Route("GET", _OLLAMA, lambda _visit: _OLLAMA.running()),
    "/api/version": Route("GET", _OLLAMA, lambda _visit: _OLLAMA.version()),
}
# Two vendors list their models in the same place; only one of them has a version header.
_LISTS: dict[bool, tuple[Route, Route]] = {
    True: (
        Route("GET", _ANTHROPIC, lambda visit: _ANTHROPIC.listing(visit.query)),
        Route("GET", _ANTHROPIC, lambda visit: _ANTHROPIC.listed(visit.name)),
    ),
    False: (
        Route("GET", _OPENAI, lambda _visit: _OPENAI.listing()),
        Route("GET", _OPENAI, lambda visit: _OPENAI.listed(visit.name)),
    ),
}


def wire_of(path: str, headers: Mapping[str, str]) -> Wire:
    """The wire in which even a path that does not exist is refused."""
    if path.startswith("/api/"):
        return _OLLAMA
    if path.startswith("/v1/messages") or "anthropic-version" in headers:
        return _ANTHROPIC
    return _OPENAI


def find(method: str, path: str, headers: Mapping[str, str]) -> Route:
    """What is at a path. Raises Refused."""
    route = _FIXED.get(path)
    if route is None and (path == _MODELS or path.startswith(_MODELS + "/")):
        route = _LISTS["anthropic-version" in headers][path != _MODELS]
    if route is None:
        raise Refused(Wrong.NO_ROUTE)
    if route.method != method:
        raise Refused(Wrong.NO_METHOD, headers={"allow": route.method})
    return route
