"""The official OpenAI SDK as a transport, for OpenAI and servers that speak its API."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.sdk import Ask, SdkTransport, http_client, quiet, through

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# The SDK insists on a key; what is sent is what the transport says.
UNUSED = "none"


def build(account: Account, base_url: str) -> SdkTransport:
    """Make the client; this imports the SDK, which takes a second. `base_url` ends in `/v1`."""
    import httpx2
    from openai import AsyncOpenAI

    client = AsyncOpenAI(
        api_key=UNUSED,
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=5.0),
        http_client=http_client(account.name, account.max_body_bytes),
    )
    quiet("openai")
    headers = {"Authorization": f"Bearer {account.api_key}"} if account.api_key else {}
    if account.organization:
        headers["OpenAI-Organization"] = account.organization
    return SdkTransport(
        asking(client),
        client.close,
        headers,
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
    )


def asking(client: AsyncOpenAI) -> Ask:
    """Requests through this client, whichever service it is for."""
    import httpx2
    from openai import AsyncStream

    raw = {"cast_to": httpx2.Response, "stream": True, "stream_cls": AsyncStream[object]}
    return through(partial(client.get, **raw), partial(client.post, **raw))
