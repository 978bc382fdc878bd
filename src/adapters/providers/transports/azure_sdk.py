"""The official OpenAI SDK as a transport to a resource of Azure OpenAI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.openai_sdk import UNUSED, asking
from hexgate.adapters.providers.transports.sdk import SdkTransport, http_client, quiet

if TYPE_CHECKING:
    from hexgate.adapters.providers.transports.azure import Entra


def build(account: Account, base_url: str) -> SdkTransport:
    """Make the client; this imports the SDK, which takes a second.

    `base_url` is the endpoint of the resource, without a path: requests bring theirs, from
    `/openai` on. Without a key every request carries an Entra token, for which azure-identity has
    to be installed too.
    """
    import httpx2
    from openai import AsyncAzureOpenAI, AsyncOpenAI

    entra = None if account.api_key else _entra(account)
    timeout = httpx2.Timeout(None, connect=5.0)
    http = http_client(account.name, account.max_body_bytes)
    client: AsyncOpenAI
    if account.api_version:
        client = AsyncAzureOpenAI(
            api_key=UNUSED,
            api_version=account.api_version,
            base_url=base_url,
            max_retries=0,
            timeout=timeout,
            http_client=http,
        )
    else:
        client = AsyncOpenAI(
            api_key=UNUSED, base_url=base_url, max_retries=0, timeout=timeout, http_client=http
        )
    quiet("openai")

    async def close() -> None:
        try:
            await client.close()
        finally:
            if entra is not None:
                await entra.aclose()

    return SdkTransport(
        asking(client),
        close,
        {"api-key": account.api_key} if account.api_key else {},
        provider=account.name,
        max_body_bytes=account.max_body_bytes,
        credential=entra,
    )


def _entra(account: Account) -> Entra:
    from hexgate.adapters.providers.transports.azure import Entra

    try:
        return Entra(account)
    except ImportError as missing:  # another extra than the SDK's
        raise ValueError(
            f"{account.where} has no api_key, and Entra tokens need the package {missing.name}, "
            f"which is not installed; set {account.where}.api_key, or install hexgate[azure]"
        ) from missing
