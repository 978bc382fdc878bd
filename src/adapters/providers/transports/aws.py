"""What proves to AWS who asks: botocore's signature (SigV4), or a Bedrock API key as a bearer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.failures import word
from hexgate.adapters.providers.transports.together import Together
from hexgate.adapters.providers.wire import Credential
from hexgate.domain.errors import CredentialRejected, Unreachable, Unserved

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

SERVICE = "bedrock"  # the name that both of Bedrock's endpoints are signed with
_FETCH_S = 30.0  # for the whole chain; its parts have timeouts of their own
_EXPIRED_S = 60.0  # credentials that end this soon are not signed with any more
_CONTENT_TYPE = "application/json"


def credential(account: Account) -> Credential:
    """How this account proves itself: what the account says, else what the process has.

    A Bedrock API key is a bearer token, as is the variable AWS_BEARER_TOKEN_BEDROCK where the
    account names neither keys nor a profile. All else is signed. Raises ValueError, naming the key
    of the configuration, for half a pair of keys.
    """
    if token := bearer(account):
        return Bearer(token)
    return SigV4(account)


def bearer(account: Account) -> str:
    """The bearer token of an account, or empty. What is configured wins over the environment."""
    if account.api_key or account.access_key_id or account.secret_access_key or account.profile:
        return account.api_key
    from botocore.utils import get_token_from_environment

    return get_token_from_environment(SERVICE) or ""


class Bearer:
    """The same token for every request."""

    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """See Credential."""
        del method, url, body  # the token says nothing of them
        return self._headers


class SigV4:
    """Signs each request with the account's keys, else with those botocore finds and refreshes.

    Keys that end are fetched anew in a thread, once for all, from a quarter of an hour before
    their end; requests wait for it only when the old ones are no longer good.
    """

    def __init__(
        self, account: Account, chain: Callable[[Account], Credentials | None] | None = None
    ) -> None:
        # Imported now, so that a package that is not there shows at the start.
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        self._auth, self._request = SigV4Auth, AWSRequest
        self._account = account
        self._chain = chain or _chain
        self._source = _configured(account)
        self._keys = self._source.get_frozen_credentials() if self._source else None
        self._fetching = Together(self._fetch)

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """See Credential. The path of `url` is encoded already, and signed as encoded once more.

        Signs the host, the content type and what AWS adds; nothing that a client might change.
        """
        keys = await self._current()
        request = self._request(method, url, {"Content-Type": _CONTENT_TYPE}, body)
        self._auth(keys, SERVICE, self._account.region).add_auth(request)
        return dict(request.headers.items())

    async def _current(self) -> ReadOnlyCredentials:
        from botocore.credentials import RefreshableCredentials

        source, keys = self._source, self._keys
        if keys is None or source is None:
            return await self._fetching.join()
        if isinstance(source, RefreshableCredentials) and source.refresh_needed():
            if source.refresh_needed(int(_EXPIRED_S)):
                return await self._fetching.join()
            self._fetching.start()
        return keys

    async def _fetch(self) -> ReadOnlyCredentials:
        try:
            async with asyncio.timeout(_FETCH_S):
                self._keys = await asyncio.to_thread(self._resolve)
        except Exception as failure:
            raise meaning(failure, self._account) from failure
        return self._keys

    def _resolve(self) -> ReadOnlyCredentials:
        from botocore.exceptions import NoCredentialsError

        if self._source is None:
            self._source = self._chain(self._account)
        if self._source is None:
            raise NoCredentialsError
        return self._source.get_frozen_credentials()


def meaning(failure: Exception, account: Account) -> Unserved:
    """What a failure to find or renew credentials means. Says nothing of what was found."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionError,  # noqa: A004 - botocore's, for an endpoint that is not reached
        HTTPClientError,
        NoCredentialsError,
        ProfileNotFound,
    )

    where, metadata = account.where, {"provider": account.name}
    detail = type(failure).__name__
    if isinstance(failure, ClientError):
        detail += f" {word(failure.response.get('Error', {}).get('Code'))}"
        if failure.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
            failure = TimeoutError()
    if isinstance(failure, (HTTPClientError, ConnectionError, TimeoutError)):
        text = f"the service that gives {account.name} its AWS credentials cannot be reached"
        return Unreachable(text, metadata=metadata, detail=detail)
    if isinstance(failure, NoCredentialsError):
        what = (
            f"has no AWS credentials; set {where}.access_key_id and {where}.secret_access_key, "
            f"{where}.profile or {where}.api_key, or give the process a role"
        )
    elif isinstance(failure, ProfileNotFound):
        what = f"has no such AWS profile; check {where}.profile, or AWS_PROFILE where it is empty"
    elif isinstance(failure, (BotoCoreError, ClientError)):
        what = f"has no valid AWS credentials; check {where}.profile and the role of the process"
    else:
        what = "has AWS credentials that could not be renewed; check the role of the process"
    return CredentialRejected(f"{account.name} {what}", metadata=metadata, detail=detail)


def _configured(account: Account) -> Credentials | None:
    """The keys that the account holds, None where it holds none."""
    pair = {
        "access_key_id": account.access_key_id,
        "secret_access_key": account.secret_access_key,
    }
    if not any(pair.values()):
        return None
    for key, value in pair.items():
        if not value:
            raise ValueError(f"{account.where}.{key} is missing; the other key needs it, set both")
    from botocore.credentials import Credentials

    return Credentials(
        account.access_key_id, account.secret_access_key, account.session_token or None
    )


def _chain(account: Account) -> Credentials | None:
    """Botocore's own search: environment, shared files, single sign-on, container, instance."""
    from botocore.session import Session

    found: Credentials | None = Session(profile=account.profile or None).get_credentials()
    return found
