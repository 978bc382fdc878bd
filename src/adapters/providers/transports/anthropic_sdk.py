"""The official Anthropic SDK as a transport. It sends its key as a bearer token."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hexgate.adapters.providers.transports.sdk import SdkTransport, http_client
from hexgate.adapters.providers.wire import WireRequest

if TYPE_CHECKING:
    import httpx2


def build(
    *,
    provider: str,
    base_url: str,
    api_key: str,
    organization: str = "",
    max_body_bytes: int,
) -> SdkTransport:
    """Make the client; this imports the SDK, which takes two seconds. `base_url` has no `/v1`.

    A key of this API belongs to one organization, so `organization` has no use here.
    """
    import httpx2
    from anthropic import AsyncAnthropic, AsyncStream

    del organization
    client = AsyncAnthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        timeout=httpx2.Timeout(None, connect=5.0),
        http_client=http_client(provider, max_body_bytes),
        open_telemetry=False,
    )

    async def post(request: WireRequest, limits: httpx2.Timeout) -> httpx2.Response:
        response: object = await client.post(
            request.path,
            cast_to=httpx2.Response,
            body=request.payload,
            options={"headers": dict(request.headers), "timeout": limits},
            stream=True,
            stream_cls=AsyncStream[object],
        )
        # Asked for an httpx2.Response, the SDK returns it unread, whatever its overloads say.
        return cast("httpx2.Response", response)

    return SdkTransport(post, client.close, provider=provider, max_body_bytes=max_body_bytes)
