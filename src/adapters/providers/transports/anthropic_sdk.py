"""The official Anthropic SDK as a transport. It sends its key as a bearer token."""

from __future__ import annotations

from functools import partial

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.sdk import SdkTransport, http_client, quiet, through


def build(account: Account, base_url: str) -> SdkTransport:
    """Make the client; this imports the SDK, which takes two seconds. `base_url` has no `/v1`."""
    import httpx2
    from anthropic import AsyncAnthropic, AsyncStream

    client = AsyncAnthropic(
        api_key=account.api_key,
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=5.0),
        http_client=http_client(account.name, account.max_body_bytes),
        open_telemetry=False,
    )
    quiet("anthropic")

    raw = {"cast_to": httpx2.Response, "stream": True, "stream_cls": AsyncStream[object]}
    return SdkTransport(
        through(partial(client.get, **raw), partial(client.post, **raw)),
        client.close,
        {"Authorization": f"Bearer {account.api_key}"},
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
    )
