"""The fakes keep the contracts of what they stand for."""

from __future__ import annotations

import asyncio

import pytest

from hexgate.domain.answer import (
    Completion,
    Finish,
    Finished,
    PartFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageUpdate,
    Warned,
)
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Reasoning, Text, ToolCall
from hexgate.domain.errors import BadResponse, CredentialRejected, Overloaded, Unsupported
from hexgate.domain.ledger import CallState
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from hexgate.ports.herald import Herald, Witness
from hexgate.ports.interactions import Interactions
from hexgate.ports.observer import Observer
from hexgate.ports.probe import Probe
from hexgate.ports.provider import Provider
from tests.contracts.clock import ClockContract
from tests.contracts.fitting import Asked, FittingContract
from tests.contracts.herald import ALERT, FallibleHeraldContract, WitnessContract
from tests.contracts.interactions import ASKED, InteractionsContract
from tests.contracts.observer import INTENT, ObserverContract, settlement
from tests.contracts.probe import ProbeContract
from tests.contracts.provider import ProviderContract
from tests.fakes import (
    FakeClock,
    FakeHerald,
    FakeProvider,
    RecordingInteractions,
    RecordingObserver,
    RecordingWitness,
    Script,
    call,
    script,
)

END = Finished(finish=Finish.TOOL_CALLS, usage=Usage(uncached_input=9, output=4), model="m")
RICH = Script(
    (
        Warned("PARAM_DROPPED", "top_k was dropped"),
        ReasoningDelta(0, "I should "),
        ReasoningDelta(0, "search"),
        PartFinished(0, Reasoning("I should search", b"sig", "fake")),
        TextDelta(1, "Let me "),
        UsageUpdate(Usage(uncached_input=9, output=1)),
        TextDelta(1, "look."),
        PartFinished(1, Text("Let me look.")),
        ToolCallStarted(2, "call-1", "search"),
        ToolCallDelta(2, '{"q":'),
        ToolCallDelta(2, '"x"}'),
        PartFinished(2, ToolCall("call-1", "search", '{"q":"x"}')),
        ToolCallStarted(3, "call-2", "now"),
        PartFinished(3, ToolCall("call-2", "now", "{}")),
        END,
    )
)


