"""Vectors, in the words of each family that `invoke` has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.bedrock.answers import dumped
from hexgate.adapters.simulator.bedrock.checks import invalid, refused
from hexgate.adapters.simulator.chat import Ask, Text, Turn, canonical
from hexgate.adapters.simulator.problem import Problem, decoded
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.adapters.simulator.wire import Event
from hexgate.domain.json import Json, JsonObject

_DATA_URL = re.compile(r"data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*")
NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Nothing may be sent that is not declared."""


class Titan(Strict):
    """Text: the second generation knows every field, the first one alone."""

    input_text: NonEmpty
    dimensions: Literal[256, 512, 1024] | None = None
    normalize: bool | None = None
    embedding_types: list[str] | None = None


class Length(Strict):
    """How long a vector shall be."""

    output_embedding_length: Literal[256, 384, 1024]


class TitanImage(Strict):
    """Text and an image, or one of them."""

    input_text: str = ""
    input_image: str = ""
    embedding_config: Length | None = None


class Cohere(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Texts, images, or both together."""

    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], msgspec.Meta(max_length=96)] = []
    images: list[str] = []
    inputs: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=96)] = []
    truncate: Literal["NONE", "START", "END", "LEFT", "RIGHT"] = "NONE"
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary"]] = []
    output_dimension: Literal[256, 512, 1024, 1536] | None = None


class NovaText(Strict):
    """A text."""

    truncation_mode: Literal["START", "END", "NONE"]
    value: NonEmpty


class NovaImage(Strict):
    """An image."""

    format: Literal["png", "jpeg", "gif", "webp"]
    source: dict[str, str]


class Single(Strict):
    """What is embedded."""

    embedding_purpose: Literal[
        "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "CLASSIFICATION", "CLUSTERING"
    ]
    embedding_dimension: Literal[256, 384, 1024, 3072] = 3072
    text: NovaText | None = None
    image: NovaImage | None = None


class Nova(Strict):
    """One thing."""

    task_type: Literal["SINGLE_EMBEDDING"]
    single_embedding_params: Single
    schema_version: Literal["nova-multimodal-embed-v1"] = "nova-multimodal-embed-v1"


@dataclass(frozen=True, slots=True)
class Vectors:
    """One good request for vectors. See Exchange."""

    ask: Ask
    say: Callable[[Answer], JsonObject]
    stream: bool = False

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        return dumped(self.say(answer))

    def events(self, answer: Answer) -> Iterator[Event]:  # noqa: ARG002 - it never streams
        """See Exchange."""
        return iter(())


def read(model: str, name: str, body: bytes) -> Vectors | None:
    """Check and understand; None for a model that embeds nothing. Raises Refused.

    `name` is the model without prefixes.
    """
    for beginning, reader in _READERS.items():
        if name.startswith(beginning):
            try:
                return reader(model, name, body)
            except Problem as problem:
                raise refused(problem.found) from None
    return None


def _titan(model: str, name: str, body: bytes) -> Vectors:
    request = decoded(_TITAN, body)
    first = "embed-text-v2" not in name
    if first and (request.dimensions or request.normalize is not None or request.embedding_types):
        raise invalid("Malformed input request: #: extraneous key is not permitted")
    text, size = request.input_text, request.dimensions or DIMENSIONS
    return Vectors(_asked(model, [text]), lambda answer: _one(text, size, answer))


def _titan_image(model: str, _name: str, body: bytes) -> Vectors:
    request = decoded(_TITAN_IMAGE, body)
    if not request.input_text and not request.input_image:
        raise invalid("Malformed input request: inputText or inputImage is required")
    seen = request.input_text + request.input_image
    config = request.embedding_config
    size = config.output_embedding_length if config else DIMENSIONS
    return Vectors(_asked(model, [seen]), lambda answer: _one(seen, size, answer))


def _cohere(model: str, name: str, body: bytes) -> Vectors:
    request = decoded(_COHERE, body)
    given = [each for each in (request.texts, request.images, request.inputs) if each]
    fourth = "embed-v4" in name
    if len(given) != 1 or (request.output_dimension and not fourth):
        raise invalid("Malformed input request: exactly one of texts, images, inputs is required")
    if not fourth and (request.inputs or len(request.images) > 1):
        raise invalid("Malformed input request: #: extraneous key [inputs] is not permitted")
    if any(not _DATA_URL.fullmatch(image) for image in request.images):
        raise invalid("invalid image: must be a data URI")
    seen = [*request.texts, *request.images, *map(canonical, request.inputs)]
    size = request.output_dimension or DIMENSIONS

    def say(_answer: Answer) -> JsonObject:
        vectors: list[Json] = [[*vector(text, size)] for text in seen]
        if not request.embedding_types:
            return {"id": "sim", "response_type": "embeddings_floats", "embeddings": vectors}
        typed: JsonObject = {"float": vectors}
        return {"id": "sim", "response_type": "embeddings_by_type", "embeddings": typed}

    return Vectors(_asked(model, seen), say)


def _nova(model: str, _name: str, body: bytes) -> Vectors:
    params = decoded(_NOVA, body).single_embedding_params
    if (params.text is None) == (params.image is None):
        raise invalid("Malformed input request: exactly one of text, image is required")
    shown = params.image.source.get("bytes", "") if params.image else ""
    seen = params.text.value if params.text else shown
    kind = "TEXT" if params.text else "IMAGE"

    def say(_answer: Answer) -> JsonObject:
        made: JsonObject = {"embeddingType": kind}
        made["embedding"] = [*vector(seen, params.embedding_dimension)]
        return {"embeddings": [made]}

    return Vectors(_asked(model, [seen]), say)


_TITAN = msgspec.json.Decoder(Titan)
_TITAN_IMAGE = msgspec.json.Decoder(TitanImage)
_COHERE = msgspec.json.Decoder(Cohere)
_NOVA = msgspec.json.Decoder(Nova)
_READERS: dict[str, Callable[[str, str, bytes], Vectors]] = {
    "amazon.titan-embed-image": _titan_image,
    "amazon.titan-embed": _titan,
    "amazon.nova-2-multimodal-embeddings": _nova,
    "cohere.embed": _cohere,
}


def _one(text: str, size: int, answer: Answer) -> JsonObject:
    body: JsonObject = {"embedding": [*vector(text, size)]}
    if answer.usage:
        body["inputTextTokenCount"] = answer.input_tokens
    return body


def _asked(model: str, texts: list[str]) -> Ask:
    return Ask(model=model, turns=(Turn("user", tuple(map(Text, texts))),))
