"""Every attempt takes its share of a provider's limits, and gives back what it did not use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hexgate.application.policies.around import Around, C, W
from hexgate.application.policies.tail import tailed
from hexgate.domain.answer import Finished
from hexgate.domain.call import Call, ChatCall
from hexgate.domain.errors import GatewayError
from hexgate.domain.usage import Usage
from hexgate.ports.clock import Clock
from hexgate.ports.limiter import Lease, Limiter
from hexgate.ports.provider import Provider, Stream


class Limited(Around):
    """A permit is taken per attempt, not per call: retries are what overloads a provider."""

    def __init__(self, inner: Provider, limiter: Limiter, clock: Clock, key: str) -> None:
        super().__init__(inner)
        self._limiter = limiter
        self._clock = clock
        self._key = key

    async def whole(self, call: C, go: Callable[[C], Awaitable[W]]) -> W:
        """See Around. Raises RateLimited."""
        lease = await self._acquire(call)
        used = call.input_tokens
        try:
            answer = await go(call)
            used = _tokens(answer.usage, call)
        except GatewayError as error:
            used = _asked(error, call)
            raise
        finally:
            await lease.settle(used)
        return answer

    async def opening(self, call: ChatCall) -> Stream:
        """See Around. Raises RateLimited. The slot is held until the stream ends."""
        lease = await self._acquire(call)
        try:
            stream = await self._inner.open(call)
        except BaseException as error:
            await lease.settle(_asked(error, call))
            raise

        async def ended(how: Finished | BaseException | None) -> None:
            usage = how.usage if isinstance(how, Finished) else None
            await lease.settle(_tokens(usage, call))

        return tailed(stream, ended)

    async def _acquire(self, call: Call) -> Lease:
        wait_s = call.options.max_queue_wait_s
        if wait_s:
            wait_s = max(0.0, min(wait_s, call.deadline - self._clock.monotonic()))
        return await self._limiter.acquire(self._key, call.worst_tokens, wait_s)


def _asked(error: BaseException, call: Call) -> int:
    """What a failed attempt may have used of the provider's limits."""
    return call.input_tokens if not isinstance(error, GatewayError) or error.sent else 0


def _tokens(usage: Usage | None, call: Call) -> int:
    """Without a report the provider may have counted everything that was reserved."""
    return call.worst_tokens if usage is None else usage.total
