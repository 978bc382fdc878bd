"""What holds for every call, whatever the providers, the rules, the budget and the time left."""

from __future__ import annotations

from hypothesis import given

from hexgate.domain.call import FallbackMode
from tests.application.draws import calls, rescued, worlds
from tests.application.worlds import World, happens, restarts

SILENT = (FallbackMode.DISABLED, FallbackMode.BEFORE_OUTPUT)
RESTARTING = (FallbackMode.RESTART_STREAM,)
ANY = calls(modes=(*SILENT, *RESTARTING))


@given(world=worlds(ANY))
def test_no_call_makes_more_attempts_than_its_budget(world: World) -> None:
    for told in happens(world):
        assert len(told.times) <= len(told.attempts.done) <= told.asked.attempts


@given(world=worlds(ANY))
def test_nobody_is_asked_once_the_time_is_up(world: World) -> None:
    for told in happens(world):
        assert all(time < told.deadline for time in told.times)


@given(world=worlds(calls(modes=SILENT, streams=(True,))))
def test_nothing_is_repeated_once_output_was_shown(world: World) -> None:
    for told in happens(world):
        assert restarts(told) == 0
        assert told.shown in (None, len(told.times))


@given(world=worlds(calls(modes=RESTARTING, streams=(True,))))
def test_who_wants_an_answer_begun_again_is_told_of_it(world: World) -> None:
    for told in happens(world):
        if told.answered and not restarts(told):
            assert told.shown == len(told.times)


@given(world=worlds(ANY))
def test_every_call_ends_with_an_answer_or_an_error_of_the_tree(world: World) -> None:
    for told in happens(world):
        assert told.answered != (told.error is not None)
        # What waits in a queue waits so long as its caller said; floats round.
        assert told.ended <= told.deadline + told.asked.queue_s + 1e-6


@given(world=worlds(rescued(), gentle=True))
def test_a_target_that_always_answers_rescues_whoever_has_time_and_attempts(world: World) -> None:
    for told in happens(world):
        assert told.answered, told.error
