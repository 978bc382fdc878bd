"""Google's tokens for Vertex AI, by google-auth."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.together import Together
from hexgate.domain.errors import CredentialRejected, Unreachable, Unserved

if TYPE_CHECKING:
    from hexgate.adapters.providers.transports.google_keys import Source

# Before this a metadata server gives the old token again. Source: google-auth's own threshold.
_EARLY_S = 225.0
_EXPIRED_S = 15.0  # not used any more this near its end: a request takes time to arrive
_PAUSE_S = 10.0  # between attempts to replace a token that is still good


class GoogleToken:
    """An API key as it is, else an access token: of `credentials_file`, or else of what Google
    calls Application Default Credentials.

    A token is fetched once for all who wait, and again before its end, for which requests wait
    only when the old one is no longer good. `now` is in seconds since the epoch.
    """

    def __init__(self, account: Account, now: Callable[[], float] = SystemClock.now) -> None:
        self._account = account
        self._now = now
        self._headers: Mapping[str, str] = {"x-goog-api-key": account.api_key}
        self._until = float("inf")
        self._again = 0.0
        self._source: Source | None = None
        self._fetching = Together(self._fetch)
        if not account.api_key:
            from hexgate.adapters.providers.transports.google_keys import Source

            self._until = 0.0
            self._source = Source(account.credentials_file)

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """See Credential. Names are in lower case."""
        del method, url, body  # the token says nothing of them
        left = self._until - self._now()
        if left < _EXPIRED_S:
            await self._fetching.join()
        elif left < _EARLY_S and self._now() >= self._again:
            self._again = self._now() + _PAUSE_S
            self._fetching.start()
        return self._headers

    async def aclose(self) -> None:
        """Close the connections over which tokens came."""
        await self._fetching.aclose()
        if self._source is not None:
            self._source.close()

    async def _fetch(self) -> None:
        assert self._source is not None  # a key never ends
        try:
            self._headers, self._until = await asyncio.to_thread(self._source.fetch)
        except Exception as failure:
            raise self._meaning(failure) from failure

    def _meaning(self, failure: Exception) -> Unserved:
        from google.auth import exceptions

        account, detail = self._account, type(failure).__name__
        metadata = {"provider": account.name}
        again = isinstance(failure, exceptions.GoogleAuthError) and failure.retryable
        if again or isinstance(failure, exceptions.TransportError):
            text = f"the service that gives {account.name} its Google token cannot be reached"
            return Unreachable(text, metadata=metadata, detail=detail)
        if isinstance(failure, exceptions.RefreshError):
            what = "Google refuses it a token; check the account that is meant by"
        elif account.credentials_file:
            what = "the file is missing or no key file of Google's; check"
        else:
            what = "it has no credentials; set"
        text = f"{account.name}: {what} {account.where}.credentials_file"
        text += "" if account.credentials_file else " or GOOGLE_APPLICATION_CREDENTIALS"
        return CredentialRejected(text, metadata=metadata, detail=detail)
