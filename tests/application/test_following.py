"""What the interaction log is told of a call: once, at its end, with what had been delivered."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from hexgate.application.stream import Ending
from hexgate.domain.answer import Finish, RouteChanged, TextDelta, ToolCallDelta, ToolCallStarted
from hexgate.domain.attempts import Attempt
from hexgate.domain.call import CacheMode
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    InvalidRequest,
    Overloaded,
    StoreUnavailable,
)
from hexgate.domain.interaction import Interaction
from hexgate.domain.usage import Usage
from tests.application.desk import BrokenLedger, Desk, FullLedger, ask, read
from tests.fakes import FakeProvider, RecordingInteractions, Script, script
from tests.test_fakes import RICH


def desk_of(leaf: FakeProvider, **fields: Any) -> tuple[Desk, RecordingInteractions]:
    """The use cases over this provider, and who is told of their calls."""
    log = RecordingInteractions()
    return Desk(leaf, interactions=log, **fields), log


def only(log: RecordingInteractions) -> Interaction:
    """What was told, once."""
    (told,) = log.told
    return told


WAYS = pytest.mark.parametrize("way", ["complete", "stream", "embed"])


async def test_an_answer_is_told_with_what_was_asked_and_what_it_came_to() -> None:
    desk, log = desk_of(FakeProvider("one two"))
    request = desk.request(session_id="s", labels={"team": "search"})
    answer = await desk.complete(request)
    told = only(log)
    assert (told.call_id, told.tenant, told.started_at) == ("c1", "acme", desk.clock.now())
    assert (told.spec, told.options) == (request.spec, request.options)
    assert (told.provider, told.model) == ("fake", "m")
    assert (told.parts, told.finish, told.failure) == ((Text("one two"),), Finish.STOP, "")
    assert (told.usage, told.cost) == (answer.receipt.usage, answer.receipt.cost)
    assert (told.streamed, told.cached) == (False, False)


async def test_a_stream_is_told_as_the_whole_answer_would_be() -> None:
    whole, of_whole = desk_of(FakeProvider(RICH))
    streamed, of_stream = desk_of(FakeProvider(RICH))
    await whole.complete(whole.request())
    await read(streamed, streamed.request())
    one, other = only(of_whole), only(of_stream)
    assert other.parts == one.parts
    assert [type(part) for part in one.parts] == [Reasoning, Text, ToolCall, ToolCall]
    assert (other.finish, other.usage, other.cost) == (one.finish, one.usage, one.cost)
    assert (one.streamed, other.streamed) == (False, True)


async def test_embeddings_are_told_without_their_vectors() -> None:
    desk, log = desk_of(FakeProvider())
    request = desk.embed_request("one", "two")
    done = await desk.embed(request)
    told = only(log)
    assert (told.spec, told.parts, told.finish) == (request.spec, (), None)
    assert (told.usage, told.cost) == (done.receipt.usage, done.receipt.cost)


async def test_the_duration_is_that_of_the_whole_call() -> None:
    between = asyncio.Event()
    desk, log = desk_of(FakeProvider("one two", between=between))
    async with aclosing(await desk.stream(desk.request())) as delivery:
        await anext(delivery)
        desk.clock.advance(3)
        between.set()
        while not isinstance(await anext(delivery), Ending):
            pass
    told = only(log)
    assert (told.duration_s, told.started_at) == (3, desk.clock.now() - 3)


@WAYS
async def test_a_failure_is_told_with_its_reason_and_its_receipt(way: str) -> None:
    desk, log = desk_of(FakeProvider(Overloaded("busy")))
    with pytest.raises(Overloaded) as caught:
        await ask(desk, way)
    told = only(log)
    assert (told.failure, told.parts, told.finish) == ("PROVIDER_OVERLOADED", (), None)
    assert (told.provider, told.model) == ("fake", "m")
    assert caught.value.receipt is not None
    assert (told.usage, told.cost) == (caught.value.receipt.usage, caught.value.receipt.cost)


@WAYS
async def test_a_request_that_became_no_call_is_told_too(way: str) -> None:
    desk, log = desk_of(FakeProvider())
    with pytest.raises(InvalidRequest):
        await ask(desk, way, session_id="x" * 257)
    told = only(log)
    assert (told.failure, told.provider, told.usage, told.cost) == (
        "INVALID_REQUEST",
        "",
        None,
        None,
    )
    assert told.options.session_id == "x" * 257


@WAYS
async def test_without_a_ledger_the_first_target_is_told(way: str) -> None:
    desk, log = desk_of(FakeProvider(), ledger=BrokenLedger())
    with pytest.raises(StoreUnavailable):
        await ask(desk, way)
    assert (only(log).failure, only(log).model) == ("STORE_UNAVAILABLE", "m")


@WAYS
async def test_an_answer_whose_outcome_cannot_be_written_is_told_as_a_failure(way: str) -> None:
    desk, log = desk_of(FakeProvider("one two"), ledger=FullLedger())
    with pytest.raises(StoreUnavailable):
        await ask(desk, way)
    told = only(log)
    assert (told.failure, told.finish) == ("STORE_UNAVAILABLE", None)
    # Of a stream all was delivered by then but its end.
    assert told.parts == ((Text("one two"),) if way == "stream" else ())
    assert told.usage is not None


@WAYS
async def test_a_bug_is_told_without_its_text(way: str) -> None:
    desk, log = desk_of(FakeProvider(RuntimeError("secret")))
    with pytest.raises(RuntimeError):
        await ask(desk, way)
    assert only(log).failure == "INTERNAL"


@WAYS
async def test_a_call_that_is_cancelled_before_an_answer_names_where_it_went(way: str) -> None:
    desk, log = desk_of(FakeProvider(gate=asyncio.Event()))
    task = asyncio.create_task(ask(desk, way))
    await desk.leaf.entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    told = only(log)
    assert (told.failure, told.provider, told.model) == ("CANCELLED", "fake", "m")
    assert told.parts == ()


async def test_a_reader_who_leaves_is_told_with_what_it_had_got() -> None:
    begun = (
        TextDelta(0, "one two "),
        ToolCallStarted(1, "t", "search"),
        ToolCallDelta(1, '{"q":'),
        ToolCallDelta(1, '"x"}'),
    )
    desk, log = desk_of(FakeProvider(Script((*begun, *script("x").chunks))))
    delivery = await desk.stream(desk.request())
    for _ in begun[:3]:
        await anext(delivery)
    await delivery.aclose()
    await delivery.aclose()
    told = only(log)
    assert told.parts == (Text("one two "), ToolCall("t", "search", '{"q":'))
    assert (told.failure, told.finish) == ("CANCELLED", None)
    assert delivery.receipt is not None
    assert (told.usage, told.cost) == (delivery.receipt.usage, delivery.receipt.cost)


async def test_a_stream_that_breaks_is_told_with_what_was_delivered() -> None:
    cut = Script((TextDelta(0, "one "), TextDelta(0, "two")), BadResponse("no terminal marker"))
    desk, log = desk_of(FakeProvider(cut))
    with pytest.raises(GatewayError):
        await read(desk, desk.request())
    told = only(log)
    assert (told.failure, told.parts) == ("STREAM_INTERRUPTED", (Text("one two"),))
    assert told.usage == Usage(uncached_input=7, output=2, estimated=True)


async def test_what_a_restart_made_void_is_not_told() -> None:
    void = (TextDelta(0, "old "), RouteChanged(Attempt(provider="fake", model="m"), "fake", "n"))
    desk, log = desk_of(FakeProvider(Script((*void, *script("new").chunks))))
    await read(desk, desk.request())
    assert only(log).parts == (Text("new"),)


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_an_answer_from_the_cache_is_told_as_such(way: str) -> None:
    desk, log = desk_of(FakeProvider("one two"), mode=CacheMode.READ_WRITE)
    await desk.complete(desk.request())
    await ask(desk, way)
    first, again = log.told
    assert (first.cached, again.cached) == (False, True)
    assert (again.parts, again.finish) == (first.parts, first.finish)
    assert (again.usage, again.provider) == (Usage(), "fake")


async def test_a_kept_answer_that_is_left_early_is_told_as_far_as_it_was_read() -> None:
    desk, log = desk_of(FakeProvider(RICH), mode=CacheMode.READ_WRITE)
    await desk.complete(desk.request())
    delivery = await desk.stream(desk.request())
    await anext(delivery)
    await delivery.aclose()
    told = log.told[-1]
    assert (told.failure, told.cached, told.parts) == (
        "CANCELLED",
        True,
        (Reasoning("I should search"),),
    )


@WAYS
async def test_a_call_that_is_not_wanted_is_not_told_and_its_chunks_are_not_kept(way: str) -> None:
    log = RecordingInteractions("another")
    desk = Desk(FakeProvider("one two"), interactions=log)
    await ask(desk, way)
    delivery = await desk.stream(desk.request())
    await anext(delivery)
    # What the provider gave is what is read, with nobody in between.
    assert type(delivery._stream).__module__ != "hexgate.application.following"
    await delivery.aclose()
    assert log.told == []


async def test_whether_a_call_is_wanted_is_asked_once() -> None:
    class Asked(RecordingInteractions):
        names: tuple[str, ...] = ()

        def wants(self, call_id: str) -> bool:
            self.names = (*self.names, call_id)
            return super().wants(call_id)

    log = Asked()
    desk = Desk(FakeProvider("one two three"), interactions=log)
    await read(desk, desk.request())
    assert log.names == ("c1",)
    assert len(log.told) == 1
