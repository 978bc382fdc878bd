"""Calls, what is sent for them, and what is read of recorded answers."""

from __future__ import annotations

import base64
import functools
import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from hexgate.adapters.framing.eventstream import encode
from hexgate.adapters.providers.dialects.bedrock_converse import BedrockConverse
from hexgate.adapters.providers.wire import WireRequest
from hexgate.domain.answer import Chunk, ReasoningDelta, TextDelta, ToolCallDelta
from hexgate.domain.call import ChatCall, Options
from hexgate.domain.chat import CacheMark, Message, Part, Role, Text
from hexgate.domain.errors import GatewayError, Unsupported
from hexgate.domain.spec import Spec, Tool
from tests import fakes

DATA = Path(__file__).parents[4] / "data" / "bedrock_converse"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OLD_CLAUDE = "anthropic.claude-3-sonnet-20240229-v1:0"
NEW_CLAUDE = "global.anthropic.claude-opus-4-7"
NOVA, NOVA2 = "amazon.nova-lite-v1:0", "us.amazon.nova-2-lite-v1:0"
TITAN = "amazon.titan-text-express-v1"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
GPT_OSS = "openai.gpt-oss-120b-1:0"
HELLO = (Message(Role.USER, (Text("Hi"),)),)
HOUR = CacheMark(3600)
WEATHER = Tool("weather", "Looks up.", '{"properties":{"city":{"type":"string"}}}')
NOW = Tool("now", "", "")
DIALECT = BedrockConverse("aws", "https://control.test")


def ask(model: str = CLAUDE, options: Options | None = None, limit: int = 5000, **spec: Any) -> Any:
    """A call with these fields of Spec."""
    whole = Spec(model=model, **{"messages": HELLO, **spec})
    return fakes.call(
        model=model, max_output_tokens=limit, spec=whole, options=options or Options()
    )


def sent(call: ChatCall, *, stream: bool = False) -> WireRequest:
    """The request, which botocore accepts."""
    request = DIALECT.request(call, stream=stream)
    accepted(call.model, request.payload, stream=stream)
    return request


def body(call: ChatCall) -> Any:
    """The payload."""
    return sent(call).payload


def turns(*messages: Message, model: str = CLAUDE, **spec: Any) -> Any:
    """The turns that messages become."""
    return body(ask(model, messages=messages, **spec))["messages"]


def user(*parts: Part) -> Message:
    """The user says it."""
    return Message(Role.USER, parts)


def model(*parts: Part) -> Message:
    """The model said it."""
    return Message(Role.ASSISTANT, parts)


def tool(*parts: Part) -> Message:
    """A tool returned it."""
    return Message(Role.TOOL, parts)


def warned(call: ChatCall) -> list[tuple[str, str]]:
    """Codes and fields of the warnings."""
    return [(warning.code, warning.field) for warning in sent(call).warnings]


def refused(call: ChatCall, *, stream: bool = False) -> list[str]:
    """The fields that are refused."""
    with pytest.raises(Unsupported) as caught:
        DIALECT.request(call, stream=stream)
    return [violation.field for violation in caught.value.violations]


@functools.cache
def shape(operation: str) -> Any:
    """The vendor's own type of a request."""
    service = botocore.session.Session().get_service_model("bedrock-runtime")
    return service.operation_model(operation).input_shape


def accepted(name: str, payload: Any, *, stream: bool) -> None:
    """The vendor's own type takes it and knows every field."""
    params = {"modelId": name, **unblobbed(payload)}
    report = ParamValidator().validate(params, shape("ConverseStream" if stream else "Converse"))
    assert not report.has_errors(), report.generate_report()


def unblobbed(value: Any) -> Any:
    """The same with bytes where the wire has base64."""
    if isinstance(value, list):
        return [unblobbed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item, validate=True)
        if key in ("bytes", "redactedContent") and isinstance(item, str)
        else unblobbed(item)
        for key, item in value.items()
    }


def recorded(name: str) -> list[Any]:
    """Headers and payloads of a recorded stream."""
    lines = (DATA / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def streamed(events: Iterable[Any]) -> bytes:
    """A stream as it comes."""
    return b"".join(
        encode(headers, json.dumps(payload, ensure_ascii=False).encode())
        for headers, payload in events
    )


def event(name: str, **payload: Any) -> Any:
    """One event."""
    return [{":event-type": name, ":message-type": "event"}, payload]


def read(*pieces: bytes) -> tuple[list[Chunk], GatewayError | None]:
    """Everything a stream says, its end included, and what went wrong."""
    reader = DIALECT.reader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks += reader.feed(piece)
        if reader.failure is not None:
            return chunks, reader.failure
    chunks += reader.end()
    return chunks, reader.failure


def said(*pieces: bytes) -> list[Chunk]:
    """The same of a stream in which nothing goes wrong."""
    chunks, failure = read(*pieces)
    assert failure is None, failure
    return chunks


def joined(chunks: Iterable[Chunk]) -> list[Chunk]:
    """The same chunks with neighbouring deltas of one part in one piece."""
    out: list[Chunk] = []
    for chunk in chunks:
        match out[-1] if out else None, chunk:
            case TextDelta(i, a), TextDelta(j, b) if i == j:
                out[-1] = TextDelta(i, a + b)
            case ReasoningDelta(i, a), ReasoningDelta(j, b) if i == j:
                out[-1] = ReasoningDelta(i, a + b)
            case ToolCallDelta(i, a), ToolCallDelta(j, b) if i == j:
                out[-1] = ToolCallDelta(i, a + b)
            case _:
                out.append(chunk)
    return out


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces."""
    edges = [0, *sorted(edge % (len(data) + 1) for edge in at), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]
