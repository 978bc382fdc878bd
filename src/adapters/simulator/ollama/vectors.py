"""Embeddings: the body of `POST /api/embed`, strictly, and the answer."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.ollama import reading
from hexgate.adapters.simulator.ollama.answers import dumped
from hexgate.adapters.simulator.ollama.requests import Options, Strict
from hexgate.adapters.simulator.problem import Problem, decoded
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.adapters.simulator.wire import Refused, Wrong
from hexgate.domain.json import Json

_TAG = ":latest"


class Body(Strict):
    """The whole request. Source: the types of Ollama's public API."""

    model: str
    input: str | list[str]
    truncate: bool = True
    dimensions: Annotated[int, msgspec.Meta(ge=1)] = DIMENSIONS
    keep_alive: str | float | None = None
    options: Options | None = None


_BODY = msgspec.json.Decoder(Body)


def embedded(body: bytes) -> bytes:
    """The answer to a body. Raises Refused."""
    try:
        request = decoded(_BODY, body)
    except Problem as problem:
        raise reading.refused(problem.found) from None
    if not models.known(request.model.removesuffix(_TAG)):
        raise Refused(Wrong.NO_MODEL, f"model '{request.model}' not found")
    inputs = [request.input] if isinstance(request.input, str) else request.input
    window = (request.options and request.options.num_ctx) or models.CONTEXT_TOKENS
    if not request.truncate and any(tokens.count(text) > window for text in inputs):
        raise Refused(Wrong.TOO_LONG)
    cut = [tokens.cut(text, window) for text in inputs]
    vectors: list[Json] = [[*vector(text, request.dimensions)] for text in cut]
    return dumped(
        {
            "model": request.model,
            "embeddings": vectors,
            "total_duration": 1_000_000,
            "load_duration": 1_000,
            "prompt_eval_count": sum(map(tokens.count, cut)),
        }
    )