class TestFakeClock(ClockContract):
    def make(self) -> Clock:
        return FakeClock()

    async def elapse(self, clock: Clock, seconds: float) -> None:
        assert isinstance(clock, FakeClock)
        await clock.until_sleeping(1)
        clock.advance(seconds)

    async def test_wakes_sleepers_in_the_order_of_their_time(self) -> None:
        clock, order = FakeClock(), list[str]()

        async def nap(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            order.append(name)

        naps = [asyncio.create_task(nap(n, s)) for n, s in (("c", 3), ("a", 1), ("b", 1), ("d", 9))]
        await clock.until_sleeping(4)
        clock.advance(3)
        await asyncio.gather(*naps[:3])
        assert order == ["a", "b", "c"]
        assert (clock.sleepers, clock.naps) == (1, [3, 1, 1, 9])
        naps[3].cancel()
        await asyncio.wait(naps)
        assert clock.sleepers == 0

    async def test_sums_of_floats_do_not_oversleep(self) -> None:
        for count in range(1, 50):
            clock = FakeClock(monotonic=0)
            nap = asyncio.create_task(clock.sleep(count / 10))
            await clock.until_sleeping(1)
            for _ in range(count):
                clock.advance(0.1)
            await nap


class TestFakeObserver(ObserverContract):
    def make(self) -> Observer:
        return RecordingObserver()

    def broken(self) -> Observer:
        return RecordingObserver()

    def test_keeps_what_it_is_told(self) -> None:
        observer = RecordingObserver()
        observer.ended(INTENT, settlement(CallState.CANCELLED))
        assert [told.state for told in observer.settlements] == [CallState.CANCELLED]


class TestFakeInteractions(InteractionsContract):
    async def make(self) -> Interactions:
        return RecordingInteractions()

    async def broken(self) -> Interactions:
        return RecordingInteractions()

    def test_keeps_what_it_is_told_and_wants_what_it_was_made_for(self) -> None:
        log = RecordingInteractions("one")
        log.ended(ASKED)
        assert log.told == [ASKED]
        assert (log.wants("one"), log.wants("two")) == (True, False)


class TestFakeHerald(FallibleHeraldContract):
    hangs: FakeHerald

    async def make(self) -> Herald:
        return FakeHerald()

    async def failing(self) -> Herald:
        return FakeHerald("HTTP 500")

    async def hanging(self) -> Herald:
        self.hangs = FakeHerald(gate=asyncio.Event())
        return self.hangs

    async def until_asked(self) -> None:
        await self.hangs.entered.wait()

    async def test_says_its_words_in_order_and_the_last_one_stays(self) -> None:
        herald = FakeHerald("HTTP 500", "TimeoutError", "")
        said = [await herald.deliver(ALERT) for _ in range(4)]
        assert said == ["HTTP 500", "TimeoutError", "", ""]
        assert herald.told == [ALERT] * 4


class TestRecordingWitness(WitnessContract):
    def make(self) -> Witness:
        return RecordingWitness()

    def broken(self) -> Witness:
        return RecordingWitness()

    def test_keeps_what_it_is_told(self) -> None:
        witness = RecordingWitness()
        witness.raised(ALERT)
        witness.undelivered(ALERT, "HTTP 500", for_good=True)
        assert (witness.heard, witness.missed) == ([ALERT], [(ALERT, "HTTP 500", True)])


class TestFakeProvider(ProviderContract):
    made: tuple[FakeProvider, ...] = ()

    def kept(self, provider: FakeProvider) -> FakeProvider:
        self.made = (*self.made, provider)
        return provider

    def make(self) -> Provider:
        return self.kept(FakeProvider("Hello there, world"))

    def failing(self) -> Provider:
        return self.kept(FakeProvider(Overloaded("m is overloaded")))

    def truncated(self) -> Provider:
        return self.kept(FakeProvider(Script((TextDelta(0, "Hel"),))))

    def stalled(self) -> Provider:
        return self.kept(FakeProvider(gate=asyncio.Event()))

    async def until_stalled(self) -> None:
        await self.made[-1].entered.wait()

    async def released(self) -> None:
        for provider in self.made:
            assert provider.opened == provider.closed


class TestFakeProviderWithEveryKindOfChunk(TestFakeProvider):
    def make(self) -> Provider:
        return self.kept(FakeProvider(RICH))


class TestFakeFitting(FittingContract):
    def able(self) -> tuple[Asked, ChatCall]:
        return FakeProvider(), call()

    def unable(self) -> tuple[Asked, ChatCall]:
        return FakeProvider(Unsupported("m has no ears")), call()


class TestFakeProbe(ProbeContract):
    hangs: FakeProvider

    def accepting(self) -> Probe:
        return FakeProvider()

    def rejecting(self) -> Probe:
        return FakeProvider(CredentialRejected("m does not accept the key"))

    def hanging(self) -> Probe:
        self.hangs = FakeProvider(gate=asyncio.Event())
        return self.hangs

    async def until_asked(self) -> None:
        await self.hangs.entered.wait()


async def test_outcomes_come_in_order_and_the_last_one_stays() -> None:
    provider = FakeProvider(Overloaded("full"), "one", "two")
    with pytest.raises(Overloaded):
        await provider.complete(call())
    answers = [await provider.complete(call(call_id=f"c{n}")) for n in range(3)]
    assert [answer.parts for answer in answers] == [(Text("one"),), (Text("two"),), (Text("two"),)]
    assert [made.call_id for made in provider.calls] == ["call-1", "c0", "c1", "c2"]


async def test_a_script_is_told_whole_too() -> None:
    completion = await FakeProvider(RICH).complete(call())
    assert completion == Completion(
        parts=(
            Reasoning("I should search", b"sig", "fake"),
            Text("Let me look."),
            ToolCall("call-1", "search", '{"q":"x"}'),
            ToolCall("call-2", "now", "{}"),
        ),
        finish=Finish.TOOL_CALLS,
        usage=Usage(uncached_input=9, output=4),
        model="m",
        request_id="fake-1",
        warnings=(Warned("PARAM_DROPPED", "top_k was dropped"),),
    )


async def test_an_error_comes_where_the_script_puts_it() -> None:
    broken = Script((TextDelta(0, "Hel"), TextDelta(0, "lo")), Overloaded("full"))
    stream = await FakeProvider(broken).open(call())
    assert [await anext(stream), await anext(stream)] == list(broken.chunks)
    with pytest.raises(Overloaded):
        await anext(stream)
    with pytest.raises(Overloaded):
        await FakeProvider(broken).complete(call())


async def test_an_error_before_the_first_output_is_raised_while_opening() -> None:
    with pytest.raises(Overloaded):
        await FakeProvider(Script((Warned("X", "y"),), Overloaded("full"))).open(call())
    with pytest.raises(BadResponse):
        await FakeProvider(Script(())).open(call())


async def test_a_provider_can_be_held_between_chunks() -> None:
    between = asyncio.Event()
    stream = await FakeProvider("a b", between=between).open(call())
    assert await anext(stream) == TextDelta(0, "a ")
    reading = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    assert not reading.done()
    between.set()
    assert await reading == TextDelta(0, "b")


async def test_a_held_provider_answers_when_let_go() -> None:
    gate = asyncio.Event()
    provider = FakeProvider("ok", gate=gate)
    going = asyncio.create_task(provider.complete(call()))
    await provider.entered.wait()
    assert not going.done()
    gate.set()
    assert (await going).parts == (Text("ok"),)


def test_a_call_takes_any_field() -> None:
    assert call(tenant="b", deadline=3.0).tenant == "b"
    assert call("Hi").spec.messages[0].parts == (Text("Hi"),)


def test_the_stream_of_a_text_keeps_every_character() -> None:
    text = "  two  spaces\nand more "
    deltas = [chunk.text for chunk in script(text).chunks if isinstance(chunk, TextDelta)]
    assert "".join(deltas) == text
    assert len(deltas) > 3
