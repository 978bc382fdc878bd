"""The wired provider asked whether it could be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.adapters.providers.dialects.anthropic_messages import AnthropicMessages
from hexgate.adapters.providers.wire import WireRequest, WireResponse, WireStream
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.domain.call import ChatCall, Timeouts
from hexgate.domain.chat import Link, Media, Message, Role
from hexgate.domain.errors import Unsupported
from hexgate.domain.spec import OnUnsupported, Params
from tests.adapters.providers.wiring import MESSAGE, ScriptedWire, ask, wired
from tests.contracts.fitting import Asked, FittingContract
from tests.fakes import FakeClock

PICTURE = Media("audio/wav", Link("https://pictures.test/1"))


def picky() -> ChatCall:
    """A call with a parameter that the wire lacks, and whose caller insists."""
    call = ask()
    params = Params(seed=1, on_unsupported=OnUnsupported.REJECT)
    return replace(call, spec=replace(call.spec, params=params))


class TestWired(FittingContract):
    def able(self) -> tuple[Asked, ChatCall]:
        return wired(ScriptedWire([MESSAGE])), ask()

    def unable(self) -> tuple[Asked, ChatCall]:
        return wired(ScriptedWire([MESSAGE])), picky()


class Unused:
    """A transport, and what fetches links, that nobody may use."""

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """See Transport."""
        raise AssertionError("sent")

    async def open(self, request: WireRequest, timeouts: Timeouts) -> WireStream:
        """See Transport."""
        raise AssertionError("opened")

    async def inlined(self, call: ChatCall, fetches: object) -> ChatCall:
        """See Inlining."""
        raise AssertionError("fetched")


def test_links_are_judged_only_where_nobody_would_fetch_them() -> None:
    call = ask()
    linked = Message(Role.USER, (PICTURE,))
    call = replace(call, spec=replace(call.spec, messages=(linked,)))
    unused = Unused()

    def provider(inlining: Unused | None) -> WiredProvider:
        return WiredProvider(
            AnthropicMessages("anthropic"),
            unused,
            monotonic=FakeClock().monotonic,
            inlining=inlining,
        )

    provider(unused).fits(call)
    with pytest.raises(Unsupported):
        provider(None).fits(call)
