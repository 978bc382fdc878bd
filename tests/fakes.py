"""Hand-written stand-ins for the ports, shared by all tests."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from hexgate.domain.answer import (
    OUTPUT,
    Chunk,
    Completion,
    Finish,
    Finished,
    PartFinished,
    TextDelta,
    Warned,
)
from hexgate.domain.assemble import Assembler
from hexgate.domain.attempts import Attempts
from hexgate.domain.budget import Alert
from hexgate.domain.call import ChatCall, EmbedCall, Options, Timeouts
from hexgate.domain.chat import Message, Role, Text
from hexgate.domain.embed import Embedded, EmbedInput, EmbedSpec
from hexgate.domain.errors import BadResponse, Unsupported
from hexgate.domain.interaction import Interaction
from hexgate.domain.ledger import Intent, Settlement
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage


def call(text: str = "Hello", **overrides: Any) -> ChatCall:
    """A call that says `text` to `m`; any field of ChatCall may be given instead."""
    fields: dict[str, Any] = {
        "call_id": "call-1",
        "tenant": "acme",
        "model": "m",
        "spec": Spec(model="m", messages=(Message(Role.USER, (Text(text),)),)),
        "options": Options(),
        "deadline": 1e9,
        "max_output_tokens": 100,
        "attempts": Attempts(8),
        "input_tokens": 10,
        "most_input_tokens": 10,
    }
    return ChatCall(**(fields | overrides))


def embed_call(*texts: str, **overrides: Any) -> EmbedCall:
    """A call that embeds these texts by `m`; any field of EmbedCall may be given instead."""
    fields: dict[str, Any] = {
        "call_id": "call-1",
        "tenant": "acme",
        "model": "m",
        "spec": EmbedSpec(model="m", inputs=tuple((Text(text),) for text in texts or ("Hello",))),
        "options": Options(),
        "deadline": 1e9,
        "attempts": Attempts(8),
        "input_tokens": 10,
        "most_input_tokens": 10,
    }
    return EmbedCall(**(fields | overrides))


class FakeClock:
    """Time stands still until it is advanced. `monotonic` and `now` run together."""

    def __init__(self, monotonic: float = 1_000.0, now: float = 1_800_000_000.0) -> None:
        self._monotonic = monotonic
        self._offset = now - monotonic
        self._order = itertools.count()
        self._sleeping: list[tuple[float, int, asyncio.Future[None]]] = []
        self._slept = asyncio.Event()
        self.naps: list[float] = []  # what was asked of `sleep`, in order

    def monotonic(self) -> float:
        """See Clock."""
        return self._monotonic

    def now(self) -> float:
        """See Clock."""
        return self._monotonic + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been advanced so far; 0 or less only lets others run."""
        self.naps.append(seconds)
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._monotonic + seconds, next(self._order), woken)
        heapq.heappush(self._sleeping, entry)
        self._slept.set()
        try:
            await woken
        finally:
            if entry in self._sleeping:
                self._sleeping.remove(entry)
                heapq.heapify(self._sleeping)

    def advance(self, seconds: float) -> None:
        """Let time pass at once. Sleepers that are due are woken, the earliest first."""
        self._monotonic += seconds
        # Sums of floats fall short by an ulp or two; no sleeper may oversleep for that.
        while self._sleeping and self._sleeping[0][0] <= self._monotonic + 1e-9:
            due, _, woken = heapq.heappop(self._sleeping)
            self._monotonic = max(self._monotonic, due)
            if not woken.done():
                woken.set_result(None)

    @property
    def sleepers(self) -> int:
        """How many are asleep."""
        return len(self._sleeping)

    async def until_sleeping(self, count: int) -> None:
        """Return once at least `count` are asleep."""
        while self.sleepers < count:
            self._slept.clear()
            await self._slept.wait()


@dataclass(frozen=True, slots=True)
class Script:
    """An answer, chunk by chunk. After the last one comes `error`, if there is one."""

    chunks: tuple[Chunk, ...]
    error: Exception | None = None


