"""Retries: which, after how long, and when they are not worth it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.breaker.pybreaker import Breakers, Settings
from hexgate.adapters.cache.memory import in_memory
from hexgate.application.pipeline import unite
from hexgate.application.policies.retry import TABLE, Retried, RetryRow, RetryRules
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import CacheMode, ChatCall
from hexgate.domain.chat import Text
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import (
    BadResponse,
    CircuitOpen,
    ContextTooLong,
    CredentialRejected,
    GatewayError,
    InvalidRequest,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    RateLimited,
    TargetDisabled,
    TimedOut,
    Transient,
    Unreachable,
    Unsupported,
)
from hexgate.domain.fallback import Rule
from hexgate.ports.provider import Provider
from tests.application.stacks import aimed, drain, hardened
from tests.fakes import FakeProvider, embed_call
from tests.virtual import LoopClock, in_virtual_time, virtual

RULES = RetryRules()
LIMITED = ProviderLimited("slow down")
FAILED = ProviderFailed("500")
CUT_OFF = Unreachable("reset")
BUSY = Overloaded("busy", http_status=529)
CLOSED = Overloaded("closed", http_status=503)


class Napping(LoopClock):
    """Writes down how long it was asked to sleep; `late_s` is by how much it sleeps too long."""

    def __init__(self, late_s: float = 0.0) -> None:
        super().__init__()
        self.naps: list[float] = []
        self._late_s = late_s

    async def sleep(self, seconds: float) -> None:
        """See Clock."""
        self.naps.append(seconds)
        await super().sleep(seconds + self._late_s)


async def failure(provider: Provider, asked: ChatCall) -> GatewayError:
    """What it raises."""
    with pytest.raises(GatewayError) as caught:
        await provider.complete(asked)
    return caught.value


@pytest.mark.parametrize(
    ("error", "naps"),
    [
        (LIMITED, [1, 2, 4]),
        (FAILED, [2, 2]),
        (BadResponse("nonsense"), [2, 2]),
        (CLOSED, [5]),
        (BUSY, [10]),
        (TimedOut("slow"), [1]),
        (CUT_OFF, [0.5, 1]),
    ],
)
@virtual
async def test_each_kind_of_failure_has_its_own_waits(error: Transient, naps: list[float]) -> None:
    clock, leaf = Napping(), FakeProvider(error)
    assert await failure(hardened(leaf, clock, rules=RULES), aimed()) is error
    assert clock.naps == naps
    assert len(leaf.calls) == len(naps) + 1


@virtual
async def test_chance_lengthens_waits_up_to_their_double() -> None:
    clock = Napping()
    retried = Retried(FakeProvider(LIMITED), RULES, clock, lambda: 0.5)
    await failure(retried, aimed())
    assert clock.naps == [1.5, 3, 6]


@virtual
async def test_a_wait_that_the_provider_asked_for_is_kept() -> None:
    clock, leaf = Napping(), FakeProvider(ProviderLimited("later", retry_after_s=7.0))
    await failure(hardened(leaf, clock, rules=RULES), aimed())
    assert clock.naps == [7, 7, 7]


@virtual
async def test_those_who_were_told_the_same_do_not_come_back_together() -> None:
    clock = Napping()
    asked = ProviderLimited("later", retry_after_s=10.0)
    await failure(Retried(FakeProvider(asked), RULES, clock, lambda: 0.5), aimed())
    assert clock.naps == [10.5, 10.5, 10.5]


@virtual
async def test_who_is_told_to_wait_for_no_time_waits_as_the_table_says() -> None:
    clock, leaf = Napping(), FakeProvider(ProviderLimited("now", retry_after_s=0.0))
    await failure(hardened(leaf, clock, rules=RULES), aimed())
    assert clock.naps == [1, 2, 4]


@virtual
async def test_each_kind_counts_its_own_retries() -> None:
    clock = Napping()
    leaf = FakeProvider(CUT_OFF, FAILED, CUT_OFF, "fine")
    answer = await hardened(leaf, clock, rules=RULES).complete(aimed())
    assert answer.parts == (Text("fine"),)
    assert clock.naps == [0.5, 2, 1]


@virtual
async def test_a_kind_that_has_had_its_retries_ends_them_all() -> None:
    clock = Napping()
    leaf = FakeProvider(BUSY, CUT_OFF, BUSY, "too late")
    assert await failure(hardened(leaf, clock, rules=RULES), aimed()) is BUSY
    assert clock.naps == [10, 0.5]


@pytest.mark.parametrize("attempts", [1, 2, 3])
@virtual
async def test_attempts_bound_the_retries_of_all_kinds_together(attempts: int) -> None:
    leaf = FakeProvider(CUT_OFF, FAILED, LIMITED, "too late")
    rules = RetryRules(attempts=attempts)
    await failure(hardened(leaf, Napping(), rules=rules), aimed())
    assert len(leaf.calls) == attempts


@virtual
async def test_a_kind_without_a_row_is_not_retried() -> None:
    rows = dict(TABLE)
    del rows[Condition.RATE_LIMIT]
    leaf = FakeProvider(ProviderLimited("later", retry_after_s=1.0))
    rules = RetryRules(rows=rows)
    await failure(hardened(leaf, Napping(), rules=rules), aimed())
    assert len(leaf.calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("no"),
        ContextTooLong("long"),
        Unsupported("no images"),
        QuotaExhausted("broke", retry_after_s=1.0),
        CredentialRejected("who"),
        ModelGone("gone"),
    ],
)
@virtual
async def test_what_is_not_transient_is_not_retried(error: GatewayError) -> None:
    leaf = FakeProvider(error, "too late")
    assert await failure(hardened(leaf, Napping(), rules=RULES), aimed()) is error
    assert len(leaf.calls) == 1


@virtual
async def test_what_is_not_transient_ends_the_retries() -> None:
    gone = ModelGone("gone")
    leaf = FakeProvider(CUT_OFF, gone, "too late")
    assert await failure(hardened(leaf, Napping(), rules=RULES), aimed()) is gone
    assert len(leaf.calls) == 2


@virtual
async def test_a_retry_is_written_down_beside_what_it_repeats() -> None:
    leaf = FakeProvider(Overloaded("busy", http_status=503, request_id="r1"), "fine")
    asked = aimed()
    await hardened(leaf, Napping(), rules=RULES).complete(asked)
    done = [(one.failure, one.http_status, one.request_id) for one in asked.attempts.done]
    assert done == [("PROVIDER_OVERLOADED", 503, "r1"), ("", 200, "fake-1")]


@virtual
async def test_streams_and_embeddings_are_retried_until_they_begin() -> None:
    provider = hardened(FakeProvider(CUT_OFF, "fine", CUT_OFF, "fine"), Napping(), rules=RULES)
    assert await drain(provider, aimed())
    assert (await provider.embed(embed_call("one", hops=aimed().hops))).vectors


@pytest.mark.parametrize(("deadline", "sent"), [(0.4, 1), (0.5, 1), (0.6, 2), (1.5, 2), (1.6, 3)])
@virtual
async def test_a_wait_that_would_outlast_the_deadline_is_not_begun(
    deadline: float, sent: int
) -> None:
    clock, leaf = Napping(), FakeProvider(CUT_OFF)
    error = await failure(hardened(leaf, clock, rules=RULES), aimed(deadline=deadline))
    assert error is CUT_OFF
    assert (len(leaf.calls), len(clock.naps)) == (sent, sent - 1)


@virtual
async def test_whoever_sleeps_beyond_the_deadline_sends_nothing_more() -> None:
    clock, leaf = Napping(late_s=5), FakeProvider(CUT_OFF)
    asked = aimed(deadline=5.0)
    assert await failure(hardened(leaf, clock, rules=RULES), asked) is CUT_OFF
    assert clock.naps == [0.5]
    assert len(leaf.calls) == len(asked.attempts.done) == 1


@pytest.mark.parametrize(
    ("names", "wait_s", "sent"),
    [
        (("a/m",), 21.0, 2),
        (("a/m", "b/m"), 20.0, 2),
        (("a/m", "b/m"), 21.0, 1),
    ],
)
@virtual
async def test_nobody_waits_long_for_one_target_while_another_is_left(
    names: tuple[str, ...], wait_s: float, sent: int
) -> None:
    leaf = FakeProvider(ProviderLimited("later", retry_after_s=wait_s), FAILED)
    rules = RetryRules(rows={Condition.RATE_LIMIT: RetryRow(1, 1.0)})
    await failure(hardened(leaf, Napping(), rules=rules), aimed(*names))
    assert len(leaf.calls) == sent


@virtual
async def test_a_target_for_other_kinds_of_failure_shortens_no_patience() -> None:
    asked = aimed("a/m", "b/m")
    timeouts = Rule(on=frozenset({Condition.TIMEOUT}), to=())
    asked = replace(asked, hops=(asked.hops[0], replace(asked.hops[1], rule=timeouts)))
    leaf = FakeProvider(ProviderLimited("later", retry_after_s=60.0), "fine")
    assert await hardened(leaf, Napping(), rules=RULES).complete(asked)


@virtual
async def test_a_rule_may_forbid_to_try_the_same_target_again() -> None:
    asked = aimed("a/m", "b/m")
    at_once = Rule(on=frozenset({Condition.OVERLOADED}), to=(), retry_original=False)
    asked = replace(asked, hops=(asked.hops[0], replace(asked.hops[1], rule=at_once)))
    clock, leaf = Napping(), FakeProvider(CUT_OFF, BUSY, "too late")
    assert await failure(hardened(leaf, clock, rules=RULES), asked) is BUSY
    assert clock.naps == [0.5]
    assert len(leaf.calls) == 2


@pytest.mark.parametrize(
    ("names", "left", "sent"),
    [(("a/m",), 3, 3), (("a/m", "b/m"), 3, 2), (("a/m", "b/m"), 2, 1), (("a/m", "b/m"), 1, 1)],
)
@virtual
async def test_what_is_spared_for_others_is_not_used_up(
    names: tuple[str, ...], left: int, sent: int
) -> None:
    clock, leaf = Napping(), FakeProvider(LIMITED)
    asked = aimed(*names, attempts=Attempts(left))
    await failure(hardened(leaf, clock, rules=RULES), asked)
    assert (len(leaf.calls), len(clock.naps)) == (sent, sent - 1)


@virtual
async def test_a_budget_that_others_took_during_the_wait_is_respected() -> None:
    clock, leaf = Napping(), FakeProvider(BUSY, "too late")
    asked = aimed(attempts=Attempts(2))
    going = asyncio.create_task(failure(hardened(leaf, clock, rules=RULES), asked))
    await clock.sleep(1)
    asked.attempts.take()
    assert await going is BUSY
    assert len(leaf.calls) == 1


@virtual
async def test_a_breaker_that_opens_meanwhile_does_not_hide_what_opened_it() -> None:
    clock = Napping()
    breaker = Breakers(clock, Settings(failures=2, rest_s=1e6))
    provider = hardened(FakeProvider(CUT_OFF, BUSY), clock, breaker=breaker, rules=RULES)
    assert await failure(provider, aimed()) is BUSY
    assert isinstance(await failure(provider, aimed()), CircuitOpen)


@pytest.mark.parametrize("then", [TargetDisabled("off"), RateLimited("ours")])
@virtual
async def test_what_was_refused_before_it_was_sent_does_not_hide_what_failed(
    then: GatewayError,
) -> None:
    leaf = FakeProvider(CUT_OFF, BUSY, then)
    assert await failure(hardened(leaf, Napping(), rules=RULES), aimed()) is BUSY


@virtual
async def test_whoever_leaves_while_waiting_is_not_asked_for_any_more() -> None:
    clock, leaf = Napping(), FakeProvider(BUSY, "too late")
    going = asyncio.create_task(hardened(leaf, clock, rules=RULES).complete(aimed()))
    await clock.sleep(1)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    await clock.sleep(60)
    assert len(leaf.calls) == 1


@virtual
async def test_an_outage_gets_a_share_of_retries_and_the_next_target_the_rest() -> None:
    clock = Napping()
    ill, well = FakeProvider(CUT_OFF), FakeProvider("rescued")
    never = Breakers(clock, Settings(failures=10_000, failure_ratio=0))
    rules = RetryRules(ratio=0.1, burst=5)
    hardened_ = {"a": hardened(ill, clock, name="a", breaker=never, rules=rules), "b": well}
    united = unite(hardened_, in_memory(clock), CacheMode.BYPASS, 60, clock)
    for _ in range(100):
        assert (await united.complete(aimed("a/m", "b/m"))).parts == (Text("rescued"),)
    # The first call finds all that can be saved up, so it adds nothing.
    assert len(ill.calls) == 100 + 5 + 9


@virtual
async def test_what_goes_well_saves_up_retries_for_what_will_not() -> None:
    leaf = FakeProvider(CUT_OFF, *["fine"] * 5, CUT_OFF, "fine")
    provider = hardened(leaf, Napping(), rules=RetryRules(ratio=0.25, burst=1))
    for _ in range(6):
        await provider.complete(aimed())
    assert len(leaf.calls) == 1 + 6 + 1


OUTCOMES = st.sampled_from([LIMITED, FAILED, CUT_OFF, BUSY, CLOSED, ModelGone("gone"), "fine"])


@given(
    outcomes=st.lists(OUTCOMES, min_size=1, max_size=30),
    calls=st.integers(1, 40),
    ratio=st.floats(0.001, 1),
    burst=st.integers(1, 10),
    together=st.booleans(),
)
def test_retries_are_at_most_the_burst_and_a_share_of_the_calls(
    outcomes: list[str | Exception], calls: int, ratio: float, burst: int, together: bool
) -> None:
    async def story() -> int:
        leaf = FakeProvider(*outcomes)
        retried = Retried(leaf, RetryRules(ratio=ratio, burst=burst), LoopClock(), lambda: 0.5)
        going = [retried.complete(aimed()) for _ in range(calls)]
        if together:
            await asyncio.gather(*going, return_exceptions=True)
        else:
            for one in going:
                await asyncio.gather(one, return_exceptions=True)
        return len(leaf.calls) - calls

    assert in_virtual_time(story()) <= burst + ratio * calls + 1e-6 * calls
