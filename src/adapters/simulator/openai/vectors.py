"""Embeddings: the body of the request, strictly, and the answer. Source: the official SDK."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Literal

import msgspec

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.chat import canonical
from hexgate.adapters.simulator.openai import reading
from hexgate.adapters.simulator.openai.answers import dumped
from hexgate.adapters.simulator.openai.requests import Strict
from hexgate.adapters.simulator.problem import Problem, decoded
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.domain.json import Json

_INPUTS = 2_048
_TOKENS_EACH, _TOKENS = 8_192, 300_000
Token = Annotated[int, msgspec.Meta(ge=0)]


class Body(Strict):
    """The whole request."""

    model: str
    input: str | list[str | Token | list[Token]]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=_INPUTS * 2)] = DIMENSIONS
    user: str = ""


_BODY = msgspec.json.Decoder(Body)


def embedded(body: bytes) -> bytes:
    """The answer to a body. Raises Refused."""
    try:
        request = decoded(_BODY, body)
    except Problem as problem:
        raise reading.refused(problem.found) from None
    if not models.known(request.model):
        raise reading.unknown(request.model)
    inputs = _inputs(request.input)
    data: list[Json] = [
        {"object": "embedding", "index": index, "embedding": _said(text, request)}
        for index, text in enumerate(inputs)
    ]
    spent = sum(map(tokens.count, inputs))
    usage: Json = {"prompt_tokens": spent, "total_tokens": spent}
    return dumped({"object": "list", "data": data, "model": request.model, "usage": usage})


def _said(text: str, request: Body) -> Json:
    """Numbers, or the base64 of 32-bit floats, little-endian."""
    numbers = vector(text, request.dimensions)
    if request.encoding_format == "base64":
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return [*numbers]


def _inputs(given: str | list[str | int | list[int]]) -> list[str]:
    """One text per input; a list of numbers is the tokens of one."""
    if isinstance(given, str):
        inputs = [given]
    elif given and all(isinstance(each, int) for each in given):
        inputs = [canonical(given)]
    else:
        inputs = [each if isinstance(each, str) else canonical(each) for each in given]
    if not 1 <= len(inputs) <= _INPUTS or not all(inputs):
        text = f"'input' is 1 to {_INPUTS} inputs, none of which is empty."
        raise reading.invalid(text, "input")
    sizes = [tokens.count(each) for each in inputs]
    if max(sizes) > _TOKENS_EACH:
        text = f"This model's maximum context length is {_TOKENS_EACH} tokens."
        raise reading.invalid(text, None, "context_length_exceeded")
    if sum(sizes) > _TOKENS:
        text = f"Requested {sum(sizes)} tokens, max {_TOKENS} tokens per request"
        raise reading.invalid(text, None, "max_tokens_per_request")
    return inputs