Outcome: TypeAlias = str | Exception | Script


def script(text: str, finish: Finish = Finish.STOP, model: str = "m") -> Script:
    """The stream of a text: a delta per word, the whole part, the end with its usage."""
    words = [word for word in text.replace(" ", " \0").split("\0") if word]
    deltas = [TextDelta(0, word) for word in words]
    usage = Usage(uncached_input=10, output=len(words))
    end = Finished(finish=finish, usage=usage, model=model)
    return Script((*deltas, PartFinished(0, Text(text)), end))


class FakeProvider:
    """Answers by a script: one outcome per attempt, in order, the last one for ever after.

    A text is answered as such, an exception is raised, a Script is played: whole for `complete`,
    chunk by chunk for `open`, which raises what happens before the first output.

    `gate` is waited for before each answer begins, `between` before each chunk after the first
    output: leave them unset to hold the provider there, and await `entered` to be sure that
    a call has arrived.
    """

    def __init__(
        self,
        *outcomes: Outcome,
        gate: asyncio.Event | None = None,
        between: asyncio.Event | None = None,
        request_id: str = "fake-1",
    ) -> None:
        self._outcomes = outcomes or ("Hello there",)
        self._gate = gate
        self._between = between
        self._request_id = request_id
        self.calls: list[ChatCall | EmbedCall] = []
        self.checks: list[Timeouts] = []
        self.entered = asyncio.Event()
        self.opened = 0  # streams
        self.closed = 0

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        played = await self._play(call)
        if played.error is not None:
            raise played.error
        return whole(played.chunks, self._request_id)

    async def open(self, call: ChatCall) -> FakeStream:
        """See Provider."""
        played = await self._play(call)
        if not any(isinstance(chunk, OUTPUT) for chunk in played.chunks):
            raise played.error or BadResponse("the stream ended without its terminal marker")
        self.opened += 1
        return FakeStream(self, played, self._request_id, self._between)

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider. Every vector is the length of its text, and every text a token.

        A script says no more than its warnings, and that there is no usage.
        """
        played = await self._play(call)
        if played.error is not None:
            raise played.error
        silent = any(isinstance(chunk, Finished) and chunk.usage is None for chunk in played.chunks)
        return Embedded(
            vectors=[[float(_length(parts))] for parts in call.spec.inputs],
            usage=None if silent else Usage(uncached_input=len(call.spec.inputs)),
            model=call.model,
            request_id=self._request_id,
            warnings=tuple(chunk for chunk in played.chunks if isinstance(chunk, Warned)),
        )

    def fits(self, call: ChatCall) -> None:
        """See Fitting. Whatever comes next is no reason not to ask, but for Unsupported."""
        outcome = self._next()
        if isinstance(outcome, Unsupported):
            raise outcome

    async def check(self, timeouts: Timeouts) -> None:
        """See Probe. Fails by the first outcome, if that is an exception."""
        self.checks.append(timeouts)
        self.entered.set()
        if self._gate is not None:
            await self._gate.wait()
        if isinstance(self._outcomes[0], Exception):
            raise self._outcomes[0]

    def _next(self) -> Outcome:
        return self._outcomes[min(len(self.calls), len(self._outcomes) - 1)]

    async def _play(self, call: ChatCall | EmbedCall) -> Script:
        outcome = self._next()
        self.calls.append(call)
        self.entered.set()
        if self._gate is not None:
            await self._gate.wait()
        if isinstance(outcome, Exception):
            raise outcome
        return script(outcome, model=call.model) if isinstance(outcome, str) else outcome


class SlowProvider(FakeProvider):
    """Takes `after_s` of the loop's time for each answer, and `last_s` more to end once cancelled.

    `at_work` counts calls that have not ended, streams that are open not included.
    """

    def __init__(self, after_s: float, *outcomes: Outcome, last_s: float = 0.0) -> None:
        super().__init__(*outcomes)
        self._after_s = after_s
        self._last_s = last_s
        self.at_work = 0

    async def _play(self, call: ChatCall | EmbedCall) -> Script:
        self.at_work += 1
        try:
            return await super()._play(call)
        finally:
            try:
                await asyncio.sleep(self._after_s)
            except asyncio.CancelledError:
                await asyncio.sleep(self._last_s)
                raise
            finally:
                self.at_work -= 1


def _length(parts: EmbedInput) -> int:
    return sum(len(part.text) for part in parts if isinstance(part, Text))


class FakeStream:
    """The stream of a Script. Tells its provider, once, when it is closed."""

    def __init__(
        self, owner: FakeProvider, played: Script, request_id: str, between: asyncio.Event | None
    ) -> None:
        self._owner = owner
        self._chunks = iter(played.chunks)
        self._error = played.error
        self._between = between
        self._shown = False
        self._closed = False
        self._finished = False
        self.request_id = request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """The next chunk, the script's error, or BadResponse when `Finished` never came."""
        if self._closed or self._finished:
            raise StopAsyncIteration
        if self._shown and self._between is not None:
            await self._between.wait()
        chunk = next(self._chunks, None)
        if chunk is None:
            raise self._error or BadResponse("the stream ended without its terminal marker")
        self._shown = self._shown or isinstance(chunk, OUTPUT)
        self._finished = isinstance(chunk, Finished)
        return chunk

    async def aclose(self) -> None:
        """See Stream."""
        if not self._closed:
            self._closed = True
            self._owner.closed += 1


