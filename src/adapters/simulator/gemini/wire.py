"""How the Developer API speaks: credentials, errors, listings, counting, embedding."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.gemini import reading
from hexgate.adapters.simulator.gemini import requests as wire
from hexgate.adapters.simulator.gemini.answers import Chat, dumped, event
from hexgate.adapters.simulator.gemini.checks import invalid
from hexgate.adapters.simulator.gemini.refusals import error_body, status_of
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.routes import Visit, answers, embeds, gives
from hexgate.adapters.simulator.vectors import DIMENSIONS, vector
from hexgate.adapters.simulator.wire import Error, Origin, Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_METHODS = ("generateContent", "countTokens", "embedContent", "batchEmbedContents")
_PAGE = 50
_STREAM = ":streamGenerateContent"


class Google:
    """What both APIs have in common. See Wire."""

    stream_type = "text/event-stream"

    def admit(self, headers: Mapping[str, str]) -> None:
        """Any key but `invalid`, in the vendor's header or as a bearer token."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        key = headers.get("x-goog-api-key") or (token if kind.lower() == "bearer" else "")
        if not key.strip():
            raise Refused(
                Wrong.FORBIDDEN, "Method doesn't allow unregistered callers. Please use a key."
            )
        if key.strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED)

    def unknown(self, model: str) -> Refused:
        """The refusal of a model that is not offered."""
        text = f"models/{model} is not found for API version v1beta, or is not supported"
        return Refused(Wrong.NO_MODEL, text)

    def known(self, model: str) -> str:
        """The model, if it is offered. Raises Refused."""
        if not models.known(model):
            raise self.unknown(model)
        return model

    def cached(self, memory: Memory, ask: Ask) -> Cached:
        """Prompts are cached without being asked."""
        return memory.automatic(ask)

    def headers(self, _answer: Answer | None, origin: Origin) -> dict[str, str]:
        """See Wire."""
        return {"x-goog-request-id": origin.token, "Vary": "Origin"}

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire. A prompt that is blocked is no error: the answer has no candidates."""
        headers = {**self.headers(None, origin), **refused.headers}
        if refused.wrong is Wrong.FILTERED:
            body: JsonObject = {
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1},
                "responseId": origin.token,
            }
            if refused.stream:
                return Error(200, event(body).data, {**headers, "Content-Type": self.stream_type})
            return Error(200, dumped(body), headers)
        status = status_of(refused.wrong, keyed=isinstance(self, Gemini))
        return Error(status[0], dumped(error_body(refused, *status)), headers)

    def error_event(self) -> bytes:
        """See Wire."""
        text = "The model is overloaded. Please try again later."
        return event({"error": {"code": 503, "message": text, "status": "UNAVAILABLE"}}).data

    def broken_event(self) -> bytes:
        """See Wire."""
        return b'data: {"candidates":[{"content":{"role":"model","parts":[{"te\r\n\r\n'

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire."""
        return b"data: ", event({"candidates": [{"index": 0}], "modelVersion": "x" * 1000}).data


