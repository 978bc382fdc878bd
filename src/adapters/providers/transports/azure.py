"""Entra tokens for Azure OpenAI, by azure-identity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.together import Together
from hexgate.domain.errors import CredentialRejected, Unreachable, Unserved

# Source: the vendor's page on keyless access to Azure OpenAI.
SCOPE = "https://cognitiveservices.azure.com/.default"
_FETCH_S = 30.0
_EARLY_S = 300.0  # a token this near its end is renewed
_EXPIRED_S = 30.0  # and not used any more this near


class Token(Protocol):
    """What a source gives: `expires_on` is in seconds since the epoch."""

    @property
    def token(self) -> str: ...
    @property
    def expires_on(self) -> int: ...


class Source(Protocol):
    """Where tokens come from; azure-identity's asynchronous credentials are some."""

    async def get_token(self, *scopes: str) -> Token:
        """A token for these scopes."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


class Entra:
    """A token of the identity that the process has, by Azure's default chain.

    It is fetched once for all who wait, and again from five minutes before its end; requests wait
    for that only when the old one is no longer good.
    """

    def __init__(
        self,
        account: Account,
        source: Source | None = None,
        now: Callable[[], float] = SystemClock.now,
    ) -> None:
        self._account = account
        self._source = source or _default()
        self._now = now
        self._headers: Mapping[str, str] = {}
        self._until = 0.0
        self._fetching = Together(self._fetch)

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """See Credential."""
        del method, url, body  # the token says nothing of them
        left = self._until - self._now()
        if left < _EXPIRED_S:
            await self._fetching.join()
        elif left < _EARLY_S:
            self._fetching.start()
        return self._headers

    async def aclose(self) -> None:
        """Close the connections over which tokens came."""
        await self._fetching.aclose()
        await self._source.close()

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_S):
                token = await self._source.get_token(SCOPE)
        except Exception as failure:
            raise self._meaning(failure) from failure
        self._headers = {"Authorization": f"Bearer {token.token}"}
        self._until = float(token.expires_on)

    def _meaning(self, failure: Exception) -> Unserved:
        from azure.core.exceptions import (
            HttpResponseError,
            ServiceRequestError,
            ServiceResponseError,
        )

        name, detail = self._account.name, type(failure).__name__
        status = (failure.status_code or 0) if isinstance(failure, HttpResponseError) else 0
        trouble = (ServiceRequestError, ServiceResponseError, TimeoutError, OSError)
        if status >= 500 or isinstance(failure, trouble):
            text = f"the service that gives {name} its Entra token cannot be reached"
            return Unreachable(text, metadata={"provider": name}, detail=detail)
        text = (
            f"{name} gets no Entra token; set {self._account.where}.api_key, or give the process "
            "an identity (a managed identity, AZURE_CLIENT_ID and so on, or `az login`)"
        )
        return CredentialRejected(text, metadata={"provider": name}, detail=detail)


def _default() -> Source:
    from azure.identity.aio import DefaultAzureCredential

    return DefaultAzureCredential()
