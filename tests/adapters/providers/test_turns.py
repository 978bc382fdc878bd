"""Which key is asked, and when none is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.domain.errors import (
    CredentialRejected,
    ModelGone,
    Overloaded,
    ProviderFailed,
    ProviderLimited,
    QuotaExhausted,
    TimedOut,
    Unreachable,
    Unserved,
)
from hexgate.domain.keys import KeyOrder, KeyState
from tests.adapters.providers.vendor import Vendor, ask, failed, states
from tests.fakes import call, embed_call

ACTIVE, LIMITED, REJECTED = KeyState.ACTIVE, KeyState.LIMITED, KeyState.REJECTED
LIMIT, AUTH = ProviderLimited.reason, CredentialRejected.reason


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


async def test_keys_take_turns(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c")
    assert await ask(ring, 7) == ["sk-a", "sk-b", "sk-c", "sk-a", "sk-b", "sk-c", "sk-a"]


async def test_every_kind_of_call_takes_its_turn(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    await ring.complete(call())
    await (await ring.open(call())).aclose()
    await ring.embed(embed_call())
    assert vendor.asked == ["sk-a", "sk-b", "sk-a"]


async def test_calls_at_the_same_time_take_different_keys(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c")
    await asyncio.gather(*(ring.complete(call()) for _ in range(6)))
    assert sorted(vendor.asked) == ["sk-a", "sk-a", "sk-b", "sk-b", "sk-c", "sk-c"]


@pytest.mark.parametrize(
    ("order", "after"),
    [
        (KeyOrder.ROUND_ROBIN, ["sk-a", "sk-b", "sk-c"]),
        (KeyOrder.LEAST_RECENTLY_USED, ["sk-b", "sk-a", "sk-c"]),
    ],
)
async def test_a_key_that_rested_comes_at_its_place_or_first(
    vendor: Vendor, order: KeyOrder, after: list[str]
) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c", order=order)
    vendor.limit("sk-b", wait_s=10)
    assert await ask(ring, 5) == ["sk-a", LIMIT, "sk-c", "sk-a", "sk-c"]
    vendor.fail("sk-b", None)
    vendor.clock.advance(10)
    assert await ask(ring, 3) == after


@pytest.mark.parametrize("kind", [Overloaded, ProviderFailed, TimedOut, Unreachable, ModelGone])
async def test_a_failure_that_is_not_about_the_key_changes_nothing(
    vendor: Vendor, kind: type[Unserved]
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.fail("sk-a", kind)
    failure = await failed(ring)
    assert (failure.other_key, failure.retry_after_s) == (False, None)
    assert states(ring) == [ACTIVE, ACTIVE]
    assert await ask(ring, 2) == ["sk-b", kind.reason]
    assert vendor.told == []


@pytest.mark.parametrize("wait_s", [9, None])
@pytest.mark.parametrize(
    "kind", [CredentialRejected, ProviderLimited, QuotaExhausted], ids=lambda kind: kind.__name__
)
async def test_an_only_key_is_asked_whatever_its_state(
    vendor: Vendor, kind: type[Unserved], wait_s: float | None
) -> None:
    ring = await vendor.ring("sk-a")
    vendor.fail("sk-a", kind, wait_s=wait_s)
    failures = [await failed(ring) for _ in range(3)]
    assert [(f.other_key, f.retry_after_s) for f in failures] == [(False, wait_s)] * 3
    assert vendor.asked == ["sk-a"] * 3
    assert states(ring) != [ACTIVE]
    vendor.fail("sk-a", None)
    assert await ask(ring) == ["sk-a"]


async def test_when_all_are_limited_nothing_is_sent_and_the_first_to_be_back_is_told(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c")
    vendor.limit("sk-a", wait_s=8)
    vendor.limit("sk-b", wait_s=20)
    vendor.limit("sk-c", wait_s=50)
    first, second, last = [await failed(ring) for _ in range(3)]
    assert (first.other_key, first.retry_after_s) == (True, 8)
    assert (second.other_key, second.retry_after_s) == (True, 20)
    # Who waits now waits for the key that is back first, not for the one that was asked last.
    assert (last.other_key, last.retry_after_s) == (False, 8)
    vendor.clock.advance(3)
    refused = await failed(ring)
    assert isinstance(refused, ProviderLimited)
    assert (refused.retry_after_s, refused.http_status) == (5, 0)
    assert refused.metadata == {"provider": "fake"}
    assert len(vendor.asked) == 3
    vendor.clock.advance(5)
    vendor.fail("sk-a", None)
    assert await ask(ring, 2) == ["sk-a", "sk-a"]


async def test_when_no_key_has_quota_left_that_is_what_is_said(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.fail("sk-a", QuotaExhausted)
    vendor.fail("sk-b", QuotaExhausted)
    assert await ask(ring, 3) == [QuotaExhausted.reason] * 3
    assert len(vendor.asked) == 2


async def test_when_all_are_rejected_the_one_that_rests_longest_is_asked(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c")
    vendor.reject("sk-a", "sk-b", "sk-c")
    for _ in range(6):
        await failed(ring)
        vendor.clock.advance(1)
    assert vendor.asked == ["sk-a", "sk-b", "sk-c"] * 2
    vendor.fail("sk-a", None)
    assert await ask(ring, 3) == ["sk-a"] * 3
    assert states(ring) == [ACTIVE, REJECTED, REJECTED]


async def test_a_rejected_key_is_not_asked_while_a_limited_one_will_be_back(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.reject("sk-a")
    vendor.limit("sk-b", wait_s=8)
    assert await ask(ring, 3) == [AUTH, LIMIT, LIMIT]
    assert len(vendor.asked) == 2


async def test_a_key_whose_limit_is_used_up_is_passed_over_in_advance(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.use_up("sk-a", reset_s=5)
    assert await ask(ring, 4) == ["sk-a", "sk-b", "sk-b", "sk-b"]
    assert states(ring) == [LIMITED, ACTIVE]
    assert vendor.told == []  # it did not fail
    assert await ask(ring, 2, "other") == ["sk-a", "sk-b"]
    vendor.clock.advance(5)
    assert "sk-a" in await ask(ring, 2)


async def test_keys_that_only_said_that_they_are_used_up_are_asked_when_no_other_is_left(
    vendor: Vendor,
) -> None:
    """What they said is when their limits are whole again, and a request is served long before."""
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.use_up("sk-a", reset_s=5)
    vendor.use_up("sk-b", reset_s=3)
    assert await ask(ring, 4) == ["sk-a", "sk-b", "sk-b", "sk-b"]
    vendor.limit("sk-b", wait_s=60)
    failure = await failed(ring)
    assert failure.other_key
    assert await ask(ring) == ["sk-a"]


@pytest.mark.parametrize("reset_s", [None, 0.0])
async def test_a_limit_that_is_used_up_for_no_time_at_all_rests_nothing(
    vendor: Vendor, reset_s: float | None
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.use_up("sk-a", reset_s)
    assert await ask(ring, 4) == ["sk-a", "sk-b", "sk-a", "sk-b"]


async def test_an_only_key_never_rests_in_advance(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a")
    vendor.use_up("sk-a", reset_s=5)
    await ask(ring, 2)
    assert states(ring) == [ACTIVE]


KEYS = ("sk-a", "sk-b", "sk-c")
KINDS = {"reject": CredentialRejected, "limit": ProviderLimited, "quota": QuotaExhausted}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from(("m", "n"))),
        st.tuples(st.just("wait"), st.sampled_from((1.0, 7.0, 31.0, 400.0))),
        st.tuples(st.sampled_from((*KINDS, "mend")), st.sampled_from(KEYS)),
    ),
    max_size=60,
)


class Told:
    """What keys did, and so whom nobody may ask for which model."""

    def __init__(self) -> None:
        self.state = dict.fromkeys(KEYS, "mend")
        self.until: dict[tuple[str, str], float] = {}

    def judge(self, end: Unserved | None, sent: list[str], model: str, now: float) -> None:
        """How one call went."""
        assert all(self.until.get((key, model), 0.0) <= now for key in sent)
        if not sent:
            assert isinstance(end, (ProviderLimited, QuotaExhausted))
            ends = [self.until.get((key, model), 0.0) for key in KEYS]
            first = min(until for until in ends if until > now)
            assert end.retry_after_s == pytest.approx(first - now)
            assert not end.other_key
            return
        (key,) = sent
        state = self.state[key]
        assert (end is None) == (state == "mend")
        if state in ("limit", "quota"):
            for one in ("m", "n") if state == "quota" else (model,):
                rest_s = 600 if state == "quota" else 30
                self.until[key, one] = max(now + rest_s, self.until.get((key, one), 0.0))


@given(steps=STEPS, order=st.sampled_from(KeyOrder))
async def test_no_key_that_was_limited_is_asked_before_its_rest_is_over(
    steps: list[tuple[str, str | float]], order: KeyOrder
) -> None:
    vendor, told = Vendor(), Told()
    ring = await vendor.ring(*KEYS, order=order)
    for what, about in steps:
        if isinstance(about, float):
            vendor.clock.advance(about)
        elif what != "ask":
            told.state[about] = what
            vendor.fail(about, KINDS.get(what))
        else:
            before, end = len(vendor.asked), None
            try:
                await ring.complete(call(model=about))
            except Unserved as failure:
                end = failure
            told.judge(end, vendor.asked[before:], about, vendor.clock.monotonic())
