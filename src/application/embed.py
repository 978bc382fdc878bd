"""One call, one vector for each input."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.application.books import Books
from hexgate.application.following import Begin, nobody
from hexgate.application.prepare import Prepare
from hexgate.application.requests import EmbedRequest
from hexgate.domain.answer import Warned
from hexgate.domain.call import EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.domain.ledger import CallState
from hexgate.domain.receipt import Receipt
from hexgate.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class Vectors:
    """What was embedded and what it came to."""

    embedded: Embedded
    receipt: Receipt
    warnings: tuple[Warned, ...]


class Embed:
    """Prepared, recorded, embedded, settled: in this order. Vectors are not kept."""

    def __init__(
        self, prepare: Prepare, provider: Provider, books: Books, follow: Begin = nobody
    ) -> None:
        self._prepare = prepare
        self._provider = provider
        self._books = books
        self._follow = follow

    async def __call__(self, request: EmbedRequest) -> Vectors:
        """Embed all or none, or raise a GatewayError that carries the receipt of what was spent."""
        with self._follow(request) as told:
            done = await self._embed(told.about(self._prepare.embed(request)))
            told.answered(done.receipt)
        return done

    async def _embed(self, call: EmbedCall) -> Vectors:
        account, embedded = await self._books.ask(call, self._provider.embed)
        account.usage = embedded.usage
        account.warned(embedded.warnings)
        receipt = await account.settle(CallState.SETTLED)
        return Vectors(embedded, receipt, (*call.warnings, *embedded.warnings))
