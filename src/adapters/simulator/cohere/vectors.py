"""Vectors of the embed endpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.chat import canonical
from hexgate.adapters.simulator.cohere import reading
from hexgate.adapters.simulator.cohere import requests as wire
from hexgate.adapters.simulator.cohere.answers import dumped, identifier
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.domain.json import Json, JsonObject

# What is said of every image: none is looked at.
_IMAGE: JsonObject = {"width": 1, "height": 1, "format": "png", "bit_depth": 8}


def embed(body: bytes) -> bytes:
    """The answer of `POST /v2/embed`. Raises Refused."""
    request = reading.checked(wire.EMBED, body)
    _check(request)
    keys = _keys(request)
    size = request.output_dimension or DIMENSIONS
    vectors: list[Json] = [[*vector(key, size)] for key, _, _ in keys]
    words, pictures = sum(count for _, count, _ in keys), sum(count for _, _, count in keys)
    billed: JsonObject = {"input_tokens": words}
    if pictures:
        billed["image_tokens"] = pictures * tokens.MEDIA
    answer: JsonObject = {
        "id": identifier(body.decode("utf-8", "replace")),
        "response_type": "embeddings_by_type",
        "embeddings": {"float": vectors},
        "texts": [*(request.texts or ())],
        "meta": {"api_version": {"version": "2"}, "billed_units": billed},
    }
    if pictures:
        answer["images"] = [_IMAGE] * pictures
    return dumped(answer)


def _check(request: wire.Embed) -> None:
    reading.known(request.model)
    given = [each for each in (request.texts, request.images, request.inputs) if each]
    if len(given) != 1:
        raise reading.invalid("exactly one of texts, images and inputs must be given")
    if request.images and request.input_type != "image":
        raise reading.invalid("images must be used with input_type=image")
    for at, text in enumerate(request.texts or ()):
        if not text:
            raise reading.invalid(f"texts contains an element that is the empty string at {at}")
    if any(kind != "float" for kind in request.embedding_types or ()):
        raise reading.invalid("this simulator gives embedding_types float alone")


def _keys(request: wire.Embed) -> Sequence[tuple[str, int, int]]:
    """What each vector depends on, and how many tokens of text and images it has."""
    if request.texts:
        return [(text, tokens.count(text), 0) for text in request.texts]
    if request.images:
        return [(_digest(url, f"images[{i}]"), 0, 1) for i, url in enumerate(request.images)]
    return [_mixed(each, i) for i, each in enumerate(request.inputs or ())]


def _mixed(given: wire.EmbedInput, i: int) -> tuple[str, int, int]:
    """An input of one text has the vector of that text."""
    said: list[Json] = []
    words = pictures = 0
    for j, part in enumerate(given.content):
        if isinstance(part, wire.TextPart):
            said.append(part.text)
            words += tokens.count(part.text)
        else:
            url = part.image_url.url
            said.append([_digest(url, f"inputs[{i}].content[{j}].image_url.url")])
            pictures += 1
    match said:
        case [str(text)]:
            return text, words, 0
        case _:
            return canonical(said), words, pictures


def _digest(url: str, at: str) -> str:
    return "image " + hashlib.sha256(reading.image(url, at).data).hexdigest()
