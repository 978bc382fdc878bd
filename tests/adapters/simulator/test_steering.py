"""What a test sees of answers that are under way, and how it ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
import pytest

from hexgate.adapters.simulator import Fault, Simulator
from tests.adapters.simulator.asked import Question, post

ASK = Question(stream=True)


async def test_a_silence_is_told_once_all_before_it_was_sent(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    sim.script([Fault.HANG_MID_STREAM])
    async with post(http, "openai", ASK) as response:
        await asyncio.wait_for(sim.next_silence(), 5)
        assert b'"content"' in await response.content.readany()
    await asyncio.wait_for(sim.idle(), 5)


async def test_idle_waits_for_what_is_under_way(
    sim: Simulator, http: aiohttp.ClientSession
) -> None:
    await sim.idle()
    sim.script([Fault.HANG_AFTER_HEADERS])
    async with post(http, "openai", ASK):
        await asyncio.wait_for(sim.next_silence(), 5)
        idle = asyncio.ensure_future(sim.idle())
        await asyncio.sleep(0)
        assert not idle.done()
    await asyncio.wait_for(idle, 5)


@pytest.mark.parametrize(
    ("end", "failure"),
    [
        (Simulator.reset_all, aiohttp.ClientOSError),
        (Simulator.close_all, aiohttp.ServerDisconnectedError),
    ],
    ids=["reset", "close"],
)
async def test_what_is_under_way_can_be_ended(
    sim: Simulator,
    http: aiohttp.ClientSession,
    end: Callable[[Simulator], None],
    failure: type[Exception],
) -> None:
    sim.script([Fault.HANG_BEFORE_HEADERS])
    asked = asyncio.ensure_future(_status(http))
    await asyncio.wait_for(sim.next_silence(), 5)
    end(sim)
    with pytest.raises(failure):
        await asked
    await asyncio.wait_for(sim.idle(), 5)


async def _status(http: aiohttp.ClientSession) -> int:
    async with post(http, "openai", ASK) as response:
        return int(response.status)
