"""What every Fitting must do: say beforehand what asking would say."""

from __future__ import annotations

import abc
from typing import Protocol

import pytest

from hexgate.domain.call import ChatCall
from hexgate.domain.errors import Unsupported
from hexgate.ports.provider import Fitting, Provider


class Asked(Provider, Fitting, Protocol):
    """Can be asked, and asked beforehand."""


class FittingContract(abc.ABC):
    """Subclasses give one that can do what a call asks, and one that cannot."""

    @abc.abstractmethod
    def able(self) -> tuple[Asked, ChatCall]:
        """A provider that answers this call."""

    @abc.abstractmethod
    def unable(self) -> tuple[Asked, ChatCall]:
        """A provider that lacks what this call needs."""

    async def test_what_can_be_done_is_done_however_often_it_is_asked_for_before(self) -> None:
        provider, call = self.able()
        for _ in range(3):
            provider.fits(call)
        await provider.complete(call)

    async def test_what_is_lacking_is_said_as_the_call_would_say_it(self) -> None:
        provider, call = self.unable()
        for _ in range(2):
            with pytest.raises(Unsupported) as before:
                provider.fits(call)
        with pytest.raises(Unsupported) as after:
            await provider.complete(call)
        assert before.value.message == after.value.message
        assert before.value.violations == after.value.violations
