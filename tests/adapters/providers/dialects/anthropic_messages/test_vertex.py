"""Claude on Vertex AI: the same words at another place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.dialects.anthropic_messages import (
    AnthropicMessages,
    ClaudeOnVertex,
)
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.answer import Chunk, Finish, Finished, PartFinished
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import FileId, Inline, Link, Media, Reasoning, Text, ToolCall, ToolResult
from hexgate.domain.errors import (
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    Unsupported,
)
from hexgate.domain.spec import Effort, Params, Thinking
from tests.adapters.providers.dialects.anthropic_messages.asking import (
    HELLO,
    NEW,
    OLD,
    WEATHER,
    ask,
    model,
    tool,
    user,
)

VERTEX = ClaudeOnVertex("vertex", "p-1", "europe-west1")
MODELS = "/v1/projects/p-1/locations/europe-west1/publishers/anthropic/models/"


@pytest.mark.parametrize(("stream", "verb"), [(False, "rawPredict"), (True, "streamRawPredict")])
def test_the_model_is_in_the_path_and_the_version_in_the_body(stream: bool, verb: str) -> None:
    request = VERTEX.request(ask("claude-opus-4-5@20251101"), stream=stream)
    assert request.path == f"{MODELS}claude-opus-4-5@20251101:{verb}"
    assert request.headers == {}
    assert request.payload["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in request.payload
    assert request.payload.get("stream", False) is stream


@pytest.mark.parametrize("name", [NEW, OLD])
def test_the_rest_of_the_body_is_the_same_as_elsewhere(name: str) -> None:
    call = ask(name, tools=(WEATHER,), thinking=Thinking(Effort.LOW), max_output_tokens=9000)
    there = AnthropicMessages("vertex").request(call, stream=True).payload
    here = VERTEX.request(call, stream=True).payload
    assert {**here, "model": name} == {**there, "anthropic_version": "vertex-2023-10-16"}


def test_names_are_one_step_of_the_path_each() -> None:
    odd = ClaudeOnVertex("vertex", "a/b?c", "d#e")
    path = odd.request(ask("../x:y;z%"), stream=False).path
    assert path == (
        "/v1/projects/a%2Fb%3Fc/locations/d%23e"
        "/publishers/anthropic/models/..%2Fx%3Ay%3Bz%25:rawPredict"
    )


def test_the_family_is_seen_before_the_date() -> None:
    sampled = ask("claude-sonnet-4-5@20250929", params=Params(temperature=0.5))
    assert VERTEX.request(sampled, stream=False).payload["temperature"] == 0.5
    old = ask("claude-3-5-sonnet-v2@20241022", thinking=Thinking(Effort.LOW))
    assert [warned.field for warned in VERTEX.request(old, stream=False).warnings] == [
        "spec.reasoning"
    ]
    first = ask("claude-opus-4@20250514", thinking=Thinking(Effort.LOW), max_output_tokens=9000)
    thinking: Any = VERTEX.request(first, stream=False).payload["thinking"]
    assert thinking["type"] == "enabled"


@pytest.mark.parametrize(
    "part",
    [
        Media("image/png", Link("https://a.test/a.png")),
        Media("application/pdf", Link("https://a.test/a.pdf")),
        Media("image/png", FileId("vertex", "file_1")),
    ],
)
def test_media_by_reference_are_refused_and_links_left_to_the_gateway(part: Media) -> None:
    assert not VERTEX.fetches(part)
    with pytest.raises(Unsupported) as raised:
        VERTEX.request(ask(messages=(user(part),)), stream=False)
    assert [each.field for each in raised.value.violations] == ["spec.messages[0].parts[0].media"]
    assert AnthropicMessages("a").fetches(part)


def test_a_check_asks_for_a_listing_of_google() -> None:
    request = VERTEX.check()
    assert (request.method, request.path) == (
        "GET",
        "/v1beta1/publishers/google/models?pageSize=1",
    )


@pytest.fixture
async def live() -> AsyncIterator[WiredProvider]:
    async with Simulator() as sim, open_session() as session:
        headers = {"Authorization": "Bearer token"}
        yield provider(HttpTransport(session, sim.vertex_url, headers, provider="vertex"))


def provider(transport: HttpTransport) -> WiredProvider:
    """The dialect over real sockets."""
    return WiredProvider(VERTEX, transport, monotonic=SystemClock.monotonic, provider="vertex")


async def read_all(live: WiredProvider, call: ChatCall) -> list[Chunk]:
    """A whole stream."""
    async with aclosing(await live.open(call)) as stream:
        return [chunk async for chunk in stream]


async def test_answers_and_streams_of_the_simulator_are_read(live: WiredProvider) -> None:
    whole = await live.complete(ask("sim-echo"))
    assert whole.parts == (Text("Hi"),)
    assert whole.request_id
    chunks = await read_all(live, ask("sim-echo"))
    assert PartFinished(0, Text("Hi")) in chunks
    last = chunks[-1]
    assert isinstance(last, Finished)
    assert (last.finish, last.usage) == (Finish.STOP, whole.usage)


async def test_a_conversation_with_tools_reasoning_and_a_picture_goes_on(
    live: WiredProvider,
) -> None:
    picture = Media("image/png", Inline(b"\x89PNG\r\n\x1a\n"))
    first = (user(Text("Weather?"), picture),)
    called = await live.complete(ask("sim-tools", messages=first, tools=(WEATHER,)))
    (call,) = [part for part in called.parts if isinstance(part, ToolCall)]
    result = tool(ToolResult(call.call_id, (Text("sunny"),)))
    told = await live.complete(
        ask("sim-tools", messages=(*first, model(*called.parts), result), tools=(WEATHER,))
    )
    assert "sunny" in "".join(part.text for part in told.parts if isinstance(part, Text))
    thinks: dict[str, Any] = {
        "thinking": Thinking(Effort.LOW, include=True),
        "max_output_tokens": 4000,
    }
    thought = await live.complete(ask("sim-think", **thinks))
    assert isinstance(thought.parts[0], Reasoning)
    again = (*HELLO, model(*thought.parts), *HELLO)
    assert (await live.complete(ask("sim-think", messages=again, **thinks))).parts


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("gpt", ModelGone),
        ("fault-unauthorized", CredentialRejected),
        ("fault-forbidden", CredentialRejected),
        ("fault-limited", ProviderLimited),
        ("fault-error-500", ProviderFailed),
        ("fault-error-503", Overloaded),
        ("fault-error-529", Overloaded),
        ("fault-error-after-output", Overloaded),
    ],
)
async def test_errors_of_either_shape_are_told_apart(
    live: WiredProvider, name: str, kind: type[GatewayError]
) -> None:
    with pytest.raises(GatewayError) as raised:
        await read_all(live, ask(name))
    assert type(raised.value) is kind


async def test_what_the_api_itself_refuses_is_an_invalid_request(live: WiredProvider) -> None:
    with pytest.raises(InvalidRequest):
        await live.complete(ask("sim-echo", provider_options={"vertex": {"nonsense": 1}}))


async def test_a_check_passes_with_a_good_token_alone(live: WiredProvider) -> None:
    await live.check(ask().timeouts)
    async with Simulator() as sim, open_session() as session:
        headers = {"Authorization": "Bearer invalid"}
        wrong = provider(HttpTransport(session, sim.vertex_url, headers, provider="vertex"))
        with pytest.raises(CredentialRejected):
            await wrong.check(ask().timeouts)
