"""The official OpenAI SDK as a transport, for OpenAI and servers that speak its API."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.sdk import Ask, SdkTransport, http_client, quiet
from hexgate.adapters.providers.wire import WireRequest

if TYPE_CHECKING:
    import httpx2
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
        through(client),
        client.close,
        headers,
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
    )


def through(client: AsyncOpenAI) -> Ask:
    """Requests by the SDK's own method for those that it has no types for."""
    import httpx2
    from openai import AsyncStream

    async def ask(request: WireRequest, limits: httpx2.Timeout) -> httpx2.Response:
        response: object
        if request.method == "GET":
            response = await client.get(
                request.path,
                cast_to=httpx2.Response,
                options={"timeout": limits},
                stream=True,
                stream_cls=AsyncStream[object],
            )
        else:
            response = await client.post(
                request.path,
                cast_to=httpx2.Response,
                body=request.payload,
                options={"timeout": limits},
                stream=True,
                stream_cls=AsyncStream[object],
            )
        # Asked for an httpx2.Response, the SDK returns it unread, whatever its overloads say.
        return cast("httpx2.Response", response)

    return ask
