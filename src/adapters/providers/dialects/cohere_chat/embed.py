"""Vectors from /v2/embed."""

from __future__ import annotations

import math
import re
from array import array
from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.cohere_chat.answer import count
from hexgate.adapters.providers.dialects.cohere_chat.structs import Vectors
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import Embedded, EmbedInput, Purpose
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.usage import Usage

PATH = "/v2/embed"
# Of one request. Source: the reference; images may have 20 MB together, and base64 adds a third.
AT_ONCE = 96
_IMAGE_BYTES = 14_000_000
_IMAGES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_PURPOSES = {
    Purpose.QUERY: "search_query",
    Purpose.DOCUMENT: "search_document",
    Purpose.SIMILARITY: "clustering",
    Purpose.CLASSIFICATION: "classification",
    Purpose.CLUSTERING: "clustering",
}
_BETWEEN = "\n\n"  # the texts of one input are one string where there is no image
# Up to version 3 of the models: an image is a request of its own, and vectors have one length.
_OLD = re.compile(r"embed-.*-(v[123]\.|light-v)|embed-.*-v[123]$")
_BODY = msgspec.json.Decoder(Vectors)


class CohereEmbeddings:
    """How Cohere embeds. `provider` is the name that errors go by.

    Vectors are arrays of 32-bit floats. Inputs that are too long are refused, not cut. Without a
    purpose they are taken for documents; there is none for similarity, which is asked for as
    clustering. Answers do not name the model.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        lacking = Lacking(call)
        old = _OLD.match(call.model) is not None
        common: JsonObject = {
            "model": call.model,
            "input_type": _PURPOSES[call.spec.purpose or Purpose.DOCUMENT],
            "embedding_types": ["float"],
            "truncate": "NONE",
        }
        if call.spec.dimensions is not None:
            if old:
                lacking.refuse("dimensions", "choosing the length of its vectors")
            else:
                common["output_dimension"] = call.spec.dimensions
        for index, parts in enumerate(call.spec.inputs):
            _check(f"inputs[{index}]", parts, lacking, old=old)
        warnings = lacking.settle()
        bodies = _apart(call.spec.inputs) if old else _together(call.spec.inputs)
        return [WireRequest(PATH, {**common, **body}, warnings) for body in bodies]

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings. Usage is what is billed: tokens of texts and of images."""
        vectors: list[array[float]] = []
        usage: Usage | None = Usage()
        for response in responses:
            body = self._decoded(response.body)
            vectors += self._floats(body)
            billed = _billed(body)
            usage = None if usage is None or billed is None else usage + billed
        return Embedded(vectors=vectors, usage=usage, model="")

    def _decoded(self, data: bytes) -> Vectors:
        try:
            return _BODY.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
            raise bad(self._provider, "answered with something that has no vectors") from broken

    def _floats(self, body: Vectors) -> Iterator[array[float]]:
        found = body.embeddings and body.embeddings.floats
        if not found or not all(found):
            raise bad(self._provider, "answered without vectors")
        for each in found:
            floats = array("f", each)
            if not math.isfinite(sum(floats)):
                raise bad(self._provider, "answered with a vector that is none")
            yield floats


def _check(path: str, parts: EmbedInput, lacking: Lacking, *, old: bool) -> None:
    media = [part for part in parts if isinstance(part, Media)]
    if old and media and len(parts) > 1:
        lacking.refuse(path, "an image together with anything else")
    for index, part in enumerate(parts):
        if not isinstance(part, Media):
            continue
        at = f"{path}.parts[{index}].media"
        if not isinstance(part.source, Inline):
            lacking.refuse(at, "media by reference; send the bytes")
        elif part.media_type.lower() not in _IMAGES:
            lacking.refuse(at, f"embedding {part.media_type}")


def _apart(inputs: Sequence[EmbedInput]) -> Iterator[JsonObject]:
    """Texts together, each image alone, in the order of the inputs."""
    for pictures, run in groupby(inputs, _pictured):
        same = list(run)
        if not pictures:
            yield from _texts(same)
            continue
        for (image,) in same:
            assert isinstance(image, Media)
            yield {"images": [_url(image)], "input_type": "image"}


def _together(inputs: Sequence[EmbedInput]) -> Iterator[JsonObject]:
    """As many inputs as one request takes."""
    if not any(map(_pictured, inputs)):
        yield from _texts(inputs)
        return
    some: list[Json] = []
    size = 0
    for parts in inputs:
        weight = sum(map(_weight, parts))
        if some and (len(some) == AT_ONCE or size + weight > _IMAGE_BYTES):
            yield {"inputs": some}
            some, size = [], 0
        some.append({"content": [_part(part) for part in parts]})
        size += weight
    yield {"inputs": some}


def _texts(inputs: Sequence[EmbedInput]) -> Iterator[JsonObject]:
    texts = [
        _BETWEEN.join(part.text for part in parts if isinstance(part, Text)) for parts in inputs
    ]
    for start in range(0, len(texts), AT_ONCE):
        yield {"texts": [*texts[start : start + AT_ONCE]]}


def _part(part: Text | Media) -> JsonObject:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": _url(part)}}


def _url(image: Media) -> str:
    assert isinstance(image.source, Inline)
    return f"data:{image.media_type};base64,{b64encode(image.source.data).decode()}"


def _weight(part: Text | Media) -> int:
    """The bytes of an image."""
    if isinstance(part, Media) and isinstance(part.source, Inline):
        return len(part.source.data)
    return 0


def _pictured(parts: EmbedInput) -> bool:
    return any(isinstance(part, Media) for part in parts)


def _billed(body: Vectors) -> Usage | None:
    """Tokens of texts and of images; None where only the number of images was told."""
    said = lenient.value(body.meta.billed_units) if body.meta else None
    if not isinstance(said, dict):
        return None
    texts, images = count(said.get("input_tokens")), count(said.get("image_tokens"))
    if texts is None and images is None:
        return None
    return Usage(uncached_input=texts or 0, image_input=images or 0)
