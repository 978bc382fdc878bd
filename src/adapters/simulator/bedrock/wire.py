"""How Bedrock speaks: credentials, headers, errors, endpoints."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from zlib import crc32

from hexgate.adapters.simulator import models, tokens
from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.bedrock import embeds, listings, reading, signed
from hexgate.adapters.simulator.bedrock.answers import Chat, dumped, message
from hexgate.adapters.simulator.bedrock.checks import invalid
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.routes import Visit, answers, gives
from hexgate.adapters.simulator.wire import Error, Exchange, Origin, Refused, Wrong
from hexgate.domain.json import JsonObject

_MODEL = "/model/(?P<model>[^/]+)"
_PREFIX = re.compile(r"^(?:us|eu|apac|global)\.")
_PAGE = "http://internal.amazon.com/coral/com.amazon.bedrock/"
_INVALID = "ValidationException"
# Status, code, message. Sources: the service model of bedrock-runtime and AWS's common errors.
_ERRORS: dict[Wrong, tuple[int, str, str]] = {
    Wrong.INVALID: (400, _INVALID, "The request is not valid."),
    Wrong.UNAUTHORIZED: (
        403,
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
    ),
    Wrong.FORBIDDEN: (403, "AccessDeniedException", "You don't have access to the model."),
    Wrong.NO_MODEL: (404, "ResourceNotFoundException", "This model version has reached its end."),
    Wrong.NO_ROUTE: (404, "UnknownOperationException", "Unknown operation"),
    Wrong.NO_METHOD: (405, "UnknownOperationException", "Unknown operation"),
    Wrong.TOO_LARGE: (413, "RequestEntityTooLargeException", "Request is too large"),
    Wrong.NOT_JSON: (400, "SerializationException", "The body is not valid JSON"),
    Wrong.TOO_LONG: (400, _INVALID, "Input is too long for requested model."),
    Wrong.FILTERED: (400, _INVALID, "The prompt has been blocked by our content filters."),
    Wrong.LIMITED: (429, "ThrottlingException", "Too many requests, please wait."),
    Wrong.QUOTA: (400, "ServiceQuotaExceededException", "Your quota is exceeded."),
    Wrong.SPEND_LIMIT: (400, "ServiceQuotaExceededException", "Your quota is exceeded."),
    Wrong.E500: (500, "InternalServerException", "The system encountered an unexpected error."),
    Wrong.E502: (502, "", "Bad gateway"),
    Wrong.E503: (503, "ServiceUnavailableException", "Bedrock is unable to process your request."),
    Wrong.E504: (504, "", "Endpoint request timed out"),
    Wrong.E529: (529, "ServiceUnavailableException", "Overloaded"),
}


class Bedrock:
    """See Wire. Both planes are in one place: answers below `/model`, listings beside it."""

    stream_type = "application/vnd.amazon.eventstream"

    def __init__(self) -> None:
        self.routes = (
            answers(f"{_MODEL}/converse"),
            answers(f"{_MODEL}/converse-stream"),
            answers(f"{_MODEL}/invoke"),
            gives("POST", f"{_MODEL}/count-tokens", self.count),
            gives("GET", "/foundation-models", lambda visit: listings.all_models(visit.query)),
            gives(
                "GET",
                "/foundation-models/(?P<model>.+)",
                lambda visit: listings.model(visit.names["model"]),
            ),
            gives("GET", "/inference-profiles", lambda visit: listings.profiles(visit.query)),
        )

    def admit(self, headers: Mapping[str, str]) -> None:
        """See `signed.admit`."""
        signed.admit(headers)

    def read(self, visit: Visit, origin: Origin) -> Exchange:
        """See Wire."""
        name = _name(visit.names["model"])
        if visit.path.endswith("/invoke"):
            vectors = embeds.read(visit.names["model"], name, visit.body)
            if vectors is None:
                raise invalid("The provided model identifier is invalid.")
            return vectors
        request = reading.read(visit.body)
        if not models.known(name):
            raise invalid("The provided model identifier is invalid.")
        ask = reading.ask(name, request)
        if tokens.prompt(ask) > models.CONTEXT_TOKENS:
            raise Refused(Wrong.TOO_LONG)
        return Chat(ask, request, origin, stream=visit.path.endswith("-stream"))

    def count(self, visit: Visit) -> bytes:
        """The answer of `count-tokens`. Raises Refused."""
        name = _name(visit.names["model"])
        if not models.known(name):
            raise invalid("The provided model identifier is invalid.")
        found = reading.read_count(visit.body)
        if isinstance(found, str):
            return dumped({"inputTokens": tokens.count(found)})
        return dumped({"inputTokens": tokens.prompt(reading.ask(name, found))})

    def cached(self, memory: Memory, ask: Ask) -> Cached:
        """Prompts are cached where they say so."""
        return memory.marked(ask)

    def headers(self, answer: Answer | None, origin: Origin) -> dict[str, str]:
        """An id; and the tokens of the prompt, which some vectors come without otherwise."""
        headers = {"x-amzn-RequestId": _id(origin)}
        if answer is not None and answer.usage:
            headers["X-Amzn-Bedrock-Input-Token-Count"] = str(answer.input_tokens)
        return headers

    def error(self, refused: Refused, origin: Origin) -> Error:
        """See Wire."""
        status, code, text = _ERRORS[refused.wrong]
        headers = {**self.headers(None, origin), **refused.headers}
        if code := refused.code or code:
            headers["x-amzn-ErrorType"] = f"{code}:{_PAGE}"
        return Error(status, dumped({"message": refused.message or text}), headers)

    def error_event(self) -> bytes:
        """See Wire."""
        said: JsonObject = {"message": "The model failed.", "originalStatusCode": 500}
        return message("exception", "modelStreamErrorException", dumped(said))

    def broken_event(self) -> bytes:
        """See Wire. Its checksums are right."""
        return message("event", "contentBlockDelta", b'{"contentBlockIndex":0,"del')

    def padding(self) -> tuple[bytes, bytes]:
        """See Wire. The head announces a message of a gigabyte."""
        lengths = struct.pack(">II", 1 << 30, 64)
        head = lengths + struct.pack(">I", crc32(lengths))
        return head, message("event", "padding", dumped({"p": "la " * 50}))


def _name(model: str) -> str:
    """The model of a profile's id, or of an ARN."""
    return _PREFIX.sub("", model.rpartition("/")[2])


def _id(origin: Origin) -> str:
    """Looks like a UUID, and is the same for the same request."""
    text = origin.token.encode().hex()[:32]
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
