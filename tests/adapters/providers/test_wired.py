"""The wired provider over a scripted wire."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from dataclasses import replace

import pytest

from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.answer import (
    Finished,
    PartFinished,
    TextDelta,
    UsageUpdate,
    Warned,
)
from hexgate.domain.call import Options, Timeouts
from hexgate.domain.errors import (
    BadResponse,
    GatewayError,
    Overloaded,
    ProviderFailed,
    TimedOut,
    Unreachable,
)
from hexgate.domain.spec import Params
from tests import fakes
from tests.adapters.providers.wiring import (
    BEFORE,
    ERROR,
    EVENTS,
    MESSAGE,
    TEXT,
    Chatty,
    Read,
    ScriptedWire,
    ask,
    rest,
    wired,
)


async def test_an_answer_carries_the_warnings_of_its_request_and_its_id() -> None:
    call = ask()
    call = replace(call, spec=replace(call.spec, params=Params(seed=1)))
    made = await wired(ScriptedWire([MESSAGE])).complete(call)
    assert [warning.code for warning in made.warnings] == ["PARAM_DROPPED", "CONTENT_DROPPED"]
    assert made.request_id == "req_1"
    assert made.raw_json == ""


async def test_the_raw_answer_is_returned_only_when_asked_for() -> None:
    call = ask(options=Options(include_raw=True))
    assert (await wired(ScriptedWire([MESSAGE])).complete(call)).raw_json == MESSAGE.decode()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(529, Overloaded), (500, ProviderFailed), (301, BadResponse), (101, BadResponse)],
)
async def test_any_other_status_is_an_error_both_ways(
    status: int, kind: type[GatewayError]
) -> None:
    wire = ScriptedWire([b"<html>"], status)
    with pytest.raises(kind):
        await wired(wire).complete(ask())
    with pytest.raises(kind):
        await wired(wire).open(ask())
    assert wire.closed


@pytest.mark.parametrize("broken", [Unreachable("gone"), TimedOut("late")])
async def test_an_error_whose_body_breaks_off_is_still_that_error(broken: Read) -> None:
    wire = ScriptedWire([b'{"error":', broken], 529)
    with pytest.raises(Overloaded):
        await wired(wire).open(ask())
    assert wire.closed


async def test_opening_waits_for_output_and_keeps_what_came_before() -> None:
    call = ask()
    call = replace(call, spec=replace(call.spec, params=Params(seed=1)))
    wire = ScriptedWire([*EVENTS, b""])
    stream = await wired(wire).open(call)
    assert len(wire.within) == 4
    assert stream.request_id == "req_1"
    kinds = [type(item) for item in await rest(stream)]
    deltas = [TextDelta] * 3
    tail = [PartFinished, UsageUpdate, Finished]
    assert kinds == [Warned, UsageUpdate, *deltas, *tail]
    assert wire.closed


@pytest.mark.parametrize(
    "reads",
    [
        [BEFORE],
        [BEFORE, Unreachable("gone")],
        [BEFORE, asyncio.CancelledError()],
        [BEFORE, b"event: error\ndata: {}\n\n"],
        [BEFORE, b"event: content_block_stop\ndata: {\n\n"],
        [ERROR],
        [b"<html>Welcome</html>"],
        [],
    ],
)
async def test_whatever_goes_wrong_before_output_is_raised_while_opening(
    reads: list[Read],
) -> None:
    wire = ScriptedWire(reads)
    with pytest.raises((GatewayError, asyncio.CancelledError)):
        await wired(wire).open(ask())
    assert wire.closed


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (b"", BadResponse),
        (Unreachable("gone"), Unreachable),
        (b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n', Overloaded),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
)
async def test_whatever_goes_wrong_after_output_ends_the_stream(
    last: Read, kind: type[BaseException]
) -> None:
    wire = ScriptedWire([b"".join(EVENTS[:4]), last])
    stream = await wired(wire).open(ask())
    assert isinstance(await anext(stream), UsageUpdate)
    assert await anext(stream) == TextDelta(0, "Grüße")
    with pytest.raises(kind):
        await anext(stream)
    assert wire.closed
    assert await rest(stream) == []


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n', Overloaded),
        (b"event: content_block_delta\ndata: {\n\n", BadResponse),
        (EVENTS[0], BadResponse),
    ],
)
async def test_what_came_with_a_failure_is_delivered_before_it_is_raised(
    last: bytes, kind: type[GatewayError]
) -> None:
    wire = ScriptedWire([BEFORE + EVENTS[3] + last, *EVENTS[4:]])
    stream = await wired(wire).open(ask())
    assert not wire.closed
    assert isinstance(await anext(stream), UsageUpdate)
    assert await anext(stream) == TextDelta(0, "Grüße")
    with pytest.raises(kind):
        await anext(stream)
    assert wire.closed
    assert len(wire.within) == 1
    assert await rest(stream) == []


async def test_a_failure_behind_the_end_does_not_hide_the_end() -> None:
    error = b'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n'
    wire = ScriptedWire([TEXT + error, b""])
    assert isinstance((await rest(await wired(wire).open(ask())))[-1], Finished)
    assert wire.closed


async def test_a_finished_body_is_read_to_its_end_before_it_is_closed() -> None:
    wire = ScriptedWire([TEXT, b""])
    assert isinstance((await rest(await wired(wire).open(ask())))[-1], Finished)
    assert len(wire.within) == 2
    assert wire.closed


@pytest.mark.parametrize("read", [b": and so on\n\n", TimedOut("late"), Unreachable("gone")])
async def test_a_body_that_goes_on_after_its_end_is_left(read: Read) -> None:
    wire = ScriptedWire([TEXT, *[read] * 9])
    assert isinstance((await rest(await wired(wire).open(ask())))[-1], Finished)
    assert len(wire.within) <= 4
    assert wire.closed


async def test_nothing_follows_finished() -> None:
    provider = WiredProvider(
        Chatty("anthropic"), ScriptedWire([b"x"]), monotonic=fakes.FakeClock().monotonic
    )
    chunks = await rest(await provider.open(ask()))
    assert [type(item) for item in chunks] == [TextDelta, Finished]


async def test_each_read_has_what_is_left_of_the_tightest_limit() -> None:
    clock = fakes.FakeClock()
    limits = Timeouts(first_token_s=10, between_tokens_s=3, attempt_s=14)
    wire = ScriptedWire([*EVENTS, b""], on_read=lambda: clock.advance(1))
    stream = await wired(wire, clock).open(ask(timeouts=limits))
    assert wire.within == [10, 9, 8, 7]
    await rest(stream)
    assert wire.within[4:] == [3, 3, 3, 3, 3, 0.1]


@pytest.mark.parametrize(
    ("reads", "limits", "phase"),
    [
        (9, Timeouts(first_token_s=5), "first_token"),
        (9, Timeouts(first_token_s=50, attempt_s=5), "attempt"),
    ],
)
async def test_pings_do_not_extend_the_time_for_the_first_output(
    reads: int, limits: Timeouts, phase: str
) -> None:
    clock = fakes.FakeClock()
    wire = ScriptedWire([b": ping\n\n"] * reads, on_read=lambda: clock.advance(1))
    with pytest.raises(TimedOut) as raised:
        await wired(wire, clock).open(ask(timeouts=limits))
    assert raised.value.metadata["phase"] == phase
    assert wire.closed


async def test_a_steady_drip_ends_with_the_attempt() -> None:
    clock = fakes.FakeClock()
    drip = ScriptedWire(
        [BEFORE + EVENTS[3], *[b": ping\n\n"] * 99], on_read=lambda: clock.advance(1)
    )
    stream = await wired(drip, clock).open(ask(timeouts=Timeouts(attempt_s=20)))
    with pytest.raises(TimedOut) as raised:
        await rest(stream)
    assert raised.value.metadata["phase"] == "attempt"


async def test_silence_is_named_by_where_it_happened() -> None:
    silence = TimedOut("late", metadata={"phase": "between_tokens"})
    with pytest.raises(TimedOut) as raised:
        await wired(ScriptedWire([BEFORE, silence])).open(ask())
    assert raised.value.metadata["phase"] == "first_token"
    stream = await wired(ScriptedWire([BEFORE + EVENTS[3], silence])).open(ask())
    with pytest.raises(TimedOut) as raised:
        await rest(stream)
    assert raised.value.metadata["phase"] == "between_tokens"


async def test_leaving_after_any_chunk_closes_the_connection() -> None:
    for count in range(9):
        wire = ScriptedWire([*EVENTS, b""])
        async with aclosing(await wired(wire).open(ask())) as stream:
            for _ in range(count):
                with contextlib.suppress(StopAsyncIteration):
                    await anext(stream)
        assert wire.closed
        assert await rest(stream) == []


async def test_being_cancelled_at_any_wait_closes_the_connection() -> None:
    async def read_all(wire: ScriptedWire) -> None:
        await rest(await wired(wire).open(ask()))

    for turns in range(1, 12):
        wire = ScriptedWire([*EVENTS, b""])
        task = asyncio.ensure_future(read_all(wire))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert wire.closed, turns
