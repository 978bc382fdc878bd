"""An answer that a content filter withheld is none where a rule says so."""

from __future__ import annotations

from typing import Any

import pytest

from hexgate.domain.answer import Finish, Finished, UsageUpdate, Warned
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Text
from hexgate.domain.conditions import Condition
from hexgate.domain.errors import GatewayError, InvalidRequest, Overloaded
from hexgate.domain.usage import Usage
from tests.application.paths import along, rule, ruled, told, united
from tests.application.stacks import aimed, drain, hops
from tests.fakes import FakeClock, FakeProvider, FakeStream, Script, script

FILTER = rule(Condition.CONTENT_FILTER)
WITHHELD = Script(
    (
        Warned("W", "w"),
        UsageUpdate(Usage(uncached_input=9)),
        Finished(finish=Finish.CONTENT_FILTER, usage=Usage(uncached_input=9, output=1), model="m"),
    )
)


def watched(**fields: Any) -> ChatCall:
    """A call whose second target takes over from a content filter."""
    return along((*hops("a/m"), *ruled(FILTER, "b/m")), **fields)


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_was_filtered_leads_where_a_rule_says_so(streamed: bool) -> None:
    leaves = {"a": FakeProvider(WITHHELD), "b": FakeProvider("fine")}
    provider, asked = united(FakeClock(), leaves), watched()
    if streamed:
        assert (await drain(provider, asked))[0].text == "fine"  # type: ignore[union-attr]  # a text begins
        assert (leaves["a"].opened, leaves["a"].closed) == (1, 1)
    else:
        assert (await provider.complete(asked)).parts == (Text("fine"),)
    assert told(asked) == [("a", "CONTENT_FILTERED"), ("b", "")]
    # It was answered, so it is billed.
    assert asked.attempts.done[0].billed == Usage(uncached_input=9, output=1)


@pytest.mark.parametrize("streamed", [False, True])
async def test_without_usage_a_filtered_answer_was_billed_for_its_input(streamed: bool) -> None:
    silent = Script((Finished(finish=Finish.CONTENT_FILTER, usage=None, model="m"),))
    provider = united(FakeClock(), {"a": FakeProvider(silent), "b": FakeProvider()})
    asked = watched()
    if streamed:
        await drain(provider, asked)
    else:
        await provider.complete(asked)
    assert asked.attempts.done[0].billed == Usage(uncached_input=10, estimated=True)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("then", [Overloaded("busy"), InvalidRequest("no"), WITHHELD])
async def test_a_filtered_answer_is_better_than_none(
    then: GatewayError | Script, streamed: bool
) -> None:
    leaves = {"a": FakeProvider(WITHHELD), "b": FakeProvider(then)}
    provider, asked = united(FakeClock(), leaves), watched()
    if streamed:
        assert tuple(await drain(provider, asked)) == WITHHELD.chunks
    else:
        assert (await provider.complete(asked)).finish is Finish.CONTENT_FILTER
    last = asked.attempts.done[-1]
    assert (last.failure, last.billed) == ("", None)
    assert last.provider == ("b" if isinstance(then, Script) else "a")


async def test_of_several_filtered_answers_the_first_is_given() -> None:
    second = script("", finish=Finish.CONTENT_FILTER)
    busy = FakeProvider(Overloaded("busy"))
    leaves = {"a": FakeProvider(WITHHELD), "b": FakeProvider(second), "c": busy}
    asked = along((*hops("a/m"), *ruled(FILTER, "b/m", "c/m")))
    answer = await united(FakeClock(), leaves).complete(asked)
    assert answer.warnings == (Warned("W", "w"),)
    assert told(asked) == [("b", "CONTENT_FILTERED"), ("c", Overloaded.reason), ("a", "")]
    assert [one.billed is None for one in asked.attempts.done] == [False, True, True]


async def test_a_stream_that_showed_something_is_not_taken_back_by_a_filter() -> None:
    shown = Script((*WITHHELD.chunks[:2], *script("one", finish=Finish.CONTENT_FILTER).chunks))
    other = FakeProvider()
    chunks = await drain(united(FakeClock(), {"a": FakeProvider(shown), "b": other}), watched())
    assert tuple(chunks) == shown.chunks
    assert other.calls == []


@pytest.mark.parametrize("plain", [True, False])
async def test_only_where_a_rule_wants_it_is_a_stream_looked_at(plain: bool) -> None:
    provider = united(FakeClock(), {"a": FakeProvider(), "b": FakeProvider()})
    stream = await provider.open(aimed("a/m", "b/m") if plain else watched())
    assert isinstance(stream, FakeStream) is plain
    await stream.aclose()
