"""Over a real connection, against a server that checks requests strictly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.adapters.simulator.vectors import vector
from hexgate.domain.answer import Finished
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.chat import Text
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.errors import ContentFiltered, CredentialRejected, ModelGone
from tests import fakes

PLACES = {
    "openai": Account(kind="openai", name="p"),
    "compatible": Account(kind="openai_compatible", name="p"),
    "azure v1": Account(kind="azure", name="p"),
    "azure old": Account(kind="azure", name="p", api_version="2024-06-01"),
    "azure new": Account(kind="azure", name="p", api_version="2025-04-01-preview"),
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture(params=PLACES)
def account(request: pytest.FixtureRequest, simulator: Simulator) -> Account:
    place = PLACES[request.param]
    url = simulator.azure_url if place.kind == "azure" else simulator.openai_url
    return replace(place, base_url=url, api_key="key")


@pytest.fixture
async def provider(account: Account) -> AsyncIterator[WiredProvider]:
    async with open_session() as session:
        made, close = open_provider(account, session)
        yield made
        await close()


def asked(model: str) -> ChatCall:
    return fakes.call("Tell me of the sea.", model=model)


async def test_an_answer_comes_whole_and_streamed(provider: WiredProvider) -> None:
    whole = await provider.complete(asked("sim-echo"))
    assert whole.parts == (Text("Tell me of the sea."),)
    assert whole.usage is not None
    assert whole.request_id
    stream = await provider.open(asked("sim-echo"))
    *_, last = [chunk async for chunk in stream]
    assert isinstance(last, Finished)
    assert last.finish is whole.finish


async def test_vectors_come_for_any_number_of_texts(provider: WiredProvider) -> None:
    texts = [f"text {number}" for number in range(2_100)]
    spec = EmbedSpec(model="sim-echo", inputs=tuple((Text(text),) for text in texts))
    found = await provider.embed(fakes.embed_call(model="sim-echo", spec=spec))
    assert len(found.vectors) == 2_100
    for index in (0, 2_047, 2_048, 2_099):
        assert list(found.vectors[index]) == pytest.approx(vector(texts[index]), abs=1e-6)
    assert found.usage is not None


async def test_limits_are_known_after_an_answer(provider: WiredProvider) -> None:
    await provider.complete(asked("sim-echo"))
    limits = provider.rate_limits("sim-echo")
    assert limits is not None
    assert limits.requests.remaining == 9_999


async def test_failures_are_of_the_tree(provider: WiredProvider) -> None:
    with pytest.raises(ModelGone):
        await provider.complete(asked("nobody"))
    with pytest.raises(ContentFiltered):
        await provider.open(asked("fault-filter-prompt"))


async def test_a_check_tells_a_good_key_from_a_bad_one(
    account: Account, provider: WiredProvider
) -> None:
    await provider.check(Timeouts())
    async with open_session() as session:
        wrong, close = open_provider(replace(account, api_key="invalid"), session)
        with pytest.raises(CredentialRejected):
            await wrong.check(Timeouts())
        await close()
