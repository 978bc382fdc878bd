"""A call that the interaction log wants is followed to its end, and told of once."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, TypeVar

from hexgate.application.requests import Request
from hexgate.domain.answer import Chunk, Finish
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import Call
from hexgate.domain.chat import Part
from hexgate.domain.errors import GatewayError
from hexgate.domain.interaction import Interaction
from hexgate.domain.receipt import Receipt
from hexgate.ports.clock import Clock
from hexgate.ports.interactions import Interactions
from hexgate.ports.provider import Stream

C = TypeVar("C", bound=Call)


class Untold:
    """A call of which nobody is told. It keeps nothing, so one is enough for all of them.

    As a context it hears of the error that leaves it.
    """

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """An error is an end."""
        if error is not None:
            self.failed(error)

    def about(self, call: C) -> C:
        """The same call: it is what became of the request."""
        return call

    def heard(self, stream: Stream) -> Stream:
        """A stream with the same chunks; what passes is what was delivered."""
        return stream

    def answered(
        self, receipt: Receipt, *, parts: tuple[Part, ...] = (), finish: Finish | None = None
    ) -> None:
        """The call was answered, by these parts or by what was heard."""

    def failed(self, error: BaseException) -> None:
        """The call was not answered, or not to its end."""

    def left(self, receipt: Receipt | None) -> None:
        """The caller is gone, which is an end where there was none before."""


UNTOLD = Untold()


class Begin(Protocol):
    """How a use case comes to what it tells: Follow, or nobody."""

    def __call__(self, request: Request, *, streamed: bool = False) -> Untold:
        """What is to be told of the call that this request becomes."""
        ...


def nobody(*_: object, **__: object) -> Untold:
    """Follows no call."""
    return UNTOLD


class Follow:
    """Follows the calls that the log wants, which it decides once for each."""

    def __init__(self, log: Interactions, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def __call__(self, request: Request, *, streamed: bool = False) -> Untold:
        """See Begin."""
        if not self._log.wants(request.call_id):
            return UNTOLD
        return Following(self._log, self._clock, request, streamed=streamed)


class Following(Untold):
    """Keeps what one call says, and tells it at the first end that it hears of."""

    def __init__(
        self, log: Interactions, clock: Clock, request: Request, *, streamed: bool
    ) -> None:
        self._log = log
        self._clock = clock
        self._request = request
        self._streamed = streamed
        self._started, self._started_at = clock.monotonic(), clock.now()
        self._assembler = Assembler()
        self._call: Call | None = None
        self._told = False

    def about(self, call: C) -> C:
        """See Untold."""
        self._call = call
        return call

    def heard(self, stream: Stream) -> Stream:
        """See Untold."""
        return _Heard(stream, self._assembler)

    def answered(
        self, receipt: Receipt, *, parts: tuple[Part, ...] = (), finish: Finish | None = None
    ) -> None:
        """See Untold."""
        self._tell(receipt, parts=parts, finish=finish)

    def failed(self, error: BaseException) -> None:
        """See Untold. What is no Exception is a cancellation."""
        if isinstance(error, GatewayError):
            self._tell(error.receipt, failure=error.reason)
        else:
            self._tell(None, failure="INTERNAL" if isinstance(error, Exception) else "CANCELLED")

    def left(self, receipt: Receipt | None) -> None:
        """See Untold."""
        self._tell(receipt, failure="CANCELLED")

    def _tell(
        self,
        receipt: Receipt | None,
        *,
        parts: tuple[Part, ...] = (),
        finish: Finish | None = None,
        failure: str = "",
    ) -> None:
        if self._told:
            return
        self._told = True
        provider, model = self._place() if receipt is None else (receipt.provider, receipt.model)
        request = self._request if self._call is None else self._call
        self._log.ended(
            Interaction(
                call_id=request.call_id,
                tenant=request.tenant,
                started_at=self._started_at,
                duration_s=self._clock.monotonic() - self._started,
                spec=request.spec,
                options=request.options,
                streamed=self._streamed,
                cached=receipt is not None and receipt.cache_hit,
                provider=provider,
                model=model,
                parts=parts or self._assembler.parts(),
                finish=finish,
                failure=failure,
                usage=None if receipt is None else receipt.usage,
                cost=None if receipt is None else receipt.cost,
            )
        )

    def _place(self) -> tuple[str, str]:
        """Provider and model of the last attempt, else of the first target, if there is one."""
        call = self._call
        if call is None:
            return "", ""
        place = call.attempts.done[-1] if call.attempts.done else call.hops[0]
        return place.provider, place.model


class _Heard:
    """A stream whose parts are collected on the way."""

    def __init__(self, inner: Stream, assembler: Assembler) -> None:
        self._inner = inner
        self._assembler = assembler

    @property
    def request_id(self) -> str:
        """See Stream."""
        return self._inner.request_id

    def __aiter__(self) -> Self:
        """The stream itself."""
        return self

    async def __anext__(self) -> Chunk:
        """See Stream."""
        chunk = await self._inner.__anext__()
        self._assembler.add(chunk)
        return chunk

    async def aclose(self) -> None:
        """See Stream."""
        await self._inner.aclose()
