"""Embeddings as OpenAI has them, which its own servers, compatible ones and Azure speak."""

from __future__ import annotations

import math
import sys
from array import array
from base64 import b64decode
from collections.abc import Iterator, Sequence

import msgspec

from hexgate.adapters.providers.dialects.openai_chat.azure import Deployments
from hexgate.adapters.providers.dialects.openai_chat.errors import from_event
from hexgate.adapters.providers.dialects.openai_chat.quirks import OPENAI, Quirks, azure
from hexgate.adapters.providers.dialects.openai_chat.structs import Fault
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.lenient import fields, number
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Text
from hexgate.domain.embed import Embedded, EmbedInput
from hexgate.domain.json import Json, JsonObject
from hexgate.domain.usage import Usage

PATH = "/embeddings"
# Of one request. Source: the reference, which bounds the inputs and their tokens, 300,000 of them;
# a token of the most expensive scripts has two bytes.
_INPUTS = 2_048
_BYTES = 600_000
_FIXED_LENGTH = "text-embedding-ada-002"


class Vector(msgspec.Struct):
    """One vector: numbers, or the base64 of 32-bit floats, little-endian."""

    embedding: str | list[float]
    index: int | None = None


class Body(msgspec.Struct):
    """A whole answer, or an error with a status of 200."""

    data: list[Vector] = []
    model: str | None = None
    usage: object = None
    error: Fault | str | None = None


_BODY = msgspec.json.Decoder(Body)


class OpenAIEmbeddings:
    """The embeddings of `provider`, the name that errors go by.

    Vectors are arrays of 32-bit floats. They are asked for in base64, which is half as long as
    digits and read in half the time; servers that know numbers alone are understood as well.
    """

    def __init__(self, provider: str, quirks: Quirks = OPENAI) -> None:
        self._provider = provider
        self._quirks = quirks

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        lacking = Lacking(call)
        texts = [_text(index, each, lacking) for index, each in enumerate(call.spec.inputs)]
        common = self._common(call, lacking)
        warnings = lacking.settle()
        path = self._path(call.model)
        return [WireRequest(path, {**common, "input": some}, warnings) for some in _batches(texts)]

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings. Each answer must have the vectors 0 to n, whatever their order."""
        vectors: list[array[float]] = []
        usage: Usage | None = Usage()
        model = ""
        for response in responses:
            body = self._decoded(response.body)
            vectors.extend(self._ordered(body.data))
            tokens = number(fields(body.usage).get("prompt_tokens"))
            usage = (
                None if usage is None or tokens is None else usage + Usage(uncached_input=tokens)
            )
            model = model or body.model or ""
        return Embedded(vectors=vectors, usage=usage, model=model)

    def _path(self, _model: str) -> str:
        return PATH

    def _common(self, call: EmbedCall, lacking: Lacking) -> JsonObject:
        """What all requests of a call say."""
        payload: JsonObject = {"model": call.model}
        if self._quirks.encoding_format:
            payload["encoding_format"] = "base64"
        if call.spec.dimensions is not None:
            if _FIXED_LENGTH in call.model or not self._quirks.dimensions:
                lacking.refuse("dimensions", "choosing the length of its vectors")
            else:
                payload["dimensions"] = call.spec.dimensions
        if call.spec.purpose is not None:
            lacking.drop("purpose", "saying what vectors are for")
        user = call.options.end_user_id
        if user and self._quirks.end_user:
            payload["user"] = user
        return payload

    def _decoded(self, data: bytes) -> Body:
        try:
            body = _BODY.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
            raise bad(self._provider, "answered with something that has no vectors") from broken
        if body.error is not None:
            raise from_event(self._provider, body.error)
        return body

    def _ordered(self, found: list[Vector]) -> Iterator[array[float]]:
        places = {
            position if each.index is None else each.index: each.embedding
            for position, each in enumerate(found)
        }
        for index in range(len(found)):
            if index not in places:
                raise bad(self._provider, "answered without a vector for each input")
            yield self._floats(places[index])

    def _floats(self, said: str | list[float]) -> array[float]:
        try:
            floats = array("f", b64decode(said, validate=True) if isinstance(said, str) else said)
        except (ValueError, OverflowError) as broken:
            raise bad(self._provider, "answered with a vector that is none") from broken
        if isinstance(said, str) and sys.byteorder == "big":
            floats.byteswap()
        if not floats or not math.isfinite(sum(floats)):
            raise bad(self._provider, "answered with a vector that is none")
        return floats


class AzureEmbeddings(OpenAIEmbeddings):
    """The same, at a resource of Azure: the base URL is its endpoint, without a path.

    `api_version` is a dated one, whose path names the deployment; empty is the v1 API.
    """

    def __init__(self, provider: str, api_version: str = "") -> None:
        super().__init__(provider, azure(api_version))
        self._deployments = Deployments(api_version)

    def _path(self, model: str) -> str:
        return self._deployments.path(model, PATH)


def _text(index: int, given: EmbedInput, lacking: Lacking) -> str:
    for place, part in enumerate(given):
        if not isinstance(part, Text):
            lacking.refuse(f"inputs[{index}].parts[{place}].media", "embedding media")
    return "".join(part.text for part in given if isinstance(part, Text))


def _batches(texts: list[str]) -> Iterator[list[Json]]:
    """As many inputs together as one request takes."""
    some: list[Json] = []
    size = 0
    for text in texts:
        length = len(text.encode("utf-8", "surrogatepass"))
        if some and (len(some) == _INPUTS or size + length > _BYTES):
            yield some
            some, size = [], 0
        some.append(text)
        size += length
    if some:
        yield some
