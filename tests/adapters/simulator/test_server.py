"""The server: where it listens, what it remembers, how it ends."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import Question, openai_body, post, said
from tests.fakes import FakeClock


async def test_it_may_be_started_again_and_stopped_twice() -> None:
    sim = Simulator()
    with pytest.raises(RuntimeError, match="start"):
        _ = sim.url
    for _ in range(2):
        await sim.start()
        assert sim.openai_url == sim.url + "/v1"
        assert sim.anthropic_url == sim.ollama_url == sim.url
        await sim.stop()
        await sim.stop()


async def test_a_port_that_is_taken_is_said(sim: Simulator) -> None:
    other = Simulator(port=int(sim.url.rpartition(":")[2]))
    with pytest.raises(OSError, match="address"):
        await other.start()


@pytest.mark.parametrize("fault", ["hang-before-headers", "hang-after-headers", "hang-mid-stream"])
async def test_stopping_ends_what_hangs(fault: str) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as http:
        sim = Simulator(hang_s=3600)
        await sim.start()
        body = openai_body(Question(f"fault-{fault}", stream=True))

        async def wait() -> None:
            async with http.post(sim.openai_url + "/chat/completions", json=body) as response:
                await response.read()

        waiting = asyncio.create_task(wait())
        await sim.next_request()
        async with asyncio.timeout(20):
            await sim.stop()
        with pytest.raises(aiohttp.ClientError):
            await waiting
        with pytest.raises(asyncio.QueueEmpty):  # nobody left: it was the simulator that went
            sim._disconnects.get_nowait()


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["fault-hang-before-headers", "slow-600000"])
async def test_a_client_that_leaves_is_noticed(
    sim: Simulator, http: aiohttp.ClientSession, model: str, stream: bool
) -> None:
    async def wait() -> None:
        async with post(http, "openai", Question(model, stream=stream)) as response:
            await response.read()

    waiting = asyncio.create_task(wait())
    await sim.next_request()
    waiting.cancel()
    left = await sim.next_disconnect()
    assert left.path == "/v1/chat/completions"
    assert left.at >= sim.requests[0].at


async def test_answers_that_end_are_no_disconnects(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    for fault in ("reset-mid-stream", "close-before-headers", "cut-mid-stream", "wrong-length"):
        with pytest.raises(aiohttp.ClientError):
            await said(http, "openai", Question(f"fault-{fault}", stream=True))
    await said(http, "openai", Question("sim-echo", stream=True))
    waiting = asyncio.create_task(said(http, "openai", Question("slow-600000", stream=True)))
    for _ in range(6):
        await sim.next_request()
    waiting.cancel()
    assert (await sim.next_disconnect()).at > sim.requests[-1].at - 1
    with pytest.raises(asyncio.QueueEmpty):
        sim._disconnects.get_nowait()


async def test_requests_are_remembered_as_they_came(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    ask = Question("sim-echo")
    await said(http, "openai", ask)
    async with http.post("/api/chat", data=b"{", headers={"Content-Type": "application/json"}):
        pass
    first, second = sim.requests
    assert (first.method, first.path, first.body) == (
        "POST",
        "/v1/chat/completions",
        openai_body(ask),
    )
    assert first.headers["authorization"] == "Bearer key"
    assert second.body is None
    assert second.at >= first.at


async def test_answers_carry_the_time_of_the_clock() -> None:
    clock = FakeClock(now=1_800_000_000.0)
    async with (
        Simulator(clock=clock) as sim,
        aiohttp.ClientSession(sim.url, headers={"Authorization": "Bearer key"}) as http,
        post(http, "openai", Question("sim-echo")) as response,
    ):
        assert (await response.json())["created"] == 1_800_000_000


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/v1/nothing", {}, 404),
        ("GET", "/api/nothing", {}, 404),
        ("GET", "/v1/messages", {}, 405),
        ("DELETE", "/v1/chat/completions", {}, 405),
        ("POST", "/v1/chat/completions", {"Authorization": "Bearer "}, 401),
        ("POST", "/v1/messages", {"Authorization": "Bearer "}, 401),
        ("POST", "/v1/messages", {}, 400),
        ("POST", "/api/chat", {"Authorization": "Bearer invalid"}, 401),
    ],
)
async def test_strange_requests_are_refused_in_json(
    http: aiohttp.ClientSession, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with http.request(method, path, headers=headers, json={}) as response:
        assert response.status == status
        assert (await response.json())["error"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
@pytest.mark.parametrize(
    ("kind", "body"), [("text/plain", b"{}"), ("application/json", b"{"), ("application/json", b"")]
)
async def test_bodies_are_json_and_say_so(
    http: aiohttp.ClientSession, path: str, kind: str, body: bytes
) -> None:
    headers = {"Content-Type": kind, "anthropic-version": "2023-06-01"}
    async with http.post(path, data=body, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["error"]
