"""Recorded streams, made ones, and what a reader makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hexgate.adapters.providers.dialects.openai_chat import OPENAI, OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.quirks import Quirks
from hexgate.adapters.providers.wire import Dialect
from hexgate.domain.answer import Chunk, PartFinished, ReasoningDelta, TextDelta, ToolCallDelta
from hexgate.domain.chat import Part
from hexgate.domain.errors import GatewayError

DATA = Path(__file__).parents[4] / "data" / "openai_chat"
NAMES = ("text", "tools", "reasoning", "refusal", "logprobs", "azure_filter")
RECORDED = {name: (DATA / f"{name}.sse").read_bytes() for name in (*NAMES, "no_done")}


def read(*pieces: bytes, quirks: Quirks = OPENAI) -> list[Chunk]:
    """Everything a stream says, its end included; raises the failure that ends it."""
    chunks, failure = said(*pieces, quirks=quirks)
    if failure is not None:
        raise failure
    return chunks


def said(
    *pieces: bytes, quirks: Quirks = OPENAI, dialect: Dialect | None = None
) -> tuple[list[Chunk], GatewayError | None]:
    """Everything a stream says up to its end or failure, and the failure."""
    reader = (dialect or OpenAIChat("openai", quirks)).reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks.extend(reader.feed(piece))
        if reader.failure is not None:
            return chunks, reader.failure
    chunks.extend(reader.end())
    return chunks, reader.failure


def joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The same chunks with neighbouring deltas of one part in one piece."""
    out: list[Chunk] = []
    for chunk in chunks:
        match out[-1] if out else None, chunk:
            case TextDelta(i, a, p), TextDelta(j, b, q) if i == j:
                out[-1] = TextDelta(i, a + b, p + q)
            case ReasoningDelta(i, a), ReasoningDelta(j, b) if i == j:
                out[-1] = ReasoningDelta(i, a + b)
            case ToolCallDelta(i, a), ToolCallDelta(j, b) if i == j:
                out[-1] = ToolCallDelta(i, a + b)
            case _:
                out.append(chunk)
    return out


def event(data: object) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return event({"id": "x", "choices": [{"delta": fields, "finish_reason": finish}]})


def call(index: int | None, name: str = "", arguments: str = "", **fields: Any) -> bytes:
    function = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
    fragment = {"function": function, **fields}
    return delta(tool_calls=[fragment if index is None else {"index": index, **fragment}])


STOP, DONE = delta("stop"), b"data: [DONE]\n\n"


def parts(*pieces: bytes) -> list[Part]:
    """The finished parts of a stream."""
    return [chunk.part for chunk in read(*pieces) if isinstance(chunk, PartFinished)]
