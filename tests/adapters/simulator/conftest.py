"""A simulator, and clients that do not retry."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import anthropic
import openai
import pytest

from hexgate.adapters.simulator import Simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(seed=7, hang_s=30, drip_s=0.0001, giant_bytes=1 << 20) as simulator:
        yield simulator


@pytest.fixture
async def gpt(sim: Simulator) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key="key", base_url=sim.openai_url, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture
async def claude(sim: Simulator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="key", base_url=sim.anthropic_url, max_retries=0, timeout=10
    ) as client:
        yield client


@pytest.fixture
async def http(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": "Bearer key"}
    async with aiohttp.ClientSession(sim.url, headers=headers) as session:
        yield session
