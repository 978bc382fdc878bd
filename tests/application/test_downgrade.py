"""Beyond a share of its limit a budget sends calls to cheaper models, and says so."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest

from hexgate.application.complete import Answer
from hexgate.application.defaults import Defaults
from hexgate.application.stream import Ending
from hexgate.domain.answer import Warned
from hexgate.domain.budget import AtLimit, Budget, Window
from hexgate.domain.call import CacheMode
from hexgate.domain.catalog import Target
from hexgate.domain.errors import BudgetExceeded, Overloaded, PriceUnknown
from hexgate.domain.receipt import Receipt
from hexgate.domain.spec import Params
from tests.application.desk import Desk
from tests.fakes import FakeProvider

# At the most a call costs 27 tokens in and 50 out, at 1,000 and 2,000 nano-USD; at the cheap model
# a tenth of that. Answered by two words it costs 14,000 or 1,400.
HOLD, CHEAP_HOLD = 127_000, 12_700
LIMIT = 1_000_000
WAYS = pytest.mark.parametrize("streamed", [False, True])


def soft(ceiling: int, *cheaper: str, limit: int = LIMIT) -> Budget:
    """Up to the ceiling a call goes where it was meant to, up to the limit to cheaper models."""
    return Budget(
        name="daily",
        limit_nanos=limit,
        window=Window.DAY,
        at_limit=AtLimit.DOWNGRADE,
        cheaper=tuple(Target(*name.split("/")) for name in cheaper or ("fake/cheap",)),
        downgrade_share=ceiling * 1_000_000 // limit,
    )


async def ask(
    desk: Desk, streamed: bool, text: str = "Hello there", **fields: Any
) -> tuple[tuple[Warned, ...], Receipt]:
    """What one call was warned of before its answer, and what it came to."""
    request = desk.request(text, **fields)
    if not streamed:
        answer: Answer = await desk.complete(request)
        return answer.warnings, answer.receipt
    async with aclosing(await desk.stream(request)) as delivery:
        async for item in delivery:
            if isinstance(item, Ending):
                return delivery.warnings, item.receipt
    raise AssertionError("a stream has an end")


def asked(desk: Desk) -> list[str]:
    """The models that were asked, in order."""
    return [call.model for call in desk.leaf.calls]


@WAYS
async def test_a_call_that_would_go_beyond_the_share_goes_to_the_cheaper_model(
    streamed: bool,
) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(soft(HOLD + 13_999),))
    warnings, receipt = await ask(desk, streamed)
    assert (warnings, receipt.model, receipt.cost.total_nanos) == ((), "m", 14_000)
    # 14,000 are spent, so a nano-USD is missing.
    (warned, alone), receipt = await ask(desk, streamed, call_id="c2", hedge_after_s=5.0)
    assert (warned.code, warned.field) == ("MODEL_DOWNGRADED", "spec.model")
    assert all(name in warned.message for name in ("daily", "fake/m", "fake/cheap"))
    assert (receipt.model, receipt.cost.total_nanos) == ("cheap", 1_400)
    intent = (await desk.entry("c2")).intent
    assert (intent.requested_model, intent.model) == ("fake/m", "cheap")
    # One attempt at a time: who is short of money does not run two side by side.
    assert (alone.code, alone.field) == ("HEDGE_SKIPPED", "options.routing.hedge_after")
    assert intent.hold_nanos == CHEAP_HOLD
    assert desk.leaf.calls[-1].hedge_after_s == 0
    assert (await desk.balance()).spent_nanos == 15_400


@WAYS
async def test_up_to_the_share_nothing_is_downgraded(streamed: bool) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(soft(HOLD),))
    assert await ask(desk, streamed)
    assert asked(desk) == ["m"]


@WAYS
async def test_the_limit_holds_for_cheaper_models_as_well(streamed: bool) -> None:
    for limit, models in ((CHEAP_HOLD, ["cheap"]), (CHEAP_HOLD - 1, [])):
        desk = Desk(FakeProvider("one two"), budgets=(soft(1, limit=limit),))
        if models:
            await ask(desk, streamed)
        else:
            with pytest.raises(BudgetExceeded) as caught:
                await ask(desk, streamed)
            assert caught.value.metadata["neededNanos"] == str(CHEAP_HOLD)
            assert await desk.ledger.get("c1") is None
        assert asked(desk) == models


@WAYS
async def test_the_lesser_answer_is_not_kept_for_those_who_ask_when_there_is_money(
    streamed: bool,
) -> None:
    budgets = (soft(HOLD + 13_999),)
    desk = Desk(FakeProvider("one two"), mode=CacheMode.READ_WRITE, budgets=budgets)
    kept: dict[str, Any] = {"cache_ttl_s": 200_000}
    await ask(desk, streamed, "Good day to", call_id="c1", **kept)
    await ask(desk, streamed, call_id="c2", **kept)
    desk.clock.advance(86_400)
    for call_id in ("c3", "c4"):
        await ask(desk, streamed, call_id=call_id, **kept)
    assert asked(desk) == ["m", "cheap", "m"]
    assert await desk.cache.purge("") == 2  # the dear ones


async def test_embeddings_are_refused_since_vectors_of_two_models_do_not_compare() -> None:
    desk = Desk(FakeProvider(), budgets=(soft(10_999),))
    with pytest.raises(BudgetExceeded):
        await desk.embed(desk.embed_request())
    assert desk.leaf.calls == []


@WAYS
async def test_where_the_caller_may_not_go_it_is_not_sent(streamed: bool) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(soft(1, "other/cheap"),))
    wishes: list[dict[str, Any]] = [
        {"denied_providers": ("other",)},
        {"allowed_providers": ("fake",)},
    ]
    for wish in wishes:
        with pytest.raises(BudgetExceeded):
            await ask(desk, streamed, **wish)
    assert desk.leaf.calls == []
    desk = Desk(FakeProvider("one two"), budgets=(soft(1, "other/cheap", "fake/cheap"),))
    await ask(desk, streamed, denied_providers=("other",))
    assert asked(desk) == ["cheap"]


@pytest.mark.parametrize(
    ("model", "cheaper", "bounds"),
    [
        ("fake/m", "fake/remembers", {"max_cost_nanos": HOLD}),  # it writes more
        ("fake/cheap", "fake/n", {"max_cost_nanos": CHEAP_HOLD}),
        ("fake/cheap", "fake/n", {"max_input_price": 10**8}),
        ("fake/cheap", "fake/n", {"max_output_price": 2 * 10**8}),
    ],
)
async def test_the_callers_bounds_hold_for_the_cheaper_model_too(
    model: str, cheaper: str, bounds: dict[str, Any]
) -> None:
    budgets = (soft(1, cheaper, limit=10**7),)
    desk = Desk(FakeProvider("one two"), budgets=budgets)
    await ask(desk, False, model=model)
    assert asked(desk) == [cheaper.removeprefix("fake/")]
    desk = Desk(FakeProvider("one two"), budgets=budgets)
    with pytest.raises(BudgetExceeded):
        await ask(desk, False, model=model, **bounds)
    assert desk.leaf.calls == []


@pytest.mark.parametrize(
    ("model", "cheaper", "longest", "told"),
    [
        ("fake/m", "fake/remembers", 60, []),  # whose own limit was 50 is not asked
        ("fake/remembers", "fake/cheap", 50, ["cheap writes at most 50 tokens; 60 was asked"]),
    ],
)
async def test_an_answer_may_be_as_long_as_the_cheaper_model_lets_it(
    model: str, cheaper: str, longest: int, told: list[str]
) -> None:
    desk = Desk(FakeProvider("one two"), budgets=(soft(1, cheaper),))
    warnings, _ = await ask(desk, False, model=model, params=Params(max_output_tokens=60))
    assert desk.leaf.calls[0].max_output_tokens == longest
    assert [one.message for one in warnings if one.code == "PARAM_CLAMPED"] == told


async def test_the_gateways_bound_holds_for_the_cheaper_model_too() -> None:
    defaults = Defaults(max_cost_nanos=HOLD)
    desk = Desk(
        FakeProvider(), defaults=defaults, budgets=(soft(1, "fake/remembers", limit=10**7),)
    )
    with pytest.raises(BudgetExceeded):
        await ask(desk, False)


async def test_a_cheaper_model_without_a_price_is_none() -> None:
    desk = Desk(FakeProvider(), budgets=(soft(1, "fake/free"),))
    with pytest.raises(BudgetExceeded):
        await ask(desk, False)
    with pytest.raises(PriceUnknown):
        await ask(desk, False, model="fake/free")
    assert desk.leaf.calls == []


async def test_cheaper_models_are_tried_in_their_order() -> None:
    budgets = (soft(1, "fake/cheap", "fake/n"),)
    desk = Desk(FakeProvider(Overloaded("busy"), "one two"), budgets=budgets)
    (warned,), receipt = await ask(desk, False)
    assert "fake/cheap" in warned.message
    assert [one.model for one in receipt.attempts] == ["cheap", "n"]
    assert (await desk.entry()).intent.hold_nanos == HOLD  # of the dearer of the two


async def test_who_asks_for_the_cheaper_model_gets_it_without_a_warning() -> None:
    desk = Desk(FakeProvider("one two"), budgets=(soft(1),))
    warnings, receipt = await ask(desk, False, model="fake/cheap")
    assert (warnings, receipt.model) == ((), "cheap")
