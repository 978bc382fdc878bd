"""Recorded answers, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hexgate.adapters.providers.dialects.gemini import Gemini
from hexgate.adapters.providers.wire import WireResponse
from hexgate.domain.answer import (
    Chunk,
    Completion,
    Finished,
    ReasoningDelta,
    TextDelta,
    UsageUpdate,
)

DATA = Path(__file__).parents[4] / "data" / "gemini"
GOOD = ("text", "tools", "thinking", "filtered")


def recorded(name: str) -> bytes:
    return (DATA / name).read_bytes()


def read(*pieces: bytes) -> list[Chunk]:
    """Everything a stream says, its end included; raises what ended it."""
    reader = Gemini("gemini").reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += reader.feed(piece)
        if reader.failure is not None:
            raise reader.failure
    chunks += reader.end()
    if reader.failure is not None:
        raise reader.failure
    return chunks


def whole(body: bytes) -> Completion:
    return Gemini("gemini").completion(WireResponse(200, {}, body))


def shown(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The same chunks without counts, neighbouring deltas of one part in one piece."""
    out: list[Chunk] = []
    for chunk in chunks:
        match out[-1] if out else None, chunk:
            case _, UsageUpdate():
                pass
            case TextDelta(i, a, p), TextDelta(j, b, q) if i == j:
                out[-1] = TextDelta(i, a + b, p + q)
            case ReasoningDelta(i, a), ReasoningDelta(j, b) if i == j:
                out[-1] = ReasoningDelta(i, a + b)
            case _:
                out.append(chunk)
    return out


def finished(chunks: Iterable[Chunk]) -> Finished:
    *_, end = chunks
    assert isinstance(end, Finished)
    return end


def body(*parts: Any, finish: str = "", **beside: Any) -> dict[str, Any]:
    """One answer, or a piece of it; what is beside it may be the candidate's under `candidate`."""
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": [*parts]}, "index": 0}
    candidate |= beside.pop("candidate", {})
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], **beside}


def sse(*bodies: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(each).encode() + b"\r\n\r\n" for each in bodies)


def dumped(value: Any) -> bytes:
    return json.dumps(value).encode()
