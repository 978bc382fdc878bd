"""Another key at once, as an attempt of its own."""

from __future__ import annotations

import pytest

from hexgate.adapters.breaker.pybreaker import Breakers
from hexgate.adapters.limiter.memory import MemoryLimiter
from hexgate.application.pipeline import harden
from hexgate.application.vitals import Vitals
from hexgate.domain.attempts import Attempts
from hexgate.domain.errors import (
    CredentialRejected,
    GatewayError,
    Overloaded,
    ProviderLimited,
    Unserved,
)
from hexgate.ports.provider import Provider
from tests.application.stacks import ONCE, aimed
from tests.fakes import FakeClock, FakeProvider, embed_call


def hardened(
    leaf: Provider, clock: FakeClock, *, several_keys: bool = True, vitals: Vitals | None = None
) -> Provider:
    """A leaf that may have several keys, with every policy on and no retries."""
    return harden(
        leaf,
        name="fake",
        limiter=MemoryLimiter({}, clock),
        breaker=Breakers(clock),
        rules=ONCE,
        vitals=vitals or Vitals(clock),
        clock=clock,
        several_keys=several_keys,
    )


def at_fault(kind: type[Unserved] = CredentialRejected) -> Unserved:
    """A failure that is about the key, while another is ready."""
    failure = kind("no")
    failure.other_key = True
    return failure


async def test_another_key_is_used_without_a_wait_and_each_try_is_an_attempt() -> None:
    clock, leaf = FakeClock(), FakeProvider(at_fault(), at_fault(ProviderLimited), "Hello")
    asked = aimed()
    answer = await hardened(leaf, clock).complete(asked)
    assert answer.parts
    assert clock.naps == []
    assert [attempt.failure for attempt in asked.attempts.done] == [
        "PROVIDER_AUTH_FAILED",
        "PROVIDER_RATE_LIMITED",
        "",
    ]
    assert asked.attempts.left == 5


async def test_streams_and_embeddings_rotate_too() -> None:
    leaf = FakeProvider(at_fault(), "Hello", at_fault(), "Hello")
    provider = hardened(leaf, FakeClock())
    await (await provider.open(aimed())).aclose()
    assert (await provider.embed(embed_call(hops=aimed().hops))).vectors
    assert len(leaf.calls) == 4


@pytest.mark.parametrize("failure", [CredentialRejected("no"), Overloaded("no")])
async def test_what_another_key_does_not_help_is_not_repeated(failure: GatewayError) -> None:
    leaf = FakeProvider(failure)
    with pytest.raises(type(failure)):
        await hardened(leaf, FakeClock()).complete(aimed())
    assert len(leaf.calls) == 1


@pytest.mark.parametrize(
    ("left", "names", "made"),
    [(3, ("a/m",), 3), (3, ("a/m", "b/m"), 2), (2, ("a/m", "b/m"), 1), (1, ("a/m", "b/m"), 1)],
)
async def test_the_attempts_of_others_are_left_to_them(
    left: int, names: tuple[str, ...], made: int
) -> None:
    leaf = FakeProvider(at_fault())
    asked = aimed(*names, attempts=Attempts(left))
    with pytest.raises(CredentialRejected):
        await hardened(leaf, FakeClock()).complete(asked)
    assert len(leaf.calls) == len(asked.attempts.done) == made


async def test_a_provider_without_keys_is_not_asked_twice() -> None:
    leaf = FakeProvider(at_fault())
    with pytest.raises(CredentialRejected):
        await hardened(leaf, FakeClock(), several_keys=False).complete(aimed())
    assert len(leaf.calls) == 1


async def test_a_key_at_fault_does_not_count_against_its_target() -> None:
    clock = FakeClock()
    vitals = Vitals(clock)
    leaf = FakeProvider("Hello", at_fault(), "Hello", CredentialRejected("no"))
    provider = hardened(leaf, clock, vitals=vitals)
    await provider.complete(aimed())
    vital = vitals.of("fake", "m")
    usual_s = vital.latency_s()
    await provider.complete(aimed())
    assert (vital.attempts, vital.failures, vital.failure) == (3, 0, "")
    assert vital.latency_s() == usual_s
    with pytest.raises(CredentialRejected):
        await provider.complete(aimed())
    assert (vital.attempts, vital.failures) == (4, 1)
