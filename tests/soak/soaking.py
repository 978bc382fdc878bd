"""Lets a world happen, and looks at what is left of it.

    soaked = soak(Plan(weathers={"a": Weather(fails=0.5)}, calls=1000), seed="7")

runs every call in virtual time, checks what must be true in any world (`checks.py`), and returns
what was seen. Equal plans and seeds give equal stories, to the last attempt. What fails says which
seed it was; give it as the variable HEXGATE_SOAK_SEED to see the same again.

To soak another ledger, give `Plan.ledger`. It is made inside the loop, and may wait for nothing but
its timers: a thread or a socket does not know the virtual time.
"""

from __future__ import annotations

import asyncio
import os
from random import Random

from hexgate.domain.call import FallbackMode
from tests.soak.checks import checked
from tests.soak.world import Caller, Plan, Soaked, World
from tests.virtual import in_virtual_time

SEED = os.environ.get("HEXGATE_SOAK_SEED", "1")


def soak(plan: Plan, seed: str = SEED) -> Soaked:
    """Let all of it happen. Raises AssertionError, with the seed, for what must never be."""

    async def story() -> Soaked:
        world = World(plan, seed)
        running = []
        for caller in callers(plan, seed):
            await world.clock.sleep(caller.starts - world.clock.monotonic())
            running.append(asyncio.create_task(world.call(caller)))
        await asyncio.gather(*running)
        await checked(world)
        return world.soaked

    try:
        return in_virtual_time(story())
    except BaseException as error:
        error.add_note(f"HEXGATE_SOAK_SEED={seed}")
        raise


def callers(plan: Plan, seed: str) -> list[Caller]:
    """Who calls, when, and how."""
    dice, at, found = Random(f"{seed} callers"), 0.0, []
    for number in range(plan.calls):
        at += dice.expovariate(plan.per_s)
        streamed, leaves = dice.random() < plan.streamed, dice.random() < plan.leave
        hurries, restarts = dice.random() < plan.hurry, dice.random() < plan.restart
        leaves_s = dice.expovariate(1.0)
        found.append(
            Caller(
                call_id=f"c{number}",
                starts=at,
                streamed=streamed,
                deadline_s=1.0 if hurries else plan.deadline_s,
                leaves_s=leaves_s if leaves else None,
                mode=FallbackMode.RESTART_STREAM if restarts else FallbackMode.BEFORE_OUTPUT,
            )
        )
    return found
