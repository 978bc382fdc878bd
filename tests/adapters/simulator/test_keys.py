"""Keys that go wrong in the simulator, whatever is asked with them."""

from __future__ import annotations

import openai
import pytest

from hexgate.adapters.simulator import Fault, Simulator


async def asked(sim: Simulator, key: str, *, listing: bool = False) -> object:
    """One request with this key: for an answer, or for the list of models."""
    async with openai.AsyncOpenAI(
        api_key=key, base_url=sim.openai_url, max_retries=0, timeout=10
    ) as client:
        if listing:
            return await client.models.list()
        return await client.chat.completions.create(
            model="sim-story", messages=[{"role": "user", "content": "Hello"}]
        )


async def test_a_key_fails_as_it_was_told_to_and_no_other_does(sim: Simulator) -> None:
    sim.script_key("sk-bad", Fault.UNAUTHORIZED)
    sim.script(["ok", "error-500"])
    for listing in (False, True):
        with pytest.raises(openai.AuthenticationError):
            await asked(sim, "sk-bad", listing=listing)
    assert await asked(sim, "sk-good")
    assert await asked(sim, "sk-good", listing=True)
    with pytest.raises(openai.InternalServerError):  # its script was left to it
        await asked(sim, "sk-good")


async def test_a_key_can_be_mended(sim: Simulator) -> None:
    sim.script_key("sk-bad", "limited")
    with pytest.raises(openai.RateLimitError):
        await asked(sim, "sk-bad")
    sim.script_key("sk-bad", None)
    assert await asked(sim, "sk-bad")


def test_a_fault_that_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="no fault is called 'tired'"):
        Simulator().script_key("sk-bad", "tired")
