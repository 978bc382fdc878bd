"""The ring of keys: who is asked, who rests and for how long, and what a replacement does."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.adapters.providers.keys import Ring, open_ring
from hexgate.adapters.providers.turns import Closer
from hexgate.domain.answer import TextDelta
from hexgate.domain.errors import (
    CredentialRejected,
    Overloaded,
    ProviderLimited,
    QuotaExhausted,
)
from hexgate.domain.keys import KeyState, hash_prefix
from hexgate.ports.keys import Keyring
from hexgate.ports.probe import Probe
from hexgate.ports.provider import Provider
from tests.adapters.providers.vendor import Leaf, Vendor, ask, failed, states
from tests.contracts.keys import KeyringContract, shown
from tests.contracts.probe import LIMITS, ProbeContract
from tests.contracts.provider import ProviderContract
from tests.fakes import FakeProvider, Script, call

ACTIVE, LIMITED, REJECTED = KeyState.ACTIVE, KeyState.LIMITED, KeyState.REJECTED
LIMIT, AUTH = ProviderLimited.reason, CredentialRejected.reason


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


class TestKeyring(KeyringContract):
    async def make(self, *keys: str) -> Keyring:
        self.vendor = Vendor()
        return await self.vendor.ring(*keys)

    async def reject(self, ring: Keyring, key: str) -> None:
        assert isinstance(ring, Ring)
        self.vendor.reject(key)
        while key not in self.vendor.asked:
            await ask(ring)


class TestProbe(ProbeContract):
    @pytest.fixture(autouse=True)
    async def _open(self) -> None:
        self.vendor = Vendor()
        self.ring = await self.vendor.ring("sk-a", "sk-b")

    def accepting(self) -> Probe:
        return self.ring

    def rejecting(self) -> Probe:
        self.vendor.reject("sk-a", "sk-b")
        return self.ring

    def hanging(self) -> Probe:
        self.vendor.gate.clear()
        return self.ring

    async def until_asked(self) -> None:
        await self.vendor.entered.wait()


class TestProvider(ProviderContract):
    """What a provider must do, it does through a ring of one key and of two."""

    @pytest.fixture(autouse=True, params=[("sk-a",), ("sk-a", "sk-b")], ids=["one", "two"])
    async def _open(self, request: pytest.FixtureRequest) -> None:
        self.vendor = Vendor()
        self.ring = await self.vendor.ring(*request.param)

    def play(self, played: FakeProvider) -> Provider:
        self.vendor.played = self.played = played
        return self.ring

    def make(self) -> Provider:
        return self.play(FakeProvider("one two three"))

    def failing(self) -> Provider:
        return self.play(FakeProvider(Overloaded("no")))

    def truncated(self) -> Provider:
        return self.play(FakeProvider(Script((TextDelta(0, "one"),))))

    def stalled(self) -> Provider:
        return self.play(FakeProvider(gate=asyncio.Event()))

    async def until_stalled(self) -> None:
        await self.played.entered.wait()

    async def released(self) -> None:
        assert self.played.opened == self.played.closed


async def test_when_a_key_last_served_is_known(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.reject("sk-b")
    await ask(ring)
    at = vendor.clock.now()
    vendor.clock.advance(4)
    assert await ask(ring) == [AUTH]
    assert [status.used_at for status in ring.status()] == [at, None]


async def test_a_check_passes_when_one_key_is_accepted_and_finds_those_that_are_not(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b", "sk-c")
    vendor.reject("sk-a", "sk-b")
    await ring.check(LIMITS)
    assert vendor.asked == ["sk-a", "sk-b", "sk-c"]
    assert states(ring) == [REJECTED, REJECTED, ACTIVE]
    vendor.reject("sk-c")
    with pytest.raises(CredentialRejected):
        await ring.check(LIMITS)
    assert len(vendor.asked) == 4


async def test_a_check_brings_a_rejected_key_back(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a")
    vendor.reject("sk-a")
    assert await ask(ring) == [AUTH]
    vendor.fail("sk-a", None)
    await ring.check(LIMITS)
    assert states(ring) == [ACTIVE]


async def test_a_check_asks_though_no_key_has_quota_left(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    for key in ("sk-a", "sk-b"):
        vendor.fail(key, QuotaExhausted)
    await ask(ring, 2)
    for key in ("sk-a", "sk-b"):
        vendor.fail(key, None)
    await ring.check(LIMITS)
    assert len(vendor.asked) == 3
    assert states(ring) == [LIMITED, LIMITED]


async def test_what_else_is_wrong_in_a_check_is_raised_at_once(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.limit("sk-a")
    with pytest.raises(ProviderLimited):
        await ring.check(LIMITS)
    assert states(ring) == [ACTIVE, ACTIVE]


async def test_whether_a_call_fits_is_asked_without_a_turn(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    ring.fits(call())
    assert vendor.asked == []
    assert await ask(ring) == ["sk-a"]


async def test_a_call_under_way_keeps_its_key_when_keys_are_replaced(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a")
    gate = vendor.hold()
    early = asyncio.create_task(ask(ring))
    await vendor.until(1)
    await ring.replace(["sk-b"])
    gate.set()
    assert await early == ["sk-a"]
    assert await ask(ring) == ["sk-b"]


async def test_a_call_whose_key_was_replaced_and_rejected_meanwhile_is_told_of_the_new_one(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a")
    gate = vendor.hold()
    early = asyncio.create_task(failed(ring))
    await vendor.until(1)
    await ring.replace(["sk-b"])
    vendor.reject("sk-a")
    gate.set()
    assert (await early).other_key
    assert states(ring) == [ACTIVE]
    assert vendor.told == []


async def test_new_keys_are_used_first(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    await ask(ring)
    await ring.replace(["sk-a", "sk-b", "sk-c"])
    assert await ask(ring, 3) == ["sk-c", "sk-b", "sk-a"]


async def test_what_belongs_to_a_key_that_went_is_closed_when_no_call_can_need_it(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a", "sk-b", longest_s=60)
    await ring.replace(["sk-b", "sk-c"])
    await vendor.clock.until_sleeping(1)
    vendor.clock.advance(59)
    await asyncio.sleep(0)
    assert vendor.closed == []
    vendor.clock.advance(1)
    await vendor.gone.wait()
    assert vendor.closed == ["sk-a"]
    await ring.aclose()
    assert sorted(vendor.closed) == ["sk-a", "sk-b", "sk-c"]


async def test_at_the_end_everything_is_closed_once(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    await ring.replace(["sk-b", "sk-c"])
    await ring.replace(["sk-c"])
    await ring.aclose()
    assert sorted(vendor.closed) == ["sk-a", "sk-b", "sk-c"]
    assert vendor.clock.sleepers == 0


async def test_what_was_made_is_closed_when_another_key_cannot_be_used(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a")
    make = vendor.make

    def failing(key: str) -> tuple[Leaf, Closer]:
        if key == "sk-c":
            raise ValueError("no such package")
        return make(key)

    ring = await open_ring("fake", ["sk-a"], failing, vendor.clock)
    with pytest.raises(ValueError, match="no such package"):
        await ring.replace(["sk-a", "sk-b", "sk-c"])
    assert vendor.closed == ["sk-b"]
    assert await ask(ring, 2) == ["sk-a", "sk-a"]


async def test_a_replacement_that_is_cancelled_changes_nothing_and_holds_up_no_other(
    vendor: Vendor,
) -> None:
    ring = await vendor.ring("sk-a")
    first = asyncio.create_task(ring.replace(["sk-b", "sk-c"]))
    await asyncio.sleep(0)
    other = asyncio.create_task(ring.replace(["sk-a", "sk-d"]))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert sorted(vendor.closed) == ["sk-b", "sk-c"]
    await other
    assert shown(ring) == [hash_prefix("sk-a"), hash_prefix("sk-d")]
    await ring.aclose()
    assert sorted(vendor.closed) == ["sk-a", "sk-b", "sk-c", "sk-d"]


async def test_replacements_at_the_same_time_happen_one_after_the_other(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a")
    await asyncio.gather(ring.replace(["sk-a", "sk-b"]), ring.replace(["sk-b", "sk-c"]))
    assert shown(ring) == [hash_prefix("sk-b"), hash_prefix("sk-c")]
    await ring.aclose()
    assert sorted(vendor.closed) == ["sk-a", "sk-b", "sk-c"]


async def test_nothing_shows_a_key(vendor: Vendor) -> None:
    ring = await vendor.ring("sk-a", "sk-b")
    vendor.reject("sk-a", "sk-b")
    said = [str(await failed(ring)) for _ in range(3)]
    seen = f"{ring!r} {ring.status()} {vendor.told} {said} {[*ring._keys]}"
    assert "sk-" not in seen
