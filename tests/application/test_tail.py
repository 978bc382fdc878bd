"""Who is told of the end of a stream, when, and how often."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.application.policies.tail import Ended, Tailed, tailed
from hexgate.domain.answer import Finished
from hexgate.domain.errors import BadResponse
from tests.application.stacks import CUT
from tests.fakes import FakeProvider, call


class Told:
    """Keeps how it ended, by name."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []

    def by(self, name: str, error: BaseException | None = None) -> Ended:
        """To be told; raises that then."""

        async def ended(how: Finished | BaseException | None) -> None:
            self.ends.append((name, type(how).__name__))
            if error is not None:
                raise error

        return ended


async def told_twice(leaf: FakeProvider, told: Told, error: BaseException | None = None) -> Tailed:
    """A stream that tells two, of whom the first may raise."""
    stream = tailed(await leaf.open(call()), told.by("first", error))
    both = tailed(stream, told.by("second"))
    assert both is stream
    return both


async def test_each_is_told_once_of_the_end() -> None:
    told = Told()
    stream = await told_twice(FakeProvider("one two"), told)
    assert [chunk async for chunk in stream]
    await stream.aclose()
    assert told.ends == [("first", "Finished"), ("second", "Finished")]


async def test_each_is_told_of_what_broke_it() -> None:
    told = Told()
    stream = await told_twice(FakeProvider(CUT), told)
    with pytest.raises(BadResponse):
        [chunk async for chunk in stream]
    await stream.aclose()
    assert told.ends == [("first", "BadResponse"), ("second", "BadResponse")]


async def test_each_is_told_of_a_reader_who_leaves() -> None:
    told = Told()
    leaf = FakeProvider("one two")
    stream = await told_twice(leaf, told)
    await anext(stream)
    await stream.aclose()
    await stream.aclose()
    assert (told.ends, leaf.closed) == ([("first", "NoneType"), ("second", "NoneType")], 1)


@pytest.mark.parametrize("error", [RuntimeError("a bug"), asyncio.CancelledError()])
async def test_what_goes_wrong_with_one_keeps_nothing_from_the_other(error: BaseException) -> None:
    told = Told()
    stream = await told_twice(FakeProvider("one two"), told, error)
    with pytest.raises(type(error)):
        [chunk async for chunk in stream]
    await stream.aclose()
    assert told.ends == [("first", "Finished"), ("second", "Finished")]
