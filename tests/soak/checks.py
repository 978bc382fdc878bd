"""What must be true in any world, once all calls have ended."""

from __future__ import annotations

from collections import Counter

from hexgate.domain.health import BreakerState
from hexgate.domain.ledger import CallState, Entry
from hexgate.ports.breaker import Outcome
from tests.soak.world import MODEL, World

_STATES = {
    "OK": CallState.SETTLED,
    "LEFT": CallState.CANCELLED,
    "DEADLINE_EXCEEDED": CallState.CANCELLED,
}


async def checked(world: World) -> None:
    """Every call has ended once, in time and within its budget; nothing is held; books agree."""
    plan, soaked = world.plan, world.soaked
    assert len(soaked.ends) == plan.calls
    assert world.sky.open == 0, "an attempt or a stream is still open"
    made = Counter(one.call_id for one in soaked.seen)
    assert max(made.values(), default=0) <= plan.attempts
    told = Counter(intent.call_id for intent, _ in world.observer.told)
    assert set(told.values()) <= {1}, "settled twice"
    assert set(told) == set(soaked.ends)
    await _nothing_held(world)
    tried: dict[str, Counter[str]] = {}
    for one in soaked.seen:
        tried.setdefault(one.call_id, Counter())[one.provider] += 1
    for call_id, end in soaked.ends.items():
        entry = await world.ledger.get(call_id)
        assert entry is not None
        _agree(entry, end, tried.get(call_id, Counter()))


async def _nothing_held(world: World) -> None:
    for name in world.plan.weathers:
        for left in await world.limiter.left(name):
            assert left.dimension != "concurrency" or left.remaining == left.limit, "a lease"
        assert world.vitals.of(name, MODEL).active == 0, "an active count"
        key = f"{name}/{MODEL}"
        await world.clock.sleep(world.breakers.status(key).rest_s)
        probing = world.breakers.status(key).state is not BreakerState.CLOSED
        permits = [
            world.breakers.admit(key) for _ in range(world.plan.breaker.probes if probing else 1)
        ]
        for permit in permits:
            permit.settle(Outcome.NEUTRAL)
    assert await world.ledger.sweep(float("inf")) == 0, "an intent"


def _agree(entry: Entry, end: str, tried: Counter[str]) -> None:
    """The row of a call, how it ended, and what its providers saw."""
    intent, settlement = entry.intent, entry.settlement
    assert settlement is not None
    assert settlement.state is _STATES.get(end, CallState.FAILED)
    done = settlement.attempts
    assert Counter(one.provider for one in done) == tried
    answered = [place for place, one in enumerate(done) if not one.failure]
    assert answered in ([], [len(done) - 1]), "the attempt that answered is not the last"
    spent = settlement.cost
    assert not spent.unknown
    assert spent.total_nanos - spent.wasted_nanos <= intent.hold_nanos
    if end == "OK":
        assert answered
        assert spent.total_nanos > spent.wasted_nanos
        assert (settlement.provider, settlement.model) == (done[-1].provider, done[-1].model)
    if not done:
        assert spent.total_nanos == 0
