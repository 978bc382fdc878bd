"""How long a key rests after which failure, and for which models."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hexgate.adapters.providers.rests import Rests
from hexgate.domain.errors import (
    CredentialRejected,
    ProviderLimited,
    QuotaExhausted,
    Unserved,
)
from hexgate.domain.keys import KeyState
from tests.adapters.providers.vendor import Vendor, ask, failed, states

ACTIVE, LIMITED, REJECTED = KeyState.ACTIVE, KeyState.LIMITED, KeyState.REJECTED
LIMIT, AUTH = ProviderLimited.reason, CredentialRejected.reason


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.mark.parametrize(
    ("kind", "how", "state", "rest_s"),
    [
        (CredentialRejected, {"status": 401}, REJECTED, 300),
        (CredentialRejected, {}, REJECTED, 300),
        (ProviderLimited, {}, LIMITED, 30),
        (ProviderLimited, {"wait_s": 7.5}, LIMITED, 7.5),
        (ProviderLimited, {"wait_s": 1e9}, LIMITED, 3600),
        (QuotaExhausted, {}, LIMITED, 600),
        (QuotaExhausted, {"wait_s": 5}, LIMITED, 600),
        (QuotaExhausted, {"wait_s": 1200}, LIMITED, 1200),
    ],
)
async def test_a_failure_about_a_key_rests_it_for_so_long(
    vendor: Vendor, kind: type[Unserved], how: dict[str, Any], state: KeyState, rest_s: float
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.fail("sk-a", kind, **how)
    failure = await failed(ring)
    assert failure.other_key
    resting = ring.status()[0]
    assert (resting.state, resting.retry_at) == (state, vendor.clock.now() + rest_s)
    assert vendor.told == [resting]
    vendor.fail("sk-a", None)
    vendor.clock.advance(rest_s - 0.01)
    assert await ask(ring, 2) == ["sk-b", "sk-b"]
    vendor.clock.advance(0.02)
    assert "sk-a" in await ask(ring, 2)
    assert states(ring) == [ACTIVE, ACTIVE]


async def test_a_rate_limit_of_one_model_leaves_the_others_alone(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    for key in ("sk-a", "sk-b"):
        vendor.fail(key, ProviderLimited, "hot")
    assert await ask(ring, 3, "hot") == [LIMIT] * 3
    assert vendor.asked == ["sk-a", "sk-b"]
    assert await ask(ring, 2, "cold") == ["sk-a", "sk-b"]
    assert states(ring) == [LIMITED, LIMITED]


async def test_a_right_that_is_lacking_for_one_model_leaves_the_others_alone(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.fail("sk-a", CredentialRejected, "secret", status=403)
    assert await ask(ring, 2, "secret") == [AUTH, "sk-b"]
    assert await ask(ring, 1, "secret") == ["sk-b"]
    assert await ask(ring, 2, "m") == ["sk-a", "sk-b"]


async def test_a_key_that_stays_rejected_is_tried_ever_less_often(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.reject("sk-a")
    waits = []
    for _ in range(6):
        assert AUTH in await ask(ring, 2)
        retry_at = ring.status()[0].retry_at
        assert retry_at is not None
        waits.append(retry_at - vendor.clock.now())
        vendor.clock.advance(waits[-1])
    assert waits == [300, 600, 1200, 2400, 3600, 3600]
    vendor.fail("sk-a", None)
    await ask(ring, 2)
    vendor.reject("sk-a")
    await ask(ring, 2)
    assert ring.status()[0].retry_at == vendor.clock.now() + 300


async def test_calls_that_are_rejected_together_count_as_one(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.reject("sk-a")
    gate = vendor.hold()
    calls = [asyncio.create_task(ask(ring)) for _ in range(8)]
    await vendor.until(8)
    gate.set()
    ends = [end for found in await asyncio.gather(*calls) for end in found]
    assert sorted(ends) == [AUTH] * 4 + ["sk-b"] * 4
    assert ring.status()[0].retry_at == vendor.clock.now() + 300
    assert len(vendor.told) == 1


async def test_a_shorter_rest_does_not_replace_a_longer_one(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.hold()
    one = asyncio.create_task(ask(ring))
    await vendor.until(1)
    first, second = vendor.gate, vendor.hold()
    others = [asyncio.create_task(ask(ring)) for _ in range(2)]
    await vendor.until(3)
    vendor.limit("sk-a", wait_s=60)
    first.set()
    assert await one == [LIMIT]
    vendor.limit("sk-a", wait_s=1)
    second.set()
    assert await asyncio.gather(*others) == [["sk-b"], [LIMIT]]
    assert ring.status()[0].retry_at == vendor.clock.now() + 60


async def test_an_answer_to_an_earlier_call_does_not_end_the_rest_of_a_limited_key(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    gate = vendor.hold()
    early = asyncio.create_task(ask(ring))
    await vendor.until(1)
    vendor.hold().set()
    vendor.limit("sk-a", wait_s=60)
    assert await ask(ring, 2) == ["sk-b", LIMIT]
    vendor.fail("sk-a", None)
    gate.set()
    assert await early == ["sk-a"]
    assert states(ring) == [LIMITED, ACTIVE]


async def test_a_refusal_says_more_than_what_was_told_in_advance(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.use_up("sk-a", reset_s=900)
    vendor.use_up("sk-b", reset_s=900)
    await ask(ring, 2)
    vendor.limit("sk-a", wait_s=2)
    vendor.fail("sk-b", QuotaExhausted)
    assert sorted(await ask(ring, 2)) == sorted([LIMIT, QuotaExhausted.reason])
    assert await ask(ring) == [LIMIT]
    assert len(vendor.asked) == 4
    vendor.clock.advance(2)
    vendor.fail("sk-a", None)
    assert await ask(ring) == ["sk-a"]


async def test_an_earlier_answer_that_tells_in_advance_does_not_soften_a_refusal(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    gate = vendor.hold()
    early = asyncio.create_task(ask(ring))
    await vendor.until(1)
    vendor.hold().set()
    vendor.limit("sk-a", "sk-b", wait_s=60)
    await ask(ring, 2)
    vendor.use_up("sk-a", reset_s=5)
    vendor.fail("sk-a", None)
    gate.set()
    assert await early == ["sk-a"]
    assert await ask(ring) == [LIMIT]
    assert len(vendor.asked) == 3


def test_rests_are_kept_for_a_bounded_number_of_models() -> None:
    rests = Rests()
    for n in range(10_000):
        rests.refused(ProviderLimited("no"), f"m{n}", float(n % 20))
    kept = [n for n in range(10_000) if rests.keeping(f"m{n}", 0.0)]
    assert len(kept) == 256
