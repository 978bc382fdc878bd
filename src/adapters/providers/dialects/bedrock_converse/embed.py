"""Vectors from `POST /model/{id}/invoke`, in the words of each family of models.

Sources: the pages of the Bedrock user guide on the parameters of Titan Embeddings, Titan
Multimodal Embeddings and Cohere Embed v3 and v4, and the Nova guide's schema of embeddings.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.bedrock_converse.models import bare
from hexgate.adapters.providers.dialects.bedrock_converse.request import path
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import Embedded, EmbedInput, EmbedSpec, Purpose
from hexgate.domain.errors import Unsupported, Violation
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.usage import Usage

AT_ONCE = 96  # texts that Cohere's models take in one request; the others take one
_BETWEEN = "\n\n"  # the texts of one input are one string on the wire
_IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
_COHERE = {
    None: "search_document",
    Purpose.DOCUMENT: "search_document",
    Purpose.QUERY: "search_query",
    Purpose.CLASSIFICATION: "classification",
    Purpose.CLUSTERING: "clustering",
    Purpose.SIMILARITY: "clustering",
}
_NOVA = {
    None: "GENERIC_INDEX",
    Purpose.DOCUMENT: "GENERIC_INDEX",
    Purpose.QUERY: "GENERIC_RETRIEVAL",
    Purpose.CLASSIFICATION: "CLASSIFICATION",
    Purpose.CLUSTERING: "CLUSTERING",
    Purpose.SIMILARITY: "CLUSTERING",
}
_HEADER = "x-amzn-bedrock-input-token-count"


class Body(msgspec.Struct, rename="camel"):
    """The answers of all families."""

    embedding: list[float] | None = None
    embeddings: msgspec.Raw = lenient.UNSAID
    input_text_token_count: msgspec.Raw = lenient.UNSAID


class Typed(msgspec.Struct):
    """Cohere's vectors by type."""

    floats: list[list[float]] = msgspec.field(name="float")


class Single(msgspec.Struct):
    """One of Nova's vectors."""

    embedding: list[float]


_BODY = msgspec.json.Decoder(Body)
_MANY: msgspec.json.Decoder[list[list[float]] | Typed] = msgspec.json.Decoder(
    list[list[float]] | Typed
)
_NOVAS = msgspec.json.Decoder(list[Single])


