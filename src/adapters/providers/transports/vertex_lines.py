"""The connections of the gRPC transport for Vertex AI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from hexgate.adapters.providers.failures import timed_out
from hexgate.domain.errors import Unreachable

# Google's front ends allow a hundred streams on a connection; gRPC has any more wait unseen.
MOST = 90
_AGAIN_MS = 1000  # the longest pause between attempts to connect
_Ready = grpc.ChannelConnectivity.READY
_LOST = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN)


class Line:
    """One connection and the official client over it; `busy` counts the calls on it."""

    def __init__(self, channel: grpc.aio.Channel, client: Any) -> None:
        self.channel = channel
        self.client = client
        self.busy = 0

    @property
    def stands(self) -> bool:
        """Whether the connection stands now."""
        return self.channel.get_state() is _Ready

    async def stand(self) -> bool:
        """Connect, unless it is connected; False when that fails."""
        while (state := self.channel.get_state(try_to_connect=True)) is not _Ready:
            if state in _LOST:
                return False
            await self.channel.wait_for_state_change(state)
        return True


class Lines:
    """As many connections to `target` as the calls need at once. `make` gives their clients."""

    def __init__(
        self,
        target: str,
        make: Callable[[grpc.aio.Channel], Any],
        *,
        secure: bool,
        max_message_bytes: int,
        provider: str,
    ) -> None:
        self._target = target
        self._make = make
        self._secure = secure
        self._provider = provider
        self._lines: list[Line] = []
        self._options = (
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_reconnect_backoff_ms", _AGAIN_MS),
            ("grpc.initial_reconnect_backoff_ms", _AGAIN_MS // 10),
            ("grpc.enable_retries", 0),  # the gateway counts its attempts itself
            ("grpc.enable_http_proxy", 0),  # no proxy of the environment
            ("grpc.service_config_disable_resolution", 1),
            ("grpc.use_local_subchannel_pool", 1),  # else all of them share one connection
            ("grpc.primary_user_agent", "hexgate"),
        )

    def __len__(self) -> int:
        return len(self._lines)

    async def take(self, within_s: float) -> Line:
        """A connection that stands, with one more call on it; the taker counts it off again.

        Raises Unreachable, and TimedOut (phase connect) after `within_s`.
        """
        line = next((line for line in self._lines if line.busy < MOST), None) or self._open()
        line.busy += 1
        try:
            if not line.stands:
                await self._connect(line, within_s)
        except BaseException:
            line.busy -= 1
            raise
        return line

    async def aclose(self) -> None:
        """Close the connections; calls on them end."""
        lines, self._lines = self._lines, []
        for line in lines:
            await line.channel.close()

    async def _connect(self, line: Line, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                stands = await line.stand()
        except TimeoutError:
            raise timed_out(self._provider, "connect") from None
        if not stands:
            text = f"{self._provider} cannot be reached; check its base_url and certificate"
            raise Unreachable(text, metadata={"provider": self._provider})

    def _open(self) -> Line:
        if self._secure:
            trust = grpc.ssl_channel_credentials()
            channel = grpc.aio.secure_channel(self._target, trust, options=self._options)
        else:
            channel = grpc.aio.insecure_channel(self._target, options=self._options)
        line = Line(channel, self._make(channel))
        self._lines.append(line)
        return line
