"""Every fault through a real gateway over real sockets: alone, tried again, and with a fallback."""

from __future__ import annotations

import pytest

from hexgate.adapters.simulator import Fault
from hexgate.domain.ledger import CallState, Entry
from tests.faults.ends import ALL_FAILED, FAILED, NO_CONNECTION, OVERLOADED, Says
from tests.faults.outcome import BACKUP, FIRST, Mode, Outcome, expected, modes
from tests.faults.rows import ROWS, Row
from tests.faults.seen import GOOD, Seen, booked, call, stream, unary
from tests.faults.world import MODEL, stricken, world

CASES = [
    pytest.param(row, mode, streamed, id=f"{row}-{'stream' if streamed else 'unary'}-{mode.value}")
    for row in ROWS
    for streamed, end in ((False, row.unary), (True, row.stream))
    if end is not None
    for mode in modes(row, end)
]


@pytest.mark.parametrize(("row", "mode", "streamed"), CASES)
async def test_a_call_that_meets_a_fault_ends_as_the_table_says(
    row: Row, mode: Mode, streamed: bool
) -> None:
    end = row.stream if streamed else row.unary
    assert end is not None
    outcome = expected(row, mode, end)
    async with stricken(row, mode, streamed=streamed) as made:
        seen = await call(made, row.made, mode, streamed=streamed)
        await made.as_before()
        (entry,) = await made.entries()
        sent = [request.headers["authorization"] for request in made.first.requests]
    if row.keys > 1:
        assert sent == [f"Bearer sk-{number}" for number in range(row.keys)]
    judge_call(seen, outcome, streamed=streamed)
    judge_text(seen.text, outcome.end.says)
    judge_entry(entry, seen, outcome)
    if outcome.end is end and row.asks_s is not None:
        assert seen.problem is not None
        assert seen.problem.retry_after_s == pytest.approx(row.asks_s, abs=1)


def judge_call(seen: Seen, outcome: Outcome, *, streamed: bool) -> None:
    """What the caller is told."""
    end = outcome.end
    assert (seen.reason, seen.code, seen.tried) == (end.reason, end.code, outcome.tried)
    assert seen.finish == end.finish
    assert bool(seen.moved) == outcome.restarted
    assert seen.usage.estimated == (end.estimated or not end.fine)
    assert bool(seen.cost.total_nanos) == (end.fine or end.counted)
    if outcome.restarted:
        (moved,) = seen.moved
        assert moved.output_reset
        assert (moved.failed.provider, moved.next_provider) == (FIRST, outcome.tried[-1][0])
    if seen.problem is None:
        return
    failure = seen.problem.failure
    assert failure is not None, "an error that does not say what was tried and delivered"
    assert failure.last_sequence == seen.sequence
    assert failure.delivered_text_chars == len(seen.text)
    assert (seen.sequence > 0) == (streamed and end.broken)


def judge_text(text: str, says: Says) -> None:
    """What arrived, beside what a good answer says."""
    match says:
        case Says.WHOLE:
            assert text == GOOD
        case Says.PART:
            assert text
            assert GOOD.startswith(text)
            assert text != GOOD
        case Says.TWICE:
            assert len(text) > len(GOOD)
            assert any(
                text[:at] + text[at + len(text) - len(GOOD) :] == GOOD for at in range(len(GOOD))
            )
        case Says.ODD:
            assert text
        case Says.NOTHING:
            assert text == ""


def judge_entry(entry: Entry, seen: Seen, outcome: Outcome) -> None:
    """What the ledger keeps: the same."""
    end, settled = outcome.end, entry.settlement
    assert settled is not None
    assert settled.state is (CallState.SETTLED if end.fine else CallState.FAILED)
    assert settled.failure == ("" if end.fine else end.reason)
    assert settled.provider == outcome.tried[-1][0]
    assert booked(entry) == outcome.tried
    assert settled.usage.estimated == seen.usage.estimated
    assert settled.usage.output == seen.usage.output_tokens
    assert (settled.usage.total > 0) == (end.fine or end.counted)
    assert settled.cost.total_nanos == seen.cost.total_nanos
    assert not settled.cost.unknown


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_where_the_fallback_fails_as_well_every_attempt_is_told(streamed: bool) -> None:
    async with world(models={"fallbacks": [f"{BACKUP}/{MODEL}"]}) as made:
        made.first.script([Fault.ERROR_500])
        made.backup.script([Fault.ERROR_529])
        seen = await (stream(made) if streamed else unary(made))
        await made.as_before()
        (entry,) = await made.entries()
    tried = ((FIRST, FAILED.reason), (BACKUP, OVERLOADED.reason))
    outcome = Outcome(end=ALL_FAILED, tried=tried)
    judge_call(seen, outcome, streamed=streamed)
    judge_entry(entry, seen, outcome)


@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "stream"])
async def test_a_callers_own_fallback_takes_over_as_a_configured_one(streamed: bool) -> None:
    async with world() as made:
        made.first.script([Fault.RESET_BEFORE_HEADERS])
        seen = await (stream if streamed else unary)(made, others=(f"{BACKUP}/{MODEL}",))
        await made.as_before()
    assert (seen.reason, seen.text) == ("OK", GOOD)
    assert seen.tried == ((FIRST, NO_CONNECTION.reason), (BACKUP, ""))