class BedrockEmbeddings:
    """How models on Bedrock embed. `provider` is the name that errors go by.

    Inputs that are too long are refused by the model wherever it can be told not to cut them.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        name = bare(call.model)
        for beginning, make in _FAMILIES.items():
            if name.startswith(beginning):
                lacking = Lacking(call)
                payloads = make(call.spec, name, lacking)
                warnings, where = lacking.settle(), path(call.model, "invoke")
                headers = {"Accept": "application/json"}
                return [WireRequest(where, each, warnings, headers) for each in payloads]
        text = f"{call.model} has no embeddings that the gateway knows of; use another model"
        raise Unsupported(
            text,
            (Violation("model", text, "UNSUPPORTED"),),
            metadata={"model": call.model, "capability": "embeddings"},
        )

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings."""
        vectors: list[Sequence[float]] = []
        usage: Usage | None = Usage()
        for response in responses:
            try:
                body = _BODY.decode(response.body)
                vectors += _found(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
                raise bad(self._provider, "answered with something that is no vectors") from broken
            counted = _counted(body, response)
            if usage is not None:
                usage = None if counted is None else usage + Usage(uncached_input=counted)
        if not vectors or not all(vectors):
            raise bad(self._provider, "answered without vectors")
        return Embedded(vectors=vectors, usage=usage, model="")


def _found(body: Body) -> Sequence[Sequence[float]]:
    if body.embedding is not None:
        return [body.embedding]
    try:
        many = _MANY.decode(body.embeddings)
    except msgspec.ValidationError:
        return [each.embedding for each in _NOVAS.decode(body.embeddings)]
    return many.floats if isinstance(many, Typed) else many


def _counted(body: Body, response: WireResponse) -> int | None:
    said = lenient.count(body.input_text_token_count)
    if said is not None:
        return said
    return lenient.count(msgspec.Raw(response.headers.get(_HEADER, "null").encode()))


def _titan_text(spec: EmbedSpec, name: str, lacking: Lacking) -> list[JsonObject]:
    _purposeless(spec, lacking)
    common: JsonObject = {}
    if "embed-text-v2" in name:
        common["normalize"] = True
        if spec.dimensions is not None:
            common["dimensions"] = spec.dimensions
    elif spec.dimensions is not None:
        lacking.refuse("dimensions", "choosing the length of vectors")
    return [
        {"inputText": _only_text(parts, f"inputs[{i}]", lacking), **common}
        for i, parts in enumerate(spec.inputs)
    ]


def _titan_image(spec: EmbedSpec, _name: str, lacking: Lacking) -> list[JsonObject]:
    """One text and one image at most become one vector."""
    _purposeless(spec, lacking)
    made: list[JsonObject] = []
    for i, parts in enumerate(spec.inputs):
        text, images = _split(parts, f"inputs[{i}]", lacking)
        one: JsonObject = {"inputText": text} if text else {}
        if images:
            one["inputImage"] = images[0][1]
        if len(images) > 1:
            lacking.refuse(f"inputs[{i}]", "more than one image in an input")
        if spec.dimensions is not None:
            one["embeddingConfig"] = {"outputEmbeddingLength": spec.dimensions}
        made.append(one)
    return made


def _cohere(spec: EmbedSpec, name: str, lacking: Lacking) -> list[JsonObject]:
    """Texts go together; an input with an image goes by itself."""
    fourth = "embed-v4" in name
    if spec.purpose is Purpose.SIMILARITY:
        said = "the model has no vectors made for comparing; those for clustering are used"
        lacking.warn("VALUE_CHANGED", said, "purpose")
    kinds: list[Json] = ["float"]
    common: JsonObject = {
        "input_type": _COHERE[spec.purpose],
        "truncate": "NONE",
        "embedding_types": kinds,
    }
    if spec.dimensions is not None and fourth:
        common["output_dimension"] = spec.dimensions
    elif spec.dimensions is not None:
        lacking.refuse("dimensions", "choosing the length of vectors")
    if not any(isinstance(part, Media) for parts in spec.inputs for part in parts):
        texts: list[Json] = [
            _only_text(parts, f"inputs[{i}]", lacking) for i, parts in enumerate(spec.inputs)
        ]
        return [
            {**common, "texts": texts[start : start + AT_ONCE]}
            for start in range(0, len(texts), AT_ONCE)
        ]
    if fourth:
        mixed: list[Json] = [
            {"content": _content(parts, f"inputs[{i}]", lacking)}
            for i, parts in enumerate(spec.inputs)
        ]
        return [
            {**common, "inputs": mixed[start : start + AT_ONCE]}
            for start in range(0, len(mixed), AT_ONCE)
        ]
    if spec.purpose is not None:
        lacking.drop("purpose", "saying what vectors of images are for")
    return [
        {**common, **_single(parts, f"inputs[{i}]", lacking)} for i, parts in enumerate(spec.inputs)
    ]


def _content(parts: EmbedInput, at: str, lacking: Lacking) -> list[Json]:
    """Text and images of one input, in order."""
    made: list[Json] = []
    for j, part in enumerate(parts):
        if isinstance(part, Text):
            made.append({"type": "text", "text": part.text})
        elif (found := _image(part, f"{at}.parts[{j}]", lacking)) is not None:
            made.append({"type": "image_url", "image_url": _data_url(*found)})
    return made


def _single(parts: EmbedInput, at: str, lacking: Lacking) -> JsonObject:
    text, images = _split(parts, at, lacking)
    if len(images) > 1 or (images and text):
        lacking.refuse(at, "more than one image, or text beside an image, in an input")
    if images:
        shown: list[Json] = [_data_url(*images[0])]
        return {"input_type": "image", "images": shown}
    texts: list[Json] = [text]
    return {"texts": texts}


def _nova(spec: EmbedSpec, _name: str, lacking: Lacking) -> list[JsonObject]:
    """A text or an image becomes one vector."""
    if spec.purpose is Purpose.SIMILARITY:
        said = "the model has no vectors made for comparing; those for clustering are used"
        lacking.warn("VALUE_CHANGED", said, "purpose")
    made: list[JsonObject] = []
    for i, parts in enumerate(spec.inputs):
        text, images = _split(parts, f"inputs[{i}]", lacking)
        if len(images) > 1 or (images and text):
            lacking.refuse(f"inputs[{i}]", "more than one image, or text beside it, in an input")
        params: JsonObject = {"embeddingPurpose": _NOVA[spec.purpose]}
        if spec.dimensions is not None:
            params["embeddingDimension"] = spec.dimensions
        if images:
            shape, data = images[0]
            params["image"] = {"format": shape, "source": {"bytes": data}}
        else:
            params["text"] = {"truncationMode": "NONE", "value": text}
        made.append({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params})
    return made


_FAMILIES: dict[str, Callable[[EmbedSpec, str, Lacking], list[JsonObject]]] = {
    "amazon.titan-embed-image": _titan_image,
    "amazon.titan-embed": _titan_text,
    "amazon.nova-2-multimodal-embeddings": _nova,
    "cohere.embed": _cohere,
}


def _purposeless(spec: EmbedSpec, lacking: Lacking) -> None:
    if spec.purpose is not None:
        lacking.drop("purpose", "saying what vectors are for")


def _only_text(parts: EmbedInput, at: str, lacking: Lacking) -> str:
    words: list[str] = []
    for j, part in enumerate(parts):
        if isinstance(part, Media):
            lacking.refuse(f"{at}.parts[{j}].media", "embedding media; send text")
        else:
            words.append(part.text)
    return _BETWEEN.join(words)


def _split(parts: EmbedInput, at: str, lacking: Lacking) -> tuple[str, list[tuple[str, str]]]:
    """The text, and the images as format and base64."""
    words = [part.text for part in parts if isinstance(part, Text)]
    images: list[tuple[str, str]] = []
    for j, part in enumerate(parts):
        if isinstance(part, Media):
            found = _image(part, f"{at}.parts[{j}]", lacking)
            images += [found] if found else []
    return _BETWEEN.join(words), images


def _image(part: Media, at: str, lacking: Lacking) -> tuple[str, str] | None:
    shape = _IMAGES.get(part.media_type.lower())
    if shape is None or not isinstance(part.source, Inline):
        lacking.refuse(f"{at}.media", "embedding media other than the bytes of an image")
        return None
    return shape, base64.b64encode(part.source.data).decode()


def _data_url(shape: str, data: str) -> str:
    return f"data:image/{shape};base64,{data}"
