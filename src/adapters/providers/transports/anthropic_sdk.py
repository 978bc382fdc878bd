"""The official Anthropic SDK as a transport. It sends its key as a bearer token."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.sdk import SdkTransport, http_client, quiet
from hexgate.adapters.providers.wire import WireRequest

if TYPE_CHECKING:
    import httpx2


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

    return SdkTransport(
        ask,
        client.close,
        {"Authorization": f"Bearer {account.api_key}"},
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
    )
