"""What every dialect sends for every feature: run it as a module to write the files anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.vendors import VENDORS
from hexgate.adapters.providers.wire import Dialect, Polyglot, WireRequest
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.errors import Unsupported
from hexgate.domain.json import Json
from tests.conformance.features import EMBEDDINGS, FEATURES

DATA = Path(__file__).parents[1] / "data"
Sent: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Speaker:
    """A kind of provider, and models of it of which it is known what they can do."""

    name: str  # of the file
    folder: str  # its dialect's
    account: Account
    model: str
    vectors: str = ""


def _account(kind: str, **fields: str) -> Account:
    return Account(kind=kind, name=kind, **fields)  # type: ignore[arg-type]  # texts by field name


_PLACE = {"project": "p", "location": "us-central1"}
SPEAKERS = (
    Speaker("openai", "openai_chat", _account("openai"), "gpt-5-mini", "text-embedding-3-small"),
    Speaker("compatible", "openai_chat", _account("vllm"), "qwen3-32b", "qwen3-embedding"),
    Speaker("mistral", "openai_chat", _account("mistral"), "mistral-large-latest", "mistral-embed"),
    Speaker("azure", "openai_chat", _account("azure"), "gpt-4o", "text-embedding-3-small"),
    Speaker(
        "azure-dated",
        "openai_chat",
        _account("azure", api_version="2024-10-21"),
        "gpt-4o",
        "text-embedding-3-small",
    ),
    Speaker("anthropic", "anthropic_messages", _account("anthropic"), "claude-sonnet-4-5"),
    Speaker(
        "vertex", "anthropic_messages", _account("vertex", **_PLACE), "claude-sonnet-4-5@20250929"
    ),
    Speaker("cohere", "cohere_chat", _account("cohere"), "command-a-03-2025", "embed-v4.0"),
    Speaker("gemini", "gemini", _account("gemini"), "gemini-2.5-flash", "gemini-embedding-001"),
    Speaker(
        "vertex", "gemini", _account("vertex", **_PLACE), "gemini-2.5-flash", "text-embedding-005"
    ),
    Speaker(
        "claude",
        "bedrock_converse",
        _account("bedrock", region="us-east-1"),
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "amazon.titan-embed-text-v2:0",
    ),
    Speaker(
        "nova",
        "bedrock_converse",
        _account("bedrock", region="us-east-1"),
        "amazon.nova-pro-v1:0",
        "cohere.embed-multilingual-v3",
    ),
    Speaker("ollama", "ollama_chat", _account("ollama"), "qwen3:8b", "nomic-embed-text"),
)


def file(speaker: Speaker) -> Path:
    """Where its requests are."""
    return DATA / speaker.folder / "requests" / f"{speaker.name}.json"


def sent(speaker: Speaker) -> Mapping[str, Json]:
    """By feature: the request, streamed where a whole one differs in nothing else."""
    found: dict[str, Json] = {"check": _told(_dialect(speaker).check())}
    for feature in FEATURES:
        found[feature.name] = _chat(speaker, feature.call, stream=feature.name == "stream")
    if speaker.vectors:
        for embed in EMBEDDINGS:
            found[embed.name] = _embed(speaker, embed.call)
    return found


def text(speaker: Speaker) -> str:
    """The file as it should be."""
    return json.dumps(sent(speaker), indent=1, ensure_ascii=False) + "\n"


def _dialect(speaker: Speaker) -> Dialect:
    dialect = VENDORS[speaker.account.kind].dialect(speaker.account)
    return dialect.for_model(speaker.model) if isinstance(dialect, Polyglot) else dialect


def _chat(speaker: Speaker, call: ChatCall, *, stream: bool) -> Json:
    try:
        return _told(_dialect(speaker).request(replace(call, model=speaker.model), stream=stream))
    except Unsupported as refusal:
        return {"refused": [each.field for each in refusal.violations]}


def _embed(speaker: Speaker, call: EmbedCall) -> Json:
    embeddings = VENDORS[speaker.account.kind].embeddings
    assert embeddings is not None
    try:
        asked = replace(call, model=speaker.vectors)
        return [_told(each) for each in embeddings(speaker.account).requests(asked)]
    except Unsupported as refusal:
        return {"refused": [each.field for each in refusal.violations]}


def _told(request: WireRequest) -> Sent:
    """A request, without what says nothing."""
    told: Sent = {"ask": f"{request.method} {request.path}"}
    if request.headers:
        told["headers"] = dict(request.headers)
    if request.payload:
        told["payload"] = request.payload
    if request.warnings:
        told["warnings"] = [f"{each.code} {each.field}" for each in request.warnings]
    return told


if __name__ == "__main__":
    for one in SPEAKERS:
        file(one).parent.mkdir(exist_ok=True)
        file(one).write_text(text(one), encoding="utf-8")