class Gemini(Google):
    """See Wire."""

    def __init__(self) -> None:
        model = "/v1beta/(?:models|tunedModels)/(?P<model>[^/:]+)"
        self.routes = (
            answers(model + ":generateContent"),
            answers(model + _STREAM),
            gives("POST", model + ":countTokens", self.count),
            embeds(model + ":embedContent", self.embed),
            embeds(model + ":batchEmbedContents", self.batch),
            gives("GET", "/v1beta/models", self.listing),
            gives("GET", model, lambda visit: dumped(_model(self.known(visit.names["model"])))),
        )

    def read(self, visit: Visit, origin: Origin) -> Chat:
        """See Wire."""
        stream = streams(visit)
        request = reading.read(wire.DEVELOPER, visit.body)
        return exchange(
            request, self.known(visit.names["model"]), origin, stream=stream, call_ids=True
        )

    def count(self, visit: Visit) -> bytes:
        """The answer of countTokens. Raises Refused."""
        body = reading.body(wire.COUNT, visit.body)
        request: wire.Prompt = body.generate_content_request or body
        asked = tokens.prompt(reading.ask(request, self.known(visit.names["model"])))
        details: list[Json] = [{"modality": "TEXT", "tokenCount": asked}]
        return dumped({"totalTokens": asked, "promptTokensDetails": details})

    def embed(self, visit: Visit) -> bytes:
        """The answer of embedContent. Raises Refused."""
        self.known(visit.names["model"])
        batch = reading.body(wire.BATCH, b'{"requests":[' + visit.body + b"]}")
        return dumped({"embedding": _values(batch.requests[0])})

    def batch(self, visit: Visit) -> bytes:
        """The answer of batchEmbedContents. Raises Refused."""
        self.known(visit.names["model"])
        batch = reading.body(wire.BATCH, visit.body)
        for each in batch.requests:
            if each.model.rpartition("/")[2] != visit.names["model"]:
                raise invalid("* BatchEmbedContentsRequest.requests: model must match the path")
        spent = sum(tokens.count(reading.words(each.content)) for each in batch.requests)
        found: list[Json] = [_values(each) for each in batch.requests]
        return dumped({"embeddings": found, "usageMetadata": {"promptTokenCount": spent}})

    def listing(self, visit: Visit) -> bytes:
        """`GET /v1beta/models`: at most `pageSize` of them, from `pageToken` on. Raises Refused."""
        start, size = page(visit.query)
        listed: list[Json] = [_model(model.name) for model in models.LISTED]
        body: JsonObject = {"models": listed[start : start + size]}
        if start + size < len(listed):
            body["nextPageToken"] = str(start + size)
        return dumped(body)


def exchange(
    request: wire.Prompt, model: str, origin: Origin, *, stream: bool, call_ids: bool
) -> Chat:
    """A checked request as an exchange. Raises Refused for a prompt that is too long."""
    ask = reading.ask(request, model)
    size = tokens.prompt(ask)
    if size > models.CONTEXT_TOKENS:
        raise Refused(
            Wrong.TOO_LONG,
            f"The input token count ({size}) exceeds the maximum number of tokens allowed "
            f"({models.CONTEXT_TOKENS}).",
        )
    return Chat(ask=ask, request=request, origin=origin, stream=stream, call_ids=call_ids)


def streams(visit: Visit) -> bool:
    """Whether the path asks for a stream; the simulator only has server-sent events."""
    stream = visit.path.endswith(_STREAM)
    if stream and visit.query.get("alt") != "sse":
        raise invalid("alt: streams are simulated as server-sent events alone; send alt=sse")
    return stream


def page(query: Mapping[str, str]) -> tuple[int, int]:
    """Where a page of a listing starts, and its size. Raises Refused."""
    size, token = query.get("pageSize", str(_PAGE)), query.get("pageToken", "0")
    if not size.isdecimal() or not token.isdecimal():
        raise invalid("* ListModelsRequest: page_size or page_token is not valid")
    return int(token), min(int(size) or _PAGE, 1000)


def _values(request: wire.Embed) -> JsonObject:
    values: list[Json] = [
        *vector(reading.words(request.content), request.output_dimensionality or DIMENSIONS)
    ]
    return {"values": values}


def _model(name: str) -> JsonObject:
    listed = {model.name: model for model in models.LISTED}
    methods: list[Json] = [*_METHODS]
    return {
        "name": f"models/{name}",
        "version": "1",
        "displayName": name,
        "description": listed[name].says if name in listed else name,
        "inputTokenLimit": models.CONTEXT_TOKENS,
        "outputTokenLimit": models.CONTEXT_TOKENS,
        "supportedGenerationMethods": methods,
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": name in listed and "thinking" in listed[name].capabilities,
    }
