"""Faults of what is said: refusals, changed answers, and events that are wrong."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate

from hexgate.adapters.simulator import tokens
from hexgate.adapters.simulator.answer import Answer, Finish
from hexgate.adapters.simulator.faults import Fault, Plan
from hexgate.adapters.simulator.wire import Event, Mark, Refused, Wire, Wrong

RETRY_S = 2  # what the faults about rate limits ask for, where they say it
_REFUSALS = {
    Fault.ERROR_500: Wrong.E500,
    Fault.ERROR_502: Wrong.E502,
    Fault.ERROR_503: Wrong.E503,
    Fault.ERROR_504: Wrong.E504,
    Fault.ERROR_529: Wrong.E529,
    Fault.UNAUTHORIZED: Wrong.UNAUTHORIZED,
    Fault.FORBIDDEN: Wrong.FORBIDDEN,
    Fault.QUOTA: Wrong.QUOTA,
    Fault.SPEND_LIMIT: Wrong.SPEND_LIMIT,
    Fault.MODEL_GONE: Wrong.NO_MODEL,
    Fault.CONTEXT_TOO_LONG: Wrong.TOO_LONG,
    Fault.FILTER_PROMPT: Wrong.FILTERED,
    Fault.LIMITED: Wrong.LIMITED,
}
_IN_BAND = (Fault.ERROR_BEFORE_OUTPUT, Fault.ERROR_AFTER_OUTPUT)


def refusal(fault: Fault | None, now: float, *, stream: bool) -> Refused | None:
    """The refusal that a fault is, or None."""
    if fault in _REFUSALS:
        return Refused(_REFUSALS[fault])
    if fault in _IN_BAND and not stream:
        return Refused(Wrong.E500)
    match fault:
        case Fault.LIMITED_SECONDS:
            return Refused(Wrong.LIMITED, headers={"retry-after": str(RETRY_S)})
        case Fault.LIMITED_DATE:
            date = formatdate(int(now) + RETRY_S, usegmt=True)
            return Refused(Wrong.LIMITED, headers={"retry-after": date})
        case Fault.LIMITED_MS:
            return Refused(Wrong.LIMITED, headers={"retry-after-ms": str(RETRY_S * 1000)})
        case Fault.LIMITED_BODY:
            text = f"Rate limit reached. Please try again in {RETRY_S}s."
            return Refused(Wrong.LIMITED, text)
        case _:
            return None


def changed(answer: Answer, plan: Plan) -> Answer:
    """The answer that a fault gives instead."""
    match plan.fault:
        case Fault.NO_USAGE:
            return replace(answer, usage=False)
        case Fault.EMPTY:
            return _said(answer, "", Finish.STOP)
        case Fault.FILTER_BEFORE_OUTPUT:
            return _said(answer, "", Finish.FILTER)
        case Fault.FILTER_AT_END:
            text = "".join(tokens.pieces(answer.text)[: plan.after])
            return _said(answer, text, Finish.FILTER)
        case _:
            return answer


def _said(answer: Answer, text: str, finish: Finish) -> Answer:
    return replace(
        answer,
        thought="",
        text=text,
        calls=(),
        finish=finish,
        stop_sequence="",
        thought_tokens=0,
        output_tokens=tokens.count(text),
    )


class Ending(enum.Enum):
    """What follows the last event."""

    PROPER = enum.auto()
    HANG = enum.auto()
    RESET = enum.auto()
    CUT = enum.auto()  # the connection is closed, the body is not


@dataclass(frozen=True, slots=True)
class Script:
    """What is sent, in order."""

    events: Sequence[Event]
    ending: Ending = Ending.PROPER


_STOPS = {
    Fault.HANG_MID_STREAM: Ending.HANG,
    Fault.RESET_MID_STREAM: Ending.RESET,
    Fault.CUT_MID_STREAM: Ending.CUT,
    Fault.CLOSE_MID_STREAM: Ending.PROPER,
}


def halves(body: bytes) -> list[Event]:
    """A whole answer as two events, so that faults of streams can strike between them."""
    middle = len(body) // 2
    return [Event(body[:middle], Mark.PIECE), Event(body[middle:], Mark.END)]


def scripted(events: Sequence[Event], plan: Plan, wire: Wire, *, stream: bool) -> Script:
    """The events of a good answer, and what a fault makes of them."""
    fault = plan.fault
    if fault in _STOPS:
        return Script(events[: _place(events, plan.after)], _STOPS[fault])
    if fault is Fault.BAD_JSON and not stream:
        return Script(events[:1])
    spoil = _SPOILERS.get(fault) if fault and stream else None
    return Script(spoil(events, plan, wire) if spoil else events)


def _place(events: Sequence[Event], after: int) -> int:
    """The index behind the first `after` pieces of output, behind all if there are fewer."""
    places = [i for i, event in enumerate(events) if event.mark is Mark.PIECE]
    taken = places[:after]
    if taken:
        return taken[-1] + 1
    ends = [i for i, event in enumerate(events) if event.mark is not Mark.OTHER]
    return ends[0] if ends else len(events)


def _bad_json(events: Sequence[Event], plan: Plan, wire: Wire) -> list[Event]:
    at = _place(events, plan.after)
    return [*events[:at], Event(wire.broken_event()), *events[at:]]


def _error_before(events: Sequence[Event], _plan: Plan, wire: Wire) -> list[Event]:
    return [*events[: _place(events, 0)], Event(wire.error_event())]


def _error_after(events: Sequence[Event], plan: Plan, wire: Wire) -> list[Event]:
    return [*events[: _place(events, plan.after)], Event(wire.error_event())]


def _twice(events: Sequence[Event], plan: Plan, _wire: Wire) -> list[Event]:
    at = _place(events, plan.after)
    return [*events[:at], *events[at - 1 : at], *events[at:]]


def _end_twice(events: Sequence[Event], _plan: Plan, _wire: Wire) -> list[Event]:
    return [*events, *events[_end(events) :]]


def _disordered(events: Sequence[Event], plan: Plan, _wire: Wire) -> list[Event]:
    last = max((i for i, event in enumerate(events) if event.mark is Mark.PIECE), default=0)
    at, end = min(_place(events, plan.after), last), _end(events)
    return [*events[:at], events[end], *events[at:end], *events[end + 1 :]]


def _end(events: Sequence[Event]) -> int:
    return next(i for i, event in enumerate(events) if event.mark in (Mark.FINISH, Mark.END))


_SPOILERS: dict[Fault, Callable[[Sequence[Event], Plan, Wire], list[Event]]] = {
    Fault.BAD_JSON: _bad_json,
    Fault.ERROR_BEFORE_OUTPUT: _error_before,
    Fault.ERROR_AFTER_OUTPUT: _error_after,
    Fault.DUPLICATE_EVENT: _twice,
    Fault.DUPLICATE_END: _end_twice,
    Fault.OUT_OF_ORDER: _disordered,
}