def whole(chunks: Iterable[Chunk], request_id: str = "") -> Completion:
    """The answer that these chunks add up to; BadResponse without Finished."""
    assembler = Assembler()
    warnings: list[Warned] = []
    for chunk in chunks:
        if isinstance(chunk, Finished):
            return Completion(
                parts=assembler.parts(),
                finish=chunk.finish,
                usage=chunk.usage,
                model=chunk.model,
                request_id=request_id,
                stop_sequence=chunk.stop_sequence,
                warnings=tuple(warnings),
                metadata_json=chunk.metadata_json,
            )
        if isinstance(chunk, Warned):
            warnings.append(chunk)
        assembler.add(chunk)
    raise BadResponse("the stream ended without its terminal marker")


class RecordingObserver:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Intent, Settlement]] = []

    def ended(self, intent: Intent, settlement: Settlement) -> None:
        """See Observer."""
        self.told.append((intent, settlement))

    @property
    def settlements(self) -> Sequence[Settlement]:
        """The settlements alone, in order."""
        return [settlement for _, settlement in self.told]


class RecordingInteractions:
    """Keeps what it is told of the calls that it wants: all of them, or those of these names."""

    def __init__(self, *wanted: str) -> None:
        self._wanted = wanted
        self.told: list[Interaction] = []

    def wants(self, call_id: str) -> bool:
        """See Interactions."""
        return not self._wanted or call_id in self._wanted

    def ended(self, interaction: Interaction) -> None:
        """See Interactions."""
        self.told.append(interaction)


class FakeHerald:
    """Says these words, one for each try, the last one for ever after; none at all is arrival.

    `gate` is waited for before each: leave it unset to hold alerts on their way, and await
    `entered` to be sure that one is.
    """

    def __init__(self, *outcomes: str, gate: asyncio.Event | None = None) -> None:
        self._outcomes = outcomes or ("",)
        self._gate = gate
        self.told: list[Alert] = []
        self.entered = asyncio.Event()

    async def deliver(self, alert: Alert) -> str:
        """See Herald."""
        outcome = self._outcomes[min(len(self.told), len(self._outcomes) - 1)]
        self.told.append(alert)
        self.entered.set()
        if self._gate is not None:
            await self._gate.wait()
        return outcome


class RecordingWitness:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.heard: list[Alert] = []
        self.missed: list[tuple[Alert, str, bool]] = []  # why, and whether for good

    def raised(self, alert: Alert) -> None:
        """See Witness."""
        self.heard.append(alert)

    def undelivered(self, alert: Alert, why: str, *, for_good: bool) -> None:
        """See Witness."""
        self.missed.append((alert, why, for_good))
