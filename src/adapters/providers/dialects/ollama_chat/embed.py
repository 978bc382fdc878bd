"""Vectors from Ollama's /api/embed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from hexgate.adapters.providers import lenient
from hexgate.adapters.providers.dialects.ollama_chat.errors import from_line
from hexgate.adapters.providers.dialects.ollama_chat.structs import Vectors
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.lacking import Lacking
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.call import EmbedCall
from hexgate.domain.chat import Media
from hexgate.domain.embed import Embedded, EmbedInput
from hexgate.domain.json import JsonObject
from hexgate.domain.usage import Usage

PATH = "/api/embed"
# The server has no limit of its own; this keeps the bodies of answers within bounds.
AT_ONCE = 512
_BETWEEN = "\n\n"  # the parts of one input are one string on the wire
_BODY = msgspec.json.Decoder(Vectors)


class OllamaEmbeddings:
    """How Ollama embeds. `provider` is the name that errors go by.

    Inputs that are too long are refused by the server, as `truncate` is off.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """See Embeddings."""
        lacking = Lacking(call)
        spec = call.spec
        texts = [_text(f"inputs[{i}]", parts, lacking) for i, parts in enumerate(spec.inputs)]
        if spec.purpose is not None:
            lacking.drop("purpose", "saying what vectors are for")
        common: JsonObject = {"model": call.model, "truncate": False}
        if spec.dimensions is not None:
            common["dimensions"] = spec.dimensions
        warnings = lacking.settle()
        return [
            WireRequest(PATH, {**common, "input": [*texts[start : start + AT_ONCE]]}, warnings)
            for start in range(0, len(texts), AT_ONCE)
        ]

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """See Embeddings."""
        vectors: list[Sequence[float]] = []
        usage: Usage | None = Usage()
        model = ""
        for response in responses:
            body = self._decoded(response)
            vectors += body.embeddings
            counted = lenient.count(body.prompt_eval_count)
            if usage is not None:
                usage = None if counted is None else usage + Usage(uncached_input=counted)
            model = lenient.text(body.model)
        if not all(vectors):
            raise bad(self._provider, "answered with an empty vector")
        return Embedded(vectors=vectors, usage=usage, model=model)

    def _decoded(self, response: WireResponse) -> Vectors:
        try:
            body = _BODY.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as broken:
            raise bad(self._provider, "answered with something that is no vectors") from broken
        if body.error is not None:
            raise from_line(self._provider, body.error)
        if not body.embeddings:
            raise bad(self._provider, "answered without vectors")
        return body


def _text(path: str, parts: EmbedInput, lacking: Lacking) -> str:
    """The words of one input; the wire has no place for anything else."""
    words: list[str] = []
    for index, part in enumerate(parts):
        if isinstance(part, Media):
            lacking.refuse(f"{path}.parts[{index}].media", "embedding media; send text")
        else:
            words.append(part.text)
    return _BETWEEN.join(words)
