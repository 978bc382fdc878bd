"""EmbeddingService: what is asked, in the words of the domain, and the vectors that come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hexgate.application.embed import Embed
from hexgate.application.requests import EmbedRequest
from hexgate.domain.call import Options
from hexgate.domain.chat import Media, Text
from hexgate.domain.embed import EmbedInput, EmbedSpec, Purpose
from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.validation import KIND, refused
from hexgate.entrypoints.grpc import parse, render, wishes
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.v1 import embedding_service_pb2 as pb
from hexgate.v1 import generation_pb2

_PURPOSES: Mapping[int, Purpose | None] = {
    pb.EMBED_PURPOSE_UNSPECIFIED: None,
    pb.EMBED_PURPOSE_QUERY: Purpose.QUERY,
    pb.EMBED_PURPOSE_DOCUMENT: Purpose.DOCUMENT,
    pb.EMBED_PURPOSE_SIMILARITY: Purpose.SIMILARITY,
    pb.EMBED_PURPOSE_CLASSIFICATION: Purpose.CLASSIFICATION,
    pb.EMBED_PURPOSE_CLUSTERING: Purpose.CLUSTERING,
}


class EmbeddingMethods:
    """The methods of EmbeddingService."""

    def __init__(self, embed: Embed, new_id: Callable[[], str]) -> None:
        self._embed = embed
        self._new_id = new_id

    async def embed(
        self, message: pb.EmbedRequest, scope: Scope[pb.EmbedResponse]
    ) -> pb.EmbedResponse:
        """One vector for each input, all or none."""
        scope.call_id = self._new_id()
        request = EmbedRequest(
            call_id=scope.call_id,
            tenant=TENANT,
            spec=_spec(message),
            options=_options(message.options),
            deadline=scope.deadline,
        )
        return render.vectors(await self._embed(request))


def _spec(message: pb.EmbedRequest) -> EmbedSpec:
    """Translate what is asked. Raises InvalidRequest."""
    strange: list[Violation] = []
    spec = EmbedSpec(
        model=message.model,
        inputs=tuple(_input(f"inputs[{i}]", one, strange) for i, one in enumerate(message.inputs)),
        dimensions=message.dimensions if message.HasField("dimensions") else None,
        purpose=parse.known("purpose", message.purpose, _PURPOSES),
    )
    if strange:
        raise refused(*strange)
    return spec


def _input(path: str, proto: pb.EmbedInput, strange: list[Violation]) -> EmbedInput:
    parts: list[Text | Media] = []
    for index, one in enumerate(proto.parts):
        part = parse.part(f"{path}.parts[{index}]", one)
        if isinstance(part, Text | Media):
            parts.append(part)
        else:
            where = f"{path}.parts[{index}].{KIND[type(part)]}"
            strange.append(
                Violation(where, "cannot be embedded; allowed: text, media", "NOT_APPLICABLE")
            )
    return tuple(parts)


def _options(proto: generation_pb2.CallOptions) -> Options:
    """Translate how to make the call. Raises InvalidRequest for what only completions have."""
    options = wishes.options(proto)
    if proto.include_raw_response:
        raise _only_completions("options.include_raw_response")
    for field, value in proto.cache.ListFields():
        if (field.name, value) != ("mode", generation_pb2.CACHE_MODE_BYPASS):
            raise _only_completions(f"options.cache.{field.name}")
    return options


def _only_completions(field: str) -> InvalidRequest:
    return parse.invalid(field, "is for completions; leave it unset", "NOT_APPLICABLE")
