"""One call, one answer."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.application.books import Books
from hexgate.application.following import Begin, nobody
from hexgate.application.policies.cache import Cached
from hexgate.application.prepare import Prepare
from hexgate.application.requests import ChatRequest
from hexgate.domain.answer import Completion, Warned
from hexgate.domain.call import ChatCall
from hexgate.domain.chat import Reasoning, Refusal, Text, ToolCall
from hexgate.domain.ledger import CallState
from hexgate.domain.price import Cost
from hexgate.domain.receipt import Receipt
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion and what it came to."""

    completion: Completion
    receipt: Receipt
    warnings: tuple[Warned, ...]


class Complete:
    """Prepared, looked up, recorded, answered, settled: in this order."""

    def __init__(
        self,
        prepare: Prepare,
        provider: Cached,
        books: Books,
        clock: Clock,
        follow: Begin = nobody,
    ) -> None:
        self._prepare = prepare
        self._provider = provider
        self._books = books
        self._clock = clock
        self._follow = follow

    async def __call__(self, request: ChatRequest) -> Answer:
        """Answer, or raise a GatewayError that carries the receipt of what was spent."""
        with self._follow(request) as told:
            answer = await self._answer(told.about(self._prepare.chat(request)))
            done = answer.completion
            told.answered(answer.receipt, parts=done.parts, finish=done.finish)
        return answer

    async def _answer(self, call: ChatCall) -> Answer:
        kept = await self._provider.hit(call)
        if kept is not None:
            receipt = from_cache(call, self._clock.monotonic() - call.started)
            return Answer(kept, receipt, (*call.warnings, *kept.warnings, *_no_raw(call)))
        account, completion = await self._books.ask(call, self._provider.complete)
        account.usage = completion.usage
        account.chars = _chars(completion)
        account.warned(completion.warnings)
        receipt = await account.settle(CallState.SETTLED, finish=completion.finish)
        return Answer(completion, receipt, (*account.call.warnings, *completion.warnings))


def from_cache(call: ChatCall, total_s: float) -> Receipt:
    """A hit costs nothing and reaches nobody."""
    first = call.hops[0]
    return Receipt(
        call_id=call.call_id,
        provider=first.provider,
        model=first.model,
        usage=Usage(),
        cost=Cost(),
        accepted_at=call.started_at,
        total_s=total_s,
        cache_hit=True,
    )


def _no_raw(call: ChatCall) -> tuple[Warned, ...]:
    if not call.options.include_raw:
        return ()
    text = "the answer came from the cache, which keeps no raw response"
    return (Warned("OPTION_IGNORED", text, "options.include_raw_response"),)


def _chars(completion: Completion) -> int:
    total = 0
    for part in completion.parts:
        match part:
            case Text(text) | Reasoning(text) | Refusal(text):
                total += len(text)
            case ToolCall():
                total += len(part.arguments_json)
            case _:
                pass
    return total
