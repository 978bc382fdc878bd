"""What a caller sees of one call, and what the ledger keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from grpc import aio

from hexgate.adapters.simulator import Fault, models
from hexgate.adapters.simulator.chat import Ask, Text, Turn
from hexgate.client import Problem, explain
from hexgate.domain.ledger import Entry
from hexgate.v1 import accounting_pb2, generation_pb2
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.error_pb2 import ErrorReason
from tests.entrypoints.grpc.conftest import spec
from tests.faults.outcome import FIRST, Mode, Tried
from tests.faults.world import LATER, MODEL, PATIENCE_S, World

PROMPT = "Tell me of harbours."
GOOD = models.answer(
    Ask(model=MODEL, turns=(Turn("user", (Text(PROMPT),)),)), seed=0
).text  # with letters of one to four bytes


@dataclass(slots=True)
class Seen:
    """All that arrived. `problem` is None after OK; `text` is what counts after a new beginning."""

    text: str = ""
    finish: str = ""
    tried: tuple[Tried, ...] = ()
    usage: accounting_pb2.Usage = field(default_factory=accounting_pb2.Usage)
    cost: accounting_pb2.Cost = field(default_factory=accounting_pb2.Cost)
    problem: Problem | None = None
    sequence: int = 0
    moved: list[pb.RouteChanged] = field(default_factory=list)
    ended: bool = False

    @property
    def reason(self) -> str:
        """OK, or why not."""
        return "OK" if self.problem is None else self.problem.reason

    @property
    def code(self) -> str:
        """The name of the status."""
        return "OK" if self.problem is None else self.problem.code.name

    def fail(self, error: aio.AioRpcError) -> None:
        """Take in how it failed."""
        self.problem = explain(error)
        if (failure := self.problem.failure) is not None:
            self.tried = tried(failure.attempts)
            self.usage, self.cost = failure.usage, failure.cost

    def end(self, last: pb.CompleteResponse | pb.StreamFinished) -> None:
        """Take in the end of an answer."""
        self.ended = True
        self.finish = pb.FinishReason.Name(last.finish_reason).removeprefix("FINISH_REASON_")
        self.tried, self.usage, self.cost = tried(last.route.attempts), last.usage, last.cost

    def hear(self, event: pb.StreamCompleteResponse) -> None:
        """Take in one event of a stream."""
        assert not self.ended, "something came after the end"
        assert event.sequence == self.sequence + 1
        self.sequence = event.sequence
        match event.WhichOneof("event"):
            case "text":
                self.text += event.text.text
            case "route_changed":
                self.moved.append(event.route_changed)
                if event.route_changed.output_reset:
                    self.text = ""
            case "finished":
                self.end(event.finished)


def tried(attempts: Iterable[accounting_pb2.Attempt]) -> tuple[Tried, ...]:
    """Attempts as they are expected."""
    return tuple((each.provider, reason(each.failure)) for each in attempts)


def reason(number: ErrorReason.ValueType) -> str:
    """The name of a reason; empty for none."""
    return ErrorReason.Name(number).removeprefix("ERROR_REASON_") if number else ""


def booked(entry: Entry) -> tuple[Tried, ...]:
    """The attempts that the ledger keeps."""
    assert entry.settlement is not None
    return tuple((each.provider, each.failure) for each in entry.settlement.attempts)


def asked(
    mode: Mode = Mode.ALONE, others: Sequence[str] = ()
) -> tuple[generation_pb2.CompletionSpec, generation_pb2.CallOptions]:
    """What is asked, and how; `others` are the caller's own fallbacks."""
    options = generation_pb2.CallOptions()
    options.routing.fallback_models.extend(others)
    if mode in (Mode.RESTARTED, Mode.BEGUN_ANEW):
        options.routing.fallback_mode = generation_pb2.FALLBACK_MODE_RESTART_STREAM
    return spec(PROMPT, f"{FIRST}/{MODEL}"), options


async def unary(world: World, mode: Mode = Mode.ALONE, others: Sequence[str] = ()) -> Seen:
    """Ask for an answer in one piece."""
    seen = Seen()
    what, options = asked(mode, others)
    request = pb.CompleteRequest(spec=what, options=options)
    try:
        answer = await world.stub.Complete(request, timeout=PATIENCE_S)
    except aio.AioRpcError as error:
        seen.fail(error)
    else:
        seen.end(answer)
        seen.text = "".join(part.text.text for part in answer.message.parts)
    return seen


async def stream(
    world: World,
    mode: Mode = Mode.ALONE,
    others: Sequence[str] = (),
    then: Callable[[], None] | None = None,
) -> Seen:
    """Ask for a stream and read it to its end; `then` is what happens after the first text."""
    seen = Seen()
    what, options = asked(mode, others)
    request = pb.StreamCompleteRequest(spec=what, options=options)
    try:
        async for event in world.stub.StreamComplete(request, timeout=PATIENCE_S):
            seen.hear(event)
            if then is not None and seen.text:
                then()
                then = None
    except aio.AioRpcError as error:
        assert not seen.ended, "an error came after the end"
        seen.fail(error)
    else:
        assert seen.ended, "OK without the end of the answer"
    return seen


async def call(world: World, made: object, mode: Mode, *, streamed: bool) -> Seen:
    """Make the call of one row."""
    if not streamed:
        return await unary(world, mode)
    later = LATER.get(made) if isinstance(made, Fault) else None
    return await stream(world, mode, then=None if later is None else lambda: later(world.first))
