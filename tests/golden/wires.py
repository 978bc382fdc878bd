"""The wires of the providers: a usage block as a whole answer, a stream or vectors, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.vendors import VENDORS
from hexgate.adapters.providers.vertex import Vertex
from hexgate.adapters.providers.wire import Dialect, WireResponse
from hexgate.domain.answer import Finished
from hexgate.domain.usage import Usage

Block: TypeAlias = dict[str, Any]
"""A usage block, as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How a kind of provider says what was used.

    `flavor` is what the package of prices calls this wire, empty where it does not know it.
    """

    kind: str
    whole: Callable[[str, Block], Block]
    stream: Callable[[str, Block], bytes] | None = None  # None: vectors, which are not streamed
    flavor: str = ""

    def read(self, model: str, block: Block, *, streamed: bool = False) -> Usage | None:
        """What the gateway's own dialect makes of an answer of a model with this block."""
        account = Account(kind=self.kind, name=self.kind, project="p", location="us-east5")
        if self.stream is None:
            embeddings = VENDORS[self.kind].embeddings
            assert embeddings is not None
            return embeddings(account).vectors([self._response(model, block)]).usage
        dialect = VENDORS[self.kind].dialect(account)
        if isinstance(dialect, Vertex):
            dialect = dialect.for_model(model)
        if streamed:
            return _ended(dialect, self.stream(model, block))
        return dialect.completion(self._response(model, block)).usage

    def _response(self, model: str, block: Block) -> WireResponse:
        return WireResponse(200, {}, json.dumps(self.whole(model, block)).encode())


def _ended(dialect: Dialect, data: bytes) -> Usage | None:
    reader = dialect.reader()
    chunks = [*reader.feed(data), *reader.end()]
    assert reader.failure is None, reader.failure
    end = chunks[-1]
    assert isinstance(end, Finished)
    return end.usage


def _events(*events: Block, named: bool = False) -> bytes:
    heads = (f"event: {each['type']}\n" if named else "" for each in events)
    return "".join(
        f"{head}data: {json.dumps(each)}\n\n" for head, each in zip(heads, events, strict=True)
    ).encode()


def _chat(model: str, block: Block) -> Block:
    message = {"role": "assistant", "content": "Yes.", "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_764_460_800,
        "model": model,
        "choices": [choice],
        "usage": block,
    }


def _chat_stream(model: str, block: Block) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model}
    delta = {"index": 0, "delta": {"role": "assistant", "content": "Yes."}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks = (
        {**head, "choices": [delta], "usage": None},
        {**head, "choices": [last], "usage": None},
        {**head, "choices": [], "usage": block},
    )
    return _events(*chunks) + b"data: [DONE]\n\n"


def _message(model: str, block: Block) -> Block:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": block,
    }


def _message_stream(model: str, block: Block) -> bytes:
    """What was read is told at the beginning, what was written at the end."""
    begun = {**_message(model, {**block, "output_tokens": 1}), "content": [], "stop_reason": None}
    told = {
        name: block[name] for name in ("output_tokens", "output_tokens_details") if name in block
    }
    return _events(
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Yes."},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": told,
        },
        {"type": "message_stop"},
        named=True,
    )


def _cohere(_model: str, block: Block) -> Block:
    return {
        "id": "5b1c0f0e",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
        "finish_reason": "COMPLETE",
        "usage": block,
    }


def _cohere_stream(_model: str, block: Block) -> bytes:
    def content(**inner: str) -> Block:
        return {"message": {"content": inner}}

    return _events(
        {"type": "message-start", "id": "5b1c0f0e", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0, "delta": content(type="text", text="")},
        {"type": "content-delta", "index": 0, "delta": content(text="Yes.")},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": block}},
        named=True,
    )


def _content(model: str, block: Block) -> Block:
    content = {"role": "model", "parts": [{"text": "Yes."}]}
    candidate = {"content": content, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "usageMetadata": block, "modelVersion": model}


def _content_stream(model: str, block: Block) -> bytes:
    """The counts so far come with every piece; the last ones count."""
    piece = {"content": {"role": "model", "parts": [{"text": "Ye"}]}, "index": 0}
    so_far = {"promptTokenCount": block["promptTokenCount"], "totalTokenCount": 1 << 30}
    begun = {"candidates": [piece], "usageMetadata": so_far, "modelVersion": model}
    return _events(begun, _content(model, block))


def _converse(_model: str, block: Block) -> Block:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": "Yes."}]}},
        "stopReason": "end_turn",
        "usage": block,
        "metrics": {"latencyMs": 731},
    }


def _converse_stream(_model: str, block: Block) -> bytes:
    events: tuple[tuple[str, Block], ...] = (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Yes."}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": block, "metrics": {"latencyMs": 731}}),
    )
    return b"".join(
        encode({":event-type": name, ":message-type": "event"}, json.dumps(payload).encode())
        for name, payload in events
    )


def _ollama(model: str, block: Block) -> Block:
    return {
        "model": model,
        "created_at": "2026-11-30T10:15:30.123456789Z",
        "message": {"role": "assistant", "content": "Yes."},
        "done": True,
        "done_reason": "stop",
        **block,
    }


def _ollama_stream(model: str, block: Block) -> bytes:
    end = _ollama(model, block)
    begun = {key: end[key] for key in ("model", "created_at", "message")} | {"done": False}
    last = {**end, "message": {"role": "assistant", "content": ""}}
    return f"{json.dumps(begun)}\n{json.dumps(last)}\n".encode()


OPENAI = Wire(kind="openai", whole=_chat, stream=_chat_stream, flavor="chat")
OPENAI_EMBEDDINGS = Wire(
    kind="openai",
    whole=lambda model, block: {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "model": model,
        "usage": block,
    },
    flavor="embeddings",
)
AZURE = Wire(kind="azure", whole=_chat, stream=_chat_stream, flavor="chat")
XAI = Wire(kind="xai", whole=_chat, stream=_chat_stream, flavor="chat")
ANTHROPIC = Wire(kind="anthropic", whole=_message, stream=_message_stream, flavor="default")
CLAUDE_ON_VERTEX = Wire(kind="vertex", whole=_message, stream=_message_stream, flavor="anthropic")
COHERE = Wire(kind="cohere", whole=_cohere, stream=_cohere_stream, flavor="default")
COHERE_EMBEDDINGS = Wire(
    kind="cohere",
    whole=lambda _, block: {
        "id": "1",
        "embeddings": {"float": [[0.5]]},
        "meta": {"api_version": {"version": "2"}, "billed_units": block},
    },
    flavor="embeddings",
)
GEMINI = Wire(kind="gemini", whole=_content, stream=_content_stream, flavor="default")
GEMINI_EMBEDDINGS = Wire(
    kind="gemini",
    whole=lambda _, block: {"embeddings": [{"values": [0.5]}], "usageMetadata": block},
    flavor="default",
)
VERTEX = Wire(kind="vertex", whole=_content, stream=_content_stream, flavor="default")
BEDROCK = Wire(kind="bedrock", whole=_converse, stream=_converse_stream, flavor="default")
BEDROCK_EMBEDDINGS = Wire(kind="bedrock", whole=lambda _, block: {"embedding": [0.5], **block})
OLLAMA = Wire(kind="ollama", whole=_ollama, stream=_ollama_stream)
