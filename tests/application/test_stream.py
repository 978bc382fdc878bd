"""One call, many chunks: delivered, interrupted, left, and settled in each case."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from hexgate.application.stream import Ending
from hexgate.domain.answer import Chunk, TextDelta, UsageUpdate
from hexgate.domain.errors import (
    BadResponse,
    Interrupted,
)
from hexgate.domain.ledger import CallState
from hexgate.domain.usage import Usage
from tests.application.desk import Desk, read
from tests.fakes import FakeProvider, Script, script


async def test_a_stream_is_settled_before_its_end_is_told() -> None:
    desk = Desk(FakeProvider("one two"))
    async with aclosing(await desk.stream(desk.request())) as delivery:
        while not isinstance(item := await anext(delivery), Ending):
            assert (await desk.entry()).state is CallState.PENDING
        assert (await desk.settlement()).state is CallState.SETTLED
        assert item.receipt.cost.total_nanos == 14_000
    assert desk.leaf.closed == 1


async def test_a_stream_and_a_whole_answer_cost_the_same() -> None:
    whole = Desk(FakeProvider("one two three"))
    streamed = Desk(FakeProvider("one two three"))
    answer = await whole.complete(whole.request())
    *_, ending = await read(streamed, streamed.request())
    assert isinstance(ending, Ending)
    assert ending.receipt.cost == answer.receipt.cost
    assert ending.receipt.usage == answer.receipt.usage


async def test_a_stream_that_breaks_is_an_interruption_that_says_what_was_delivered() -> None:
    cut = Script((TextDelta(0, "one "), TextDelta(0, "two")), BadResponse("no terminal marker"))
    desk = Desk(FakeProvider(cut))
    with pytest.raises(Interrupted, match="after 7 characters") as caught:
        await read(desk, desk.request())
    receipt = caught.value.receipt
    assert receipt is not None
    assert receipt.delivered_chars == 7
    assert receipt.usage == Usage(uncached_input=7, output=2, estimated=True)
    row = await desk.settlement()
    assert (row.state, row.failure) == (CallState.FAILED, "STREAM_INTERRUPTED")


async def test_a_stream_that_only_stops_is_an_interruption_too() -> None:
    class Stopping(FakeProvider):
        async def open(self, call: object) -> object:  # type: ignore[override]  # ends early
            class Stream:
                request_id = ""

                def __aiter__(self) -> object:
                    return self

                async def __anext__(self) -> Chunk:
                    raise StopAsyncIteration

                async def aclose(self) -> None:
                    pass

            return Stream()

    desk = Desk(Stopping())
    with pytest.raises(Interrupted):
        await read(desk, desk.request())


async def test_a_reader_who_leaves_pays_for_what_was_delivered() -> None:
    running = (TextDelta(0, "one two "), UsageUpdate(Usage(uncached_input=9, output=1)))
    desk = Desk(FakeProvider(Script((*running, *script("x").chunks))))
    delivery = await desk.stream(desk.request())
    for _ in running:
        await anext(delivery)
    await delivery.aclose()
    row = await desk.settlement()
    assert row.state is CallState.CANCELLED
    # Input as the provider reported it, output as delivered: 8 characters are 2 tokens.
    assert row.usage == Usage(uncached_input=9, output=2, estimated=True)
    assert desk.leaf.closed == 1


@pytest.mark.parametrize("after", range(6))
async def test_leaving_after_any_chunk_settles_once_and_closes_the_provider(after: int) -> None:
    desk = Desk(FakeProvider("a b c d"))
    delivery = await desk.stream(desk.request())
    for _ in range(after):
        await anext(delivery)
    await delivery.aclose()
    await delivery.aclose()
    expected = CallState.SETTLED if after == 6 else CallState.CANCELLED
    assert (await desk.settlement()).state is expected
    assert desk.leaf.closed == 1
