"""Vectors from the Developer API and from Vertex AI."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.gemini.answer import asked, counts
from hexgate.adapters.providers.dialects.gemini.hosts import DEVELOPER, bare, vertex
from hexgate.adapters.providers.dialects.gemini.structs import Values, Vectors
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Inline, Media
from hexgate.domain.embed import Embedded, EmbedInput, Purpose
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.usage import Usage

# The most that one request takes. Source: the vendor's references of the two methods.
MOST, MOST_PREDICTED = 100, 250
_ONE_BY_ONE = ("gemini-embedding-001",)  # at Vertex AI, one text in a request
_TEXT_ONLY = re.compile(r"text-|embedding-00|gemini-embedding-001|multilingual|textembedding")
_FIXED = ("embedding-001", "textembedding-gecko")
_PURPOSES = {
    Purpose.QUERY: "RETRIEVAL_QUERY",
    Purpose.DOCUMENT: "RETRIEVAL_DOCUMENT",
    Purpose.SIMILARITY: "SEMANTIC_SIMILARITY",
    Purpose.CLASSIFICATION: "CLASSIFICATION",
    Purpose.CLUSTERING: "CLUSTERING",
}
_BODY = msgspec.json.Decoder(Vectors)


class GeminiEmbeddings:
    """How the Developer API embeds: up to a hundred inputs in a request."""

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        lacking = Lacking(call)
        path = DEVELOPER.path(call.model, "batchEmbedContents")
        name = call.model if "/" in call.model else f"models/{call.model}"
        common: JsonObject = {"model": name, **_settings(call, lacking)}
        made: list[Json] = [
            {**common, "content": _content(call, i, lacking)} for i in range(len(call.spec.inputs))
        ]
        warnings = lacking.settle()
        return [
            WireRequest(path, {"requests": made[start : start + MOST]}, warnings)
            for start in range(0, len(made), MOST)
        ]

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings."""
        return _vectors(self._provider, responses)


class VertexEmbeddings:
    """How Vertex AI embeds: newer models take one content, the older ones texts to predict from.

    Inputs that are too long are refused by the API, as `autoTruncate` is off.
    """

    def __init__(self, provider: str, project: str, location: str) -> None:
        self._provider = provider
        self._host = vertex(project, location)

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        lacking = Lacking(call)
        name = bare(call.model)
        newer = ("gemini" in name and name not in _ONE_BY_ONE) or "maas" in name
        make: Callable[[EmbedCall, Lacking], list[JsonObject]] = _embed if newer else _predict
        payloads = make(call, lacking)
        path = self._host.path(call.model, "embedContent" if newer else "predict")
        warnings = lacking.settle()
        return [WireRequest(path, payload, warnings) for payload in payloads]

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings."""
        return _vectors(self._provider, responses)


def _embed(call: EmbedCall, lacking: Lacking) -> list[JsonObject]:
    config: JsonObject = {**_settings(call, lacking), "autoTruncate": False}
    contents = [_content(call, i, lacking) for i in range(len(call.spec.inputs))]
    return [{"content": content, "embedContentConfig": config} for content in contents]


def _predict(call: EmbedCall, lacking: Lacking) -> list[JsonObject]:
    settings = _settings(call, lacking)
    parameters: JsonObject = {"autoTruncate": False}
    if "outputDimensionality" in settings:
        parameters["outputDimensionality"] = settings["outputDimensionality"]
    typed: JsonObject = {"task_type": settings["taskType"]} if "taskType" in settings else {}
    instances: list[Json] = [
        {"content": _text(f"inputs[{i}]", parts, lacking), **typed}
        for i, parts in enumerate(call.spec.inputs)
    ]
    most = 1 if bare(call.model) in _ONE_BY_ONE else MOST_PREDICTED
    return [
        {"instances": instances[start : start + most], "parameters": parameters}
        for start in range(0, len(instances), most)
    ]


def _settings(call: EmbedCall, lacking: Lacking) -> JsonObject:
    spec, made = call.spec, JsonObject()
    if spec.purpose is not None:
        made["taskType"] = _PURPOSES[spec.purpose]
    if spec.dimensions is not None and bare(call.model).startswith(_FIXED):
        lacking.refuse("dimensions", "choosing the length of its vectors")
    elif spec.dimensions is not None:
        made["outputDimensionality"] = spec.dimensions
    return made


def _content(call: EmbedCall, index: int, lacking: Lacking) -> JsonObject:
    parts: list[Json] = []
    for j, part in enumerate(call.spec.inputs[index]):
        path = f"inputs[{index}].parts[{j}].media"
        if not isinstance(part, Media):
            parts.append({"text": part.text})
        elif _TEXT_ONLY.match(bare(call.model)):
            lacking.refuse(path, "embedding media; send text")
        elif not isinstance(part.source, Inline):
            lacking.refuse(path, "embedding media by reference; send the bytes")
        else:
            data = b64encode(part.source.data).decode()
            parts.append({"inlineData": {"mimeType": part.media_type, "data": data}})
    return {"parts": parts}


def _text(path: str, parts: EmbedInput, lacking: Lacking) -> str:
    """The words of one input, which are one string on this wire."""
    words: list[str] = []
    for j, part in enumerate(parts):
        if isinstance(part, Media):
            lacking.refuse(f"{path}.parts[{j}].media", "embedding media; send text")
        else:
            words.append(part.text)
    return "\n\n".join(words)


def _vectors(provider: str, responses: Sequence[WireResponse]) -> Embedded:
    """The answers do not say which model gave them."""
    found: list[Sequence[float]] = []
    total: Usage | None = Usage()
    for response in responses:
        body = _decoded(provider, response)
        values = _values(body)
        if not values or not all(each.values for each in values):
            raise bad(provider, "answered without vectors, or with an empty one")
        found += [each.values for each in values]
        counted = _counted(body, values)
        total = None if total is None or counted is None else total + counted
    return Embedded(vectors=found, usage=total, model="")


def _values(body: Vectors) -> list[Values]:
    if body.embedding is not None:
        return [body.embedding]
    if body.predictions is not None:
        return [each.embeddings for each in body.predictions]
    return body.embeddings or []


def _counted(body: Vectors, values: Sequence[Values]) -> Usage | None:
    if body.predictions is None:
        return asked(counts(body.usage_metadata))  # a vector is no output
    told = [_count(each.statistics.token_count) for each in values if each.statistics]
    known = [count for count in told if count is not None]
    return Usage(uncached_input=sum(known)) if len(known) == len(values) else None


def _count(said: object) -> int | None:
    """A count, which predictions write as a decimal number."""
    value = lenient.value(said) if isinstance(said, msgspec.Raw) else said
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= lenient.MOST_TOKENS else None


def _decoded(provider: str, response: WireResponse) -> Vectors:
    try:
        return _BODY.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
        raise bad(provider, "answered with something that is no vectors") from broken
