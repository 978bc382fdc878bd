"""What every Probe must do."""

from __future__ import annotations

import abc
import asyncio

import pytest

from hexgate.domain.call import Timeouts
from hexgate.domain.errors import GatewayError, TimedOut
from hexgate.ports.probe import Probe

PROMPTLY_S = 5.0  # far above what it takes, far below what would hide a hang
LIMITS = Timeouts()


class ProbeContract(abc.ABC):
    """Subclasses give one probe for each kind of provider."""

    @abc.abstractmethod
    def accepting(self) -> Probe:
        """A provider that answers and accepts the credential."""

    @abc.abstractmethod
    def rejecting(self) -> Probe:
        """A provider that answers and does not accept it."""

    @abc.abstractmethod
    def hanging(self) -> Probe:
        """A provider that takes the question and never answers."""

    @abc.abstractmethod
    async def until_asked(self) -> None:
        """Return once a question has reached the hanging provider."""

    async def test_returns_when_the_credential_is_accepted_and_may_be_asked_again(self) -> None:
        probe = self.accepting()
        for _ in range(2):
            await probe.check(LIMITS)

    async def test_says_why_not_by_a_gateway_error(self) -> None:
        with pytest.raises(GatewayError) as caught:
            await self.rejecting().check(LIMITS)
        assert not isinstance(caught.value, TimedOut)
        assert caught.value.message

    async def test_cancelling_ends_it_at_once(self) -> None:
        task = asyncio.ensure_future(self.hanging().check(LIMITS))
        await asyncio.wait_for(self.until_asked(), PROMPTLY_S)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=PROMPTLY_S)
        assert done, "the probe held on to a cancelled check"
        assert task.cancelled(), "the probe swallowed the cancellation"
