"""What every Ledger must do."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState, Entry, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.report import Query
from hexgate.domain.usage import Usage
from hexgate.ports.ledger import Ledger
from hexgate.ports.reports import Reports

START = 1_763_700_000.123456

FULL_INTENT = Intent(
    call_id="0199aaaa-0000-7000-8000-000000000001",
    tenant="acme",
    requested_model="best",
    provider="claude",
    model="claude-opus-4-5",
    hold_nanos=9_007_199_254_740_993,  # no float holds this
    price_known=True,
    started_at=START,
    expires_at=START + 660.1,
    session_id="session-\u00e9\u4e2d\U0001f600",
    agent_id='agent "7"',
    end_user_id="user\n1",
    api_key="key-1",
    labels={"team": "search", "env": "d\u00e9v"},
    streamed=True,
)
FULL_SETTLEMENT = Settlement(
    call_id=FULL_INTENT.call_id,
    state=CallState.FAILED,
    usage=Usage(
        uncached_input=1,
        cache_read=2,
        cache_write=3,
        cache_write_1h=4,
        audio_input=11,
        audio_cache_read=12,
        image_input=13,
        output=5,
        audio_output=14,
        reasoning=6,
        estimated=True,
    ),
    cost=Cost(
        input_nanos=7,
        output_nanos=9_007_199_254_740_995,
        wasted_nanos=9,
        price_version="genai-prices 0.2.3",
        estimated=True,
        unknown=True,
    ),
    provider="openai",
    model="gpt-4o",
    ended_at=START + 1 / 3,
    first_token_at=START + 0.1,
    finish="length",
    failure="STREAM_INTERRUPTED",
    attempts=(
        Attempt(
            provider="claude",
            model="claude-opus-4-5",
            failure="PROVIDER_OVERLOADED",
            http_status=529,
            duration_s=0.1 + 0.2,
            request_id="req_1",
        ),
        Attempt(provider="openai", model="gpt-4o", http_status=200, duration_s=1e-9),
    ),
)


def intent(call_id: str, *, tenant: str = "acme", started_at: float = START) -> Intent:
    """A call with nothing but what is required."""
    return Intent(
        call_id=call_id,
        tenant=tenant,
        requested_model="fast",
        provider="openai",
        model="gpt-4o",
        hold_nanos=500,
        price_known=True,
        started_at=started_at,
        expires_at=started_at + 60,
    )


def settlement(call_id: str, *, nanos: int = 7) -> Settlement:
    """An ordinary outcome."""
    return Settlement(
        call_id=call_id,
        state=CallState.SETTLED,
        usage=Usage(uncached_input=10, output=20),
        cost=Cost(input_nanos=nanos, price_version="v"),
        provider="openai",
        model="gpt-4o",
        ended_at=START + 2,
    )


async def newest(reports: Reports, tenant: str = "acme", limit: int = 1000) -> tuple[Entry, ...]:
    """The newest rows of a tenant, of whatever time."""
    return await reports.records(Query(tenant=tenant, start=0.0, end=4e9), None, limit)


async def dropped(task: asyncio.Task[object]) -> None:
    """Start the task, then cancel it wherever it waits first."""
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


class LedgerContract(abc.ABC):
    """Subclasses override `ledger` with an empty one that has room for 1000 rows."""

    @pytest.fixture
    @abc.abstractmethod
    def ledger(self) -> Ledger | AsyncIterator[Ledger]:
        """The ledger under test."""

    async def test_a_begun_call_is_pending(self, ledger: Ledger) -> None:
        await ledger.begin(FULL_INTENT)
        found = await ledger.get(FULL_INTENT.call_id)
        assert found == Entry(FULL_INTENT)
        assert found.state is CallState.PENDING

    async def test_every_field_comes_back_as_it_went_in(self, ledger: Ledger) -> None:
        await ledger.begin(FULL_INTENT)
        assert await ledger.settle(FULL_SETTLEMENT)
        assert await ledger.get(FULL_INTENT.call_id) == Entry(FULL_INTENT, FULL_SETTLEMENT)

    async def test_empty_and_absent_fields_come_back_so(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        await ledger.settle(settlement("a"))
        assert await ledger.get("a") == Entry(intent("a"), settlement("a"))

    async def test_a_first_token_at_zero_is_not_a_missing_one(self, ledger: Ledger) -> None:
        outcome = replace(settlement("a"), first_token_at=0.0)
        await ledger.begin(intent("a"))
        await ledger.settle(outcome)
        assert await ledger.get("a") == Entry(intent("a"), outcome)

    async def test_every_outcome_is_kept(self, ledger: Ledger) -> None:
        for state in CallState:
            if state is CallState.PENDING:
                continue
            await ledger.begin(intent(state.value))
            await ledger.settle(replace(settlement(state.value), state=state))
            found = await ledger.get(state.value)
            assert found is not None
            assert found.state is state

    async def test_an_unknown_call_is_none(self, ledger: Ledger) -> None:
        assert await ledger.get("never") is None

    async def test_beginning_twice_changes_nothing(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        await ledger.begin(replace(intent("a"), tenant="other", hold_nanos=1))
        assert await ledger.get("a") == Entry(intent("a"))

    async def test_beginning_a_settled_call_changes_nothing(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        await ledger.settle(settlement("a"))
        await ledger.begin(intent("a"))
        assert await ledger.get("a") == Entry(intent("a"), settlement("a"))

    async def test_the_first_settlement_wins(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        assert await ledger.settle(settlement("a", nanos=1)) is True
        assert await ledger.settle(settlement("a", nanos=2)) is False
        found = await ledger.get("a")
        assert found is not None
        assert found.settlement == settlement("a", nanos=1)

    async def test_settling_what_was_never_begun_is_a_key_error(self, ledger: Ledger) -> None:
        with pytest.raises(KeyError, match="never"):
            await ledger.settle(settlement("never"))
        assert await ledger.get("never") is None

    async def test_a_sweep_charges_what_expired_at_its_hold(self, ledger: Ledger) -> None:
        lost = intent("lost")
        await ledger.begin(lost)
        now = lost.expires_at
        assert await ledger.sweep(now) == 1
        found = await ledger.get("lost")
        assert found is not None
        assert found.state is CallState.UNKNOWN
        outcome = found.settlement
        assert outcome is not None
        assert outcome.cost == Cost(wasted_nanos=lost.hold_nanos, estimated=True)
        assert outcome.usage == Usage(estimated=True)
        assert (outcome.provider, outcome.model) == (lost.provider, lost.model)
        assert (outcome.ended_at, outcome.failure) == (now, "UNKNOWN")

    async def test_a_sweep_says_when_the_price_was_unknown(self, ledger: Ledger) -> None:
        await ledger.begin(replace(intent("a"), price_known=False, hold_nanos=0))
        await ledger.sweep(START + 1000)
        found = await ledger.get("a")
        assert found is not None
        assert found.settlement is not None
        assert found.settlement.cost.unknown

    async def test_a_sweep_leaves_what_is_settled_or_not_yet_expired(self, ledger: Ledger) -> None:
        await ledger.begin(intent("settled"))
        await ledger.settle(settlement("settled"))
        await ledger.begin(intent("later", started_at=START + 0.001))
        assert await ledger.sweep(intent("x").expires_at) == 0
        assert await ledger.get("settled") == Entry(intent("settled"), settlement("settled"))
        assert await ledger.get("later") == Entry(intent("later", started_at=START + 0.001))

    async def test_a_second_sweep_finds_nothing_and_a_late_settlement_loses(
        self, ledger: Ledger
    ) -> None:
        await ledger.begin(intent("lost"))
        assert await ledger.sweep(START + 1000) == 1
        assert await ledger.sweep(START + 1000) == 0
        assert await ledger.settle(settlement("lost")) is False

    async def test_a_sweep_takes_any_number_of_rows(self, ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.begin(intent(str(number))) for number in range(1000)))
        assert await ledger.sweep(START + 1000) == 1000

    async def test_pruning_removes_what_ended_and_began_before_the_day(
        self, ledger: Ledger
    ) -> None:
        midnight = START // 86_400 * 86_400
        for name, at in (("old", midnight - 1), ("first", midnight), ("open", midnight - 2)):
            await ledger.begin(intent(name, started_at=at))
        for name in ("old", "first"):
            await ledger.settle(settlement(name))
        assert await ledger.prune(START) == 1
        assert await ledger.prune(START) == 0
        assert await ledger.get("old") is None
        assert await ledger.get("first") is not None
        assert await ledger.get("open") is not None

    async def test_cancelling_the_caller_loses_no_intent(self, ledger: Ledger) -> None:
        await dropped(asyncio.create_task(ledger.begin(intent("a"))))
        assert await ledger.get("a") == Entry(intent("a"))

    async def test_cancelling_the_caller_loses_no_settlement(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        await dropped(asyncio.create_task(ledger.settle(settlement("a"))))
        assert await ledger.get("a") == Entry(intent("a"), settlement("a"))

    async def test_a_hundred_calls_at_once_are_all_kept(self, ledger: Ledger) -> None:
        async def call(number: int) -> bool:
            await ledger.begin(intent(str(number)))
            return await ledger.settle(settlement(str(number), nanos=number))

        assert all(await asyncio.gather(*map(call, range(100))))
        rows = [await ledger.get(str(number)) for number in range(100)]
        found = [row.settlement for row in rows if row is not None]
        assert [one.cost.input_nanos for one in found if one is not None] == list(range(100))

    async def test_of_many_settlements_at_once_one_wins(self, ledger: Ledger) -> None:
        await ledger.begin(intent("a"))
        wins = await asyncio.gather(
            *(ledger.settle(settlement("a", nanos=number)) for number in range(20))
        )
        assert sum(wins) == 1
        found = await ledger.get("a")
        assert found is not None
        assert found.settlement == settlement("a", nanos=wins.index(True))
