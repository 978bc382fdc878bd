"""The same questions on every wire, and the answers read back."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(40))
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "unit": {"enum": ["c", "f"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 5},
    },
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}
NAMES = ("weather", "tides")


@dataclass(frozen=True)
class Question:
    """One turn of a user."""

    model: str = "sim-story"
    text: str = "Tell me of the sea."
    tools: tuple[str, ...] = ()
    image: bytes = b""
    max_tokens: int = 4000
    stop: tuple[str, ...] = ()
    stream: bool = False


@dataclass
class Heard:
    """What was said."""

    text: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    finish: str = ""
    tokens: tuple[int, int] = (0, 0)


def openai_body(ask: Question) -> dict[str, Any]:
    content: Any = ask.text
    if ask.image:
        url = "data:image/png;base64," + base64.b64encode(ask.image).decode()
        image = {"type": "image_url", "image_url": {"url": url}}
        content = [{"type": "text", "text": ask.text}, image]
    body: dict[str, Any] = {
        "model": ask.model,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": content},
        ],
        "max_completion_tokens": ask.max_tokens,
        "stream": ask.stream,
    }
    if ask.stop:
        body["stop"] = list(ask.stop)
    if ask.stream:
        body["stream_options"] = {"include_usage": True}
    if ask.tools:
        body["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
            for name in ask.tools
        ]
    return body


def anthropic_body(ask: Question) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": ask.text}]
    if ask.image:
        data = base64.b64encode(ask.image).decode()
        source = {"type": "base64", "media_type": "image/png", "data": data}
        content.append({"type": "image", "source": source})
    body: dict[str, Any] = {
        "model": ask.model,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": ask.max_tokens,
        "stream": ask.stream,
        "stop_sequences": list(ask.stop),
    }
    if ask.tools:
        body["tools"] = [{"name": name, "input_schema": SCHEMA} for name in ask.tools]
    return body


def ollama_body(ask: Question) -> dict[str, Any]:
    user: dict[str, Any] = {"role": "user", "content": ask.text}
    if ask.image:
        user["images"] = [base64.b64encode(ask.image).decode()]
    return {
        "model": ask.model,
        "messages": [{"role": "system", "content": "Be brief."}, user],
        "stream": ask.stream,
        "options": {"num_predict": ask.max_tokens, "stop": list(ask.stop)},
        "tools": [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
            for name in ask.tools
        ],
    }


PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages", "ollama": "/api/chat"}
BODIES = {"openai": openai_body, "anthropic": anthropic_body, "ollama": ollama_body}
HEADERS = {"openai": {}, "anthropic": {"anthropic-version": "2023-06-01"}, "ollama": {}}


def post(http: aiohttp.ClientSession, wire: str, ask: Question) -> Any:
    """The request, not yet sent."""
    return http.post(PATHS[wire], json=BODIES[wire](ask), headers=HEADERS[wire])


async def said(http: aiohttp.ClientSession, wire: str, ask: Question) -> Heard:
    """Ask and read the answer."""
    async with post(http, wire, ask) as response:
        assert response.status == 200, await response.text()
        body = await response.read()
    if ask.stream:
        return heard_stream(wire, body)
    return _WHOLE[wire](json.loads(body))


def data_of(body: bytes) -> list[Any]:
    """The JSON of each event of a stream, the `[DONE]` left out."""
    found = []
    for raw in body.decode().split("\n"):
        line = raw.removeprefix("data: ").strip()
        if line.startswith("{"):
            found.append(json.loads(line))
    return found


def _openai(body: Any) -> Heard:
    choice, usage = body["choices"][0], body["usage"]
    calls = [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in choice["message"].get("tool_calls", [])
    ]
    tokens = (usage["prompt_tokens"], usage["completion_tokens"])
    return Heard(choice["message"]["content"] or "", calls, choice["finish_reason"], tokens)


def _anthropic(body: Any) -> Heard:
    text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
    calls = [(each["name"], each["input"]) for each in body["content"] if "input" in each]
    usage = body["usage"]
    return Heard(text, calls, body["stop_reason"], (usage["input_tokens"], usage["output_tokens"]))


def _ollama(body: Any) -> Heard:
    calls = [
        (each["function"]["name"], each["function"]["arguments"])
        for each in body["message"].get("tool_calls", [])
    ]
    tokens = (body["prompt_eval_count"], body.get("eval_count", 0))
    return Heard(body["message"]["content"], calls, body["done_reason"], tokens)


_WHOLE = {"openai": _openai, "anthropic": _anthropic, "ollama": _ollama}


def heard_stream(wire: str, body: bytes) -> Heard:
    """Put the pieces together; for good streams only."""
    heard = Heard()
    {"openai": _openai_stream, "anthropic": _anthropic_stream, "ollama": _ollama_stream}[wire](
        data_of(body), heard
    )
    return heard


def _openai_stream(events: list[Any], heard: Heard) -> None:
    calls: dict[int, list[str]] = {}
    for event in events:
        if not event["choices"]:
            usage = event["usage"]
            heard.tokens = (usage["prompt_tokens"], usage["completion_tokens"])
            continue
        delta = event["choices"][0]["delta"]
        heard.text += delta.get("content") or ""
        for call in delta.get("tool_calls", []):
            made = calls.setdefault(call["index"], ["", ""])
            made[0] += call["function"].get("name", "")
            made[1] += call["function"]["arguments"]
        heard.finish = event["choices"][0]["finish_reason"] or heard.finish
    heard.calls = [(name, json.loads(text)) for name, text in calls.values()]


def _anthropic_stream(events: list[Any], heard: Heard) -> None:
    name, arguments, given = "", "", 0
    for event in events:
        if event["type"] == "message_start":
            given = event["message"]["usage"]["input_tokens"]
        elif event["type"] == "content_block_start":
            name, arguments = event["content_block"].get("name", ""), ""
        elif event["type"] == "content_block_delta":
            heard.text += event["delta"].get("text", "")
            arguments += event["delta"].get("partial_json", "")
        elif event["type"] == "content_block_stop" and name:
            heard.calls.append((name, json.loads(arguments)))
        elif event["type"] == "message_delta":
            heard.finish = event["delta"]["stop_reason"]
            heard.tokens = (given, event["usage"]["output_tokens"])


def _ollama_stream(events: list[Any], heard: Heard) -> None:
    for event in events:
        heard.text += event["message"]["content"]
        for call in event["message"].get("tool_calls", []):
            heard.calls.append((call["function"]["name"], call["function"]["arguments"]))
    heard.finish = events[-1]["done_reason"]
    heard.tokens = (events[-1]["prompt_eval_count"], events[-1].get("eval_count", 0))
