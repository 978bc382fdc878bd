"""Every feature and every failure, for every provider over every transport, as the table says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hexgate.adapters.simulator import Fault, Simulator
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.chat import Inline, Link, Media
from hexgate.domain.errors import GatewayError, ProviderLimited, Unsupported
from hexgate.domain.spec import OnUnsupported
from hexgate.entrypoints.leaves import Leaf
from hexgate.ports.provider import Provider
from tests.conformance import limits, table
from tests.conformance.checks import LINK, PNG
from tests.conformance.errors import ERRORS, UNTOLD
from tests.conformance.features import EMBEDDINGS, FEATURES, EmbedFeature, Feature, asking
from tests.conformance.limits import How
from tests.e2e.wires import WIRES, Wire, wired

ROOT = Path(__file__).parents[2]


class Pictures:
    """Has the bytes of the one link that is asked for."""

    async def inlined(self, call: ChatCall, fetches: Callable[[Media], bool]) -> ChatCall:
        """See Inlining."""

        def bytes_of(media: Media) -> Media:
            if media.source != Link(LINK) or fetches(media):
                return media
            return replace(media, source=Inline(PNG))

        messages = tuple(
            replace(
                message,
                parts=tuple(
                    bytes_of(part) if isinstance(part, Media) else part for part in message.parts
                ),
            )
            for message in call.spec.messages
        )
        return replace(call, spec=replace(call.spec, messages=messages))


@pytest.fixture
def provider(checkable: Leaf) -> Provider:
    return checkable


@pytest.fixture
async def checkable(wire: Wire) -> AsyncIterator[Leaf]:
    async with (
        Simulator(hang_s=30) as simulator,
        wired(wire, simulator, inlining=Pictures()) as made,
    ):
        yield made


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name.replace(" ", "-"))
@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_feature_is_there_or_its_lack_is_said(
    provider: Provider, wire: Wire, feature: Feature
) -> None:
    no = limits.limit(wire.name, wire.transport, feature.name)
    if no is None:
        await feature.check(provider, feature.call)
    elif no.how is How.UNTOLD:
        with pytest.raises(AssertionError):
            await feature.check(provider, feature.call)
    else:
        await lacking(provider, feature.call, no.how)


@pytest.mark.parametrize("feature", EMBEDDINGS, ids=lambda feature: feature.name.replace(" ", "-"))
@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_embeddings_are_there_or_their_lack_is_said(
    provider: Provider, wire: Wire, feature: EmbedFeature
) -> None:
    # On Bedrock a model's name tells which vendor's way to embed it takes.
    model = "amazon.titan-embed-text-v2:0" if wire.kind == "bedrock" else feature.call.model
    asked = replace(feature.call, model=model)
    if limits.limit(wire.name, wire.transport, feature.name) is None:
        await feature.check(provider, asked)
        return
    with pytest.raises(Unsupported) as raised:
        await provider.embed(asked)
    assert raised.value.violations


@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_good_credential_passes_the_check(checkable: Leaf) -> None:
    await checkable.check(Timeouts())


async def lacking(provider: Provider, call: ChatCall, how: How) -> None:
    """What cannot be done is refused by its field, or dropped with a warning that names it."""
    if how is How.DROPPED:
        answer = await provider.complete(call)
        dropped = [w for w in answer.warnings if w.code == "PARAM_DROPPED"]
        assert dropped
        assert all(w.field.startswith("spec.") for w in dropped)
        params = replace(call.spec.params, on_unsupported=OnUnsupported.REJECT)
        call = replace(call, spec=replace(call.spec, params=params))
    for way in (provider.complete, provider.open):
        with pytest.raises(Unsupported) as raised:
            await way(call)
        assert raised.value.violations
        assert all(each.field.startswith("spec.") for each in raised.value.violations)


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
@pytest.mark.parametrize("fault", ERRORS, ids=lambda fault: fault.value)
@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_failure_is_the_same_whoever_reports_it(
    provider: Provider, wire: Wire, fault: Fault, streamed: bool
) -> None:
    asked = asking(model=f"fault-{fault.value}")
    with pytest.raises(GatewayError) as raised:
        await (provider.open(asked) if streamed else provider.complete(asked))
    assert isinstance(raised.value, UNTOLD.get((wire.name, fault), ERRORS[fault])), raised.value


# gRPC has one form of it.
WAITS = [
    (wire, fault)
    for wire in WIRES
    for fault in (Fault.LIMITED_SECONDS, Fault.LIMITED_DATE, Fault.LIMITED_MS)
    if fault is Fault.LIMITED_SECONDS or (wire.kind, wire.transport) != ("vertex", "sdk")
]


@pytest.mark.parametrize(("wire", "fault"), WAITS, ids=str)
async def test_the_wait_that_a_provider_asks_for_is_kept(provider: Provider, fault: Fault) -> None:
    with pytest.raises(ProviderLimited) as raised:
        await provider.complete(asking(model=f"fault-{fault.value}"))
    assert raised.value.retry_after_s is not None
    assert 0 < raised.value.retry_after_s <= 60


@pytest.mark.parametrize("wire", WIRES, ids=str)
async def test_a_provider_names_its_requests(provider: Provider, wire: Wire) -> None:
    answer = await provider.complete(asking())
    # Ollama gives its requests no identifier, and gRPC does not pass on Claude's.
    assert bool(answer.request_id) == (str(wire) not in ("ollama-http", "vertex-claude-sdk"))


def test_every_limit_is_one_of_a_wire_and_a_feature_that_there_are() -> None:
    kinds = {wire.name for wire in WIRES} | {str(wire) for wire in WIRES}
    names = {feature.name for feature in (*FEATURES, *EMBEDDINGS)}
    assert {kind for kind, _ in limits.LIMITS} <= kinds
    assert {name for _, name in limits.LIMITS} <= names


def test_the_table_of_the_readme_is_fresh() -> None:
    page = (ROOT / table.README).read_text(encoding="utf-8")
    assert table.updated(page) == page, "run: .venv/bin/python -m tests.conformance.table"
