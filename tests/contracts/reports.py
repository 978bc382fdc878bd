"""What every store must do that makes reports."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from hexgate.domain.errors import PeriodPruned
from hexgate.domain.ledger import CallState, Entry, Intent
from hexgate.domain.price import Cost
from hexgate.domain.report import DAY_S, DIMENSIONS, HOUR_S, Group, Query, Totals, day_of, hour_of
from hexgate.domain.usage import Usage
from hexgate.ports.store import Store
from tests.contracts.ledger import START, intent, newest, settlement

SUMMED_LABEL = "team"
"""The label of which a store under test keeps daily sums; of others it keeps none."""

MIDNIGHT = START // DAY_S * DAY_S
ALL = Query(tenant="acme", start=0.0, end=4e9)


async def ended(store: Store, call_id: str, at: float = START, **changes: Any) -> None:
    """A call that started at a moment and was answered."""
    who = {key: value for key, value in changes.items() if key in Intent.__dataclass_fields__}
    how = {key: value for key, value in changes.items() if key not in who}
    if "model" in changes:
        how["model"] = changes["model"]
    if "provider" in changes:
        how["provider"] = changes["provider"]
    await store.begin(replace(intent(call_id, started_at=at), **who))
    await store.settle(replace(settlement(call_id), **how))


async def groups(store: Store, *by: str, **changes: Any) -> dict[tuple[str, ...], int]:
    """How many calls each group has."""
    found = await store.summarize(replace(ALL, **changes), by, None, 1000)
    return {group.values: group.totals.calls for group in found}


class ReportsContract:
    """For subclasses of LedgerContract whose `ledger` is a Store. `keeps_sums` is whether it knows
    of days whose rows it has no longer.
    """

    keeps_sums = True

    @pytest.fixture
    def ledger(self) -> Store | AsyncIterator[Store]:
        """The store under test."""
        raise NotImplementedError("subclasses have one")

    async def test_totals_of_no_calls_are_zero(self, ledger: Store) -> None:
        assert await ledger.summarize(ALL, (), None, 10) == (Group((), Totals()),)
        assert await ledger.summarize(ALL, ("model",), None, 10) == ()

    async def test_everything_is_summed(self, ledger: Store) -> None:
        one = Usage(
            uncached_input=1,
            cache_read=2,
            cache_write=3,
            cache_write_1h=4,
            audio_input=5,
            audio_cache_read=6,
            image_input=7,
            output=8,
            audio_output=9,
            reasoning=10,
        )
        spent = Cost(input_nanos=2**53 + 1, output_nanos=12, wasted_nanos=13)
        await ended(ledger, "a", usage=one, cost=spent)
        await ended(ledger, "b", usage=one, cost=spent)
        (group,) = await ledger.summarize(ALL, ("model",), None, 10)
        twice = Cost(input_nanos=2**54 + 2, output_nanos=24, wasted_nanos=26)
        assert group == Group(("gpt-4o",), Totals(calls=2, usage=one + one, cost=twice))

    async def test_outcomes_are_counted(self, ledger: Store) -> None:
        for state in CallState:
            if state is not CallState.PENDING:
                await ended(ledger, state.value, state=state)
        await ledger.begin(intent("open"))
        (group,) = await ledger.summarize(ALL, (), None, 10)
        found = group.totals
        assert (found.calls, found.failed, found.cancelled, found.unknown) == (4, 1, 1, 1)

    async def test_an_unknown_price_is_counted_and_its_money_is_not(self, ledger: Store) -> None:
        await ended(ledger, "a", cost=Cost(input_nanos=5, unknown=True))
        await ended(ledger, "b", cost=Cost(input_nanos=7))
        await ended(ledger, "c", usage=Usage(output=1, estimated=True), cost=Cost())
        for by in ((), ("hour",)):
            (group,) = await ledger.summarize(ALL, by, None, 10)
            found = group.totals
            assert (found.unpriced, found.estimated, found.cost.input_nanos) == (1, 1, 7)
            assert found.usage.estimated

    async def test_a_report_splits_by_each_dimension(self, ledger: Store) -> None:
        await ended(
            ledger,
            "a",
            provider="p",
            model="m",
            agent_id="agent",
            session_id="session",
            end_user_id="user",
            api_key="key",
            labels={"team": "search", "env": "d\u00e9v"},
        )
        await ended(ledger, "b", at=START + DAY_S + HOUR_S)
        split = {
            "provider": ("p", "openai"),
            "model": ("m", "gpt-4o"),
            "agent": ("agent", ""),
            "session": ("session", ""),
            "end_user": ("user", ""),
            "api_key": ("key", ""),
            "day": ("2025-11-21", "2025-11-22"),
            "hour": (hour_of(START), hour_of(START + DAY_S + HOUR_S)),
            "label:team": ("search", ""),
            "label:env": ("d\u00e9v", ""),
            "label:absent": ("",),
        }
        assert {*DIMENSIONS} < {*split}
        for dimension, values in split.items():
            assert await groups(ledger, dimension) == dict.fromkeys(
                ((value,) for value in values), 2 // len(values)
            )

    async def test_a_model_is_the_one_that_served(self, ledger: Store) -> None:
        await ledger.begin(intent("a"))
        await ledger.settle(replace(settlement("a"), provider="other", model="smaller"))
        assert await groups(ledger, "provider", "model") == {("other", "smaller"): 1}
        assert await groups(ledger, model="smaller") == {(): 1}
        assert await groups(ledger, model="gpt-4o") == {(): 0}
        assert len(await ledger.records(replace(ALL, provider="other"), None, 10)) == 1

    async def test_a_filter_leaves_what_matches_all_of_it(self, ledger: Store) -> None:
        labels = {"team": "search", "env": "dev"}
        await ended(ledger, "a", agent_id="x", session_id="s", end_user_id="u", labels=labels)
        await ended(ledger, "b", agent_id="x", api_key="k", labels={"team": "search"})
        await ended(ledger, "c", tenant="other", agent_id="x")
        for changes, calls in (
            ({"agent_id": "x"}, 2),
            ({"agent_id": "y"}, 0),
            ({"session_id": "s"}, 1),
            ({"end_user_id": "u"}, 1),
            ({"api_key": "k"}, 1),
            ({"call_id": "b"}, 1),
            ({"call_id": "c"}, 0),
            ({"labels": {"team": "search"}}, 2),
            ({"labels": labels}, 1),
            ({"agent_id": "x", "end_user_id": "u"}, 1),
            ({"provider": "openai", "model": "gpt-4o"}, 2),
            ({"tenant": "other"}, 1),
        ):
            assert await groups(ledger, **changes) == {(): calls}
            assert len(await ledger.records(replace(ALL, **changes), None, 10)) == calls

    @pytest.mark.parametrize("by", [(), ("model",), ("agent",), ("agent", "end_user"), ("hour",)])
    async def test_a_period_includes_its_start_and_excludes_its_end(
        self, ledger: Store, by: tuple[str, ...]
    ) -> None:
        moments = [MIDNIGHT + step for step in (-1.0, 0.0, 1.0, DAY_S - 1.0, DAY_S, 2.5 * DAY_S)]
        for number, at in enumerate(moments):
            await ended(ledger, str(number), at=at)
        for start in moments:
            for end in moments:
                wanted = sum(start <= at < end for at in moments)
                found = await groups(ledger, *by, start=start, end=end)
                assert sum(found.values()) == wanted, (start, end)

    async def test_sums_and_rows_agree_whatever_is_asked(self, ledger: Store) -> None:
        dice = random.Random(5)
        calls: list[tuple[float, str, str, str]] = []
        for number in range(120):
            at = MIDNIGHT + dice.uniform(0, 4 * DAY_S)
            agent, team, model = dice.choice(" xy"), dice.choice(" st"), dice.choice("mn")
            calls.append((at, agent.strip(), team.strip(), model))
            labels = {"team": team} if team.strip() else {}
            await ended(
                ledger, f"{number:03}", at=at, agent_id=agent.strip(), labels=labels, model=model
            )
        for _ in range(40):
            start, end = sorted(MIDNIGHT + dice.uniform(-1, 5) * DAY_S for _ in range(2))
            inside = [one for one in calls if start <= one[0] < end]
            for by, value in (
                (("day", "model"), lambda one: (day_of(one[0]), one[3])),
                (("agent", "day"), lambda one: (one[1], day_of(one[0]))),
                (("label:team",), lambda one: (one[2],)),
                (("agent", "label:team"), lambda one: (one[1], one[2])),
            ):
                wanted: dict[tuple[str, ...], int] = {}
                for one in inside:
                    key = value(one)
                    wanted[key] = wanted.get(key, 0) + 1
                assert await groups(ledger, *by, start=start, end=end) == wanted

    async def test_groups_come_in_order_and_in_pages(self, ledger: Store) -> None:
        for model in ("b", "\u00e9", "Z", "a", "", "\U0001f600", "z"):
            await ended(ledger, f"call-{model}", model=model, agent_id=model[:1])
        for by in (("model",), ("agent", "model"), ("session", "model")):
            seen: list[tuple[str, ...]] = []
            after = None
            while found := await ledger.summarize(ALL, by, after, 2):
                assert len(found) <= 2
                seen += [group.values for group in found]
                after = seen[-1]
            assert seen == sorted(seen)
            assert len(seen) == 7

    async def test_records_are_newest_first_whatever_the_order_of_writing(
        self, ledger: Store
    ) -> None:
        for name, at in (("b", 2.0), ("d", 4.0), ("a", 1.0), ("c", 3.0)):
            await ledger.begin(intent(name, started_at=START + at))
        await ledger.settle(settlement("c"))
        found = await newest(ledger)
        assert [entry.intent.call_id for entry in found] == ["d", "c", "b", "a"]
        assert [entry.state.value for entry in found] == ["pending", "settled", *["pending"] * 2]

    async def test_records_are_whole(self, ledger: Store) -> None:
        await ended(ledger, "a")
        await ledger.begin(intent("b"))
        assert await newest(ledger) == (Entry(intent("b")), Entry(intent("a"), settlement("a")))

    async def test_records_of_one_instant_come_in_pages_by_their_ids(self, ledger: Store) -> None:
        for name in ("b", "c", "a"):
            await ledger.begin(intent(name))
        await ledger.settle(settlement("b"))
        seen: list[str] = []
        before = None
        while found := await ledger.records(ALL, before, 2):
            seen += [entry.intent.call_id for entry in found]
            before = (found[-1].intent.started_at, seen[-1])
        assert seen == ["c", "b", "a"]

    async def test_after_pruning_days_are_known_and_calls_are_not(self, ledger: Store) -> None:
        if not self.keeps_sums:
            pytest.skip("this store knows nothing of days whose rows it has no longer")
        await ended(ledger, "old", at=MIDNIGHT - 5.0, agent_id="x", labels={"team": "search"})
        await ended(ledger, "new", at=MIDNIGHT + 5.0, agent_id="x", labels={"team": "search"})
        await ledger.prune(MIDNIGHT + 60)
        for by in ((), ("model",), ("agent",), ("label:team", "day")):
            assert sum((await groups(ledger, *by)).values()) == 2
        for by in (("hour",), ("session",), ("agent", "end_user"), ("label:env",)):
            with pytest.raises(PeriodPruned, match="2025-11-21") as refused:
                await groups(ledger, *by)
            assert refused.value.violations[0].field == "period.start_time"
            assert sum((await groups(ledger, *by, start=MIDNIGHT)).values()) == 1
        with pytest.raises(PeriodPruned):
            await groups(ledger, start=MIDNIGHT - 7.0)
        with pytest.raises(PeriodPruned):
            await ledger.records(ALL, None, 10)
        assert len(await ledger.records(replace(ALL, start=MIDNIGHT), None, 10)) == 1
