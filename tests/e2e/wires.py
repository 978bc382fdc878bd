"""Every way to a provider, pointed at the simulator."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.wire import Inlining
from hexgate.adapters.simulator import Simulator
from hexgate.ports.provider import Provider


@dataclass(frozen=True, slots=True)
class Wire:
    """A kind of provider over a transport."""

    kind: str
    transport: Literal["http", "sdk"]

    def __str__(self) -> str:
        return f"{self.kind}-{self.transport}"

    def base_url(self, simulator: Simulator) -> str:
        """Where the simulator speaks this wire."""
        return {
            "anthropic": simulator.anthropic_url,
            "ollama": simulator.ollama_url,
        }.get(self.kind, simulator.openai_url)


WIRES = (
    Wire("openai", "http"),
    Wire("openai", "sdk"),
    Wire("openai_compatible", "http"),
    Wire("anthropic", "http"),
    Wire("anthropic", "sdk"),
    Wire("ollama", "http"),
)


@asynccontextmanager
async def wired(
    wire: Wire, simulator: Simulator, *, inlining: Inlining | None = None
) -> AsyncIterator[Provider]:
    """A provider called `fake` over this wire."""
    async with open_session() as session:
        account = Account(
            kind=wire.kind,
            name="fake",
            base_url=wire.base_url(simulator),
            api_key="sk-test",
            transport=wire.transport,
        )
        provider, close = open_provider(
            account, session, inlining=inlining, monotonic=time.monotonic
        )
        try:
            yield provider
        finally:
            await close()
