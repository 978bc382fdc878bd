"""How Vertex AI speaks: the same contents under the names of a project."""

from __future__ import annotations

from typing import Any

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.gemini import reading
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.gemini.answers import Chat, dumped
from hexgate.adapters.simulator.gemini.checks import invalid
from hexgate.adapters.simulator.gemini.wire import Google, exchange, page, streams
from hexgate.adapters.simulator.routes import Visit, answers, embeds, gives
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.adapters.simulator.wire import Origin, Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_PLACE = "/(?P<version>v1|v1beta1)/projects/[^/]+/locations/[^/]+"
_MODEL = _PLACE + "/(?:publishers/google/models|endpoints)/(?P<model>[^/:]+)"
_ROOT = "/(?:v1|v1beta1)/publishers/google/models"


class Vertex(Google):
    """See Wire. In v1 calls have no ids; here they have none in v1beta1 either."""

    def __init__(self) -> None:
        self.routes = (
            answers(_MODEL + ":generateContent"),
            answers(_MODEL + ":streamGenerateContent"),
            gives("POST", _MODEL + ":countTokens", self.count),
            embeds(_MODEL + ":predict", self.predict),
            embeds(_MODEL + ":embedContent", self.embed),
            gives("GET", _ROOT, self.listing),
            gives("GET", _ROOT + "/(?P<model>[^/:]+)", self.listed),
        )

    def unknown(self, model: str) -> Refused:
        """The refusal of a model that is not offered."""
        text = f"Publisher Model `publishers/google/models/{model}` was not found."
        return Refused(Wrong.NO_MODEL, text)

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        model = self.known(visit.names["model"])
        stream, ids = streams(visit), visit.names["version"] != "v1"
        return self.asked(visit.body, model, origin, stream=stream, call_ids=ids)

    def asked(
        self, body: bytes, model: str, origin: Origin, *, stream: bool, call_ids: bool = False
    ) -> Chat:
        """A request for an offered model, given as JSON. Raises Refused.

        `call_ids` says whether calls of the conversation may have ids; the answer's never have.
        """
        request = reading.read(wire.ON_VERTEX, body)
        if not call_ids:
            _check_ids(request)
        return exchange(request, model, origin, stream=stream, call_ids=False)

    def count(self, visit: Visit) -> bytes:
        """The answer of countTokens. Raises Refused."""
        request = reading.body(wire.COUNT, visit.body)
        ask = reading.ask(request, self.known(visit.names["model"]))
        asked = tokens.prompt(ask)
        said = sum(len(reading.words(content)) for content in request.contents)
        return dumped({"totalTokens": asked, "totalBillableCharacters": said})

    def predict(self, visit: Visit) -> bytes:
        """The answer of predict, for texts to embed. Raises Refused."""
        self.known(visit.names["model"])
        request = reading.body(wire.PREDICT, visit.body)
        length = request.parameters.output_dimensionality
        found: list[Json] = [_prediction(each.content, length) for each in request.instances]
        said = sum(len(each.content) for each in request.instances)
        return dumped({"predictions": found, "metadata": {"billableCharacterCount": said}})

    def embed(self, visit: Visit) -> bytes:
        """The answer of embedContent. Raises Refused."""
        self.known(visit.names["model"])
        request = reading.body(wire.EMBED, visit.body)
        text = reading.words(request.content)
        length = request.embed_content_config.output_dimensionality
        spent = tokens.count(text)
        usage: JsonObject = {"promptTokenCount": spent, "totalTokenCount": spent}
        return dumped({"embedding": _values(text, length), "usageMetadata": usage})

    def listing(self, visit: Visit) -> bytes:
        """The publisher's models: at most `pageSize` of them, from `pageToken` on."""
        start, size = page(visit.query)
        listed: list[Json] = [_model(model.name) for model in models.LISTED]
        body: JsonObject = {"publisherModels": listed[start : start + size]}
        if start + size < len(listed):
            body["nextPageToken"] = str(start + size)
        return dumped(body)

    def listed(self, visit: Visit) -> bytes:
        """One of them. Raises Refused."""
        return dumped(_model(self.known(visit.names["model"])))


def _check_ids(request: wire.Prompt) -> None:
    for i, content in enumerate(request.contents):
        for j, part in enumerate(content.parts):
            either: Any = part.function_call or part.function_response
            if either is not None and either.id:
                place = f"contents[{i}].parts[{j}]"
                text = f"Invalid JSON payload received. Unknown name \"id\" at '{place}'"
                raise invalid(f"{text}: Cannot find field.", place)


def _prediction(text: str, length: int | None) -> JsonObject:
    statistics: JsonObject = {"truncated": False, "token_count": tokens.count(text)}
    return {"embeddings": {"statistics": statistics, **_values(text, length)}}


def _values(text: str, length: int | None) -> JsonObject:
    values: list[Json] = [*vector(text, length or DIMENSIONS)]
    return {"values": values}


def _model(name: str) -> JsonObject:
    return {
        "name": f"publishers/google/models/{name}",
        "versionId": "1",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "GA",
        "publisherModelTemplate": f"projects/{{project}}/locations/{{location}}/{name}",
        "versionState": "VERSION_STATE_STABLE",
    }
