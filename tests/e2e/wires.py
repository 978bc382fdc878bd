"""Every way to a provider, pointed at the simulator."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.open import open_provider
from hexgate.adapters.providers.transports.http import open_session
from hexgate.adapters.providers.wire import Inlining
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.answer import Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.embed import Embedded
from hexgate.ports.provider import Stream
from tests.adapters.providers.transports.google_tokens import TokenServer, key_file, service_account


@dataclass(frozen=True, slots=True)
class Wire:
    """A kind of provider over a transport. `prefix` begins the names of its models."""

    kind: str
    transport: Literal["http", "sdk"]
    prefix: str = ""

    @property
    def name(self) -> str:
        """What speaks there."""
        return f"{self.kind}-{self.prefix.rstrip('-')}" if self.prefix else self.kind

    def __str__(self) -> str:
        return f"{self.name}-{self.transport}"


WIRES = (
    Wire("openai", "http"),
    Wire("openai", "sdk"),
    Wire("openai_compatible", "http"),
    Wire("openai_compatible", "sdk"),
    Wire("azure", "http"),
    Wire("azure", "sdk"),
    Wire("anthropic", "http"),
    Wire("anthropic", "sdk"),
    Wire("cohere", "http"),
    Wire("gemini", "http"),
    Wire("vertex", "http"),
    Wire("vertex", "sdk"),
    Wire("vertex", "http", "claude-"),
    Wire("vertex", "sdk", "claude-"),
    Wire("bedrock", "http"),
    Wire("bedrock", "sdk"),
    Wire("ollama", "http"),
)


@asynccontextmanager
async def said(wire: Wire, simulator: Simulator) -> AsyncIterator[dict[str, Any]]:
    """What the configuration of a provider of this wire says, its kind and transport included."""
    found: dict[str, Any] = {
        "kind": wire.kind,
        "transport": wire.transport,
        "base_url": simulator.urls.get(wire.kind, simulator.openai_url),
    }
    async with AsyncExitStack() as stack:
        if wire.kind == "bedrock":
            found |= {"region": "us-east-1", "access_key_id": "AKIA", "secret_access_key": "s"}
        elif wire.kind == "vertex":
            tokens = await stack.enter_async_context(TokenServer())
            folder = Path(stack.enter_context(TemporaryDirectory()))
            file = key_file(folder, service_account(tokens.url))
            found |= {"project": "p", "location": "us-central1", "credentials_file": file}
            if wire.transport == "sdk":
                from hexgate.adapters.simulator.vertex_grpc import VertexGrpc

                bridge = await stack.enter_async_context(VertexGrpc(simulator))
                found["base_url"] = bridge.url
        else:
            found["api_key"] = "sk-test"
        yield found


class Prefixed:
    """A provider whose models are asked for by longer names than the caller uses."""

    def __init__(self, inner: WiredProvider, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix
        self.check = inner.check

    def fits(self, call: ChatCall) -> None:
        """See Fitting."""
        self._inner.fits(replace(call, model=self._prefix + call.model))

    async def complete(self, call: ChatCall) -> Completion:
        """See Provider."""
        return await self._inner.complete(replace(call, model=self._prefix + call.model))

    async def open(self, call: ChatCall) -> Stream:
        """See Provider."""
        return await self._inner.open(replace(call, model=self._prefix + call.model))

    async def embed(self, call: EmbedCall) -> Embedded:
        """See Provider. Vectors have models of their own."""
        return await self._inner.embed(call)


@asynccontextmanager
async def wired(
    wire: Wire, simulator: Simulator, *, inlining: Inlining | None = None
) -> AsyncIterator[WiredProvider | Prefixed]:
    """A provider called `fake` over this wire."""
    async with open_session() as session, said(wire, simulator) as fields:
        provider, close = open_provider(
            Account(name="fake", **fields), session, inlining=inlining, monotonic=time.monotonic
        )
        try:
            yield Prefixed(provider, wire.prefix) if wire.prefix else provider
        finally:
            await close()
