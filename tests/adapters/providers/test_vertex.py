"""Vertex AI speaks two protocols, and each answer is read by the one that was asked in."""

from __future__ import annotations

from pathlib import Path

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import ClaudeOnVertex
from hexgate.adapters.providers.dialects.gemini import GeminiOnVertex
from hexgate.adapters.providers.vertex import Vertex
from hexgate.adapters.providers.wire import Polyglot
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.call import Timeouts
from hexgate.domain.chat import Text
from hexgate.domain.errors import CredentialRejected, Overloaded, ProviderLimited
from tests import fakes
from tests.adapters.providers.wiring import MESSAGE, TEXT, ScriptedWire, rest

DATA = Path(__file__).parents[2] / "data" / "gemini"
CLAUDE, GEMINI = "claude-sonnet-4-5@20250929", "gemini-2.5-flash"
PLACE = "/v1/projects/p/locations/l/publishers"


def provider(*reads: bytes, status: int = 200) -> WiredProvider:
    wire = ScriptedWire([*reads], status, {})
    monotonic = fakes.FakeClock().monotonic
    return WiredProvider(Vertex("v", "p", "l"), wire, monotonic=monotonic, provider="v")


def test_the_name_of_the_model_says_who_speaks() -> None:
    vertex = Vertex("v", "p", "l")
    assert isinstance(vertex, Polyglot)
    assert isinstance(vertex.for_model(CLAUDE), ClaudeOnVertex)
    for model in (GEMINI, "endpoints/1", "projects/q/locations/l/endpoints/claude-1"):
        assert type(vertex.for_model(model)) is GeminiOnVertex
    assert vertex.for_model(CLAUDE) is vertex.for_model("claude-opus-4-1")


def test_each_has_its_own_place() -> None:
    vertex = Vertex("v", "p", "l")
    claude = vertex.request(fakes.call(model=CLAUDE), stream=True)
    gemini = vertex.request(fakes.call(model=GEMINI), stream=True)
    assert claude.path == f"{PLACE}/anthropic/models/{CLAUDE}:streamRawPredict"
    assert gemini.path == f"{PLACE}/google/models/{GEMINI}:streamGenerateContent?alt=sse"
    assert vertex.check().path == "/v1beta1/publishers/google/models?pageSize=1"


async def test_whole_answers_are_read_by_whom_they_come_from() -> None:
    claude = await provider(MESSAGE).complete(fakes.call(model=CLAUDE))
    gemini = await provider((DATA / "text.json").read_bytes()).complete(fakes.call(model=GEMINI))
    assert claude.model.startswith("claude")
    assert gemini.parts == (Text("Grüße aus 東京 🗼!\n"),)


async def test_streams_are_read_by_whom_they_come_from() -> None:
    for model, data in ((CLAUDE, TEXT), (GEMINI, (DATA / "text.sse").read_bytes())):
        stream = await provider(data).open(fakes.call(model=model))
        said = fakes.whole(await rest(stream))
        await stream.aclose()
        assert Text("Grüße aus 東京 🗼!\n") in said.parts


async def test_errors_are_read_by_whom_they_come_from() -> None:
    overloaded = b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}'
    limited = (DATA / "limited.json").read_bytes()
    with pytest.raises(Overloaded):
        await provider(overloaded, status=500).complete(fakes.call(model=CLAUDE))
    with pytest.raises(ProviderLimited) as caught:
        await provider(limited, status=429).complete(fakes.call(model=GEMINI))
    assert caught.value.retry_after_s == 34.5
    # A check asks for no model: the answer is Google's own.
    with pytest.raises(CredentialRejected):
        await provider((DATA / "bad_key.json").read_bytes(), status=400).check(Timeouts())
