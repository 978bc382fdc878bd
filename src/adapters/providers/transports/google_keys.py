"""Tokens for Google's credentials out of a file or of the environment; imports google-auth."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC
from pathlib import Path
from typing import Any, cast

import google.auth
import requests
from google.auth.credentials import Credentials, CredentialsWithQuotaProject
from google.auth.transport import Response
from google.auth.transport.requests import Request

_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_ANSWER_S = 10.0
_AWS = "urn:ietf:params:aws:token-type:aws4_request"

# Module, constructor of its Credentials, and whether it takes scopes, by the type in the file.
# Each is called by its name, because google-auth deprecates its loader of any type.
_KINDS: Mapping[str, tuple[str, str, bool]] = {
    "service_account": ("google.oauth2.service_account", "from_service_account_info", True),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info", True),
    "impersonated_service_account": (
        "google.auth.impersonated_credentials",
        "from_impersonated_service_account_info",
        True,
    ),
    "external_account_authorized_user": (
        "google.auth.external_account_authorized_user",
        "from_info",
        False,
    ),
    "external_account": ("google.auth.identity_pool", "from_info", True),
    "aws": ("google.auth.aws", "from_info", True),
    "executable": ("google.auth.pluggable", "from_info", True),
}


class Source:
    """Where tokens come from: a key file, or without a path the default credentials.

    It blocks, and is used by one thread at a time.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc of the environment
        self._request = _Request(self._session)
        self._credentials: Credentials | None = None

    def fetch(self) -> tuple[Mapping[str, str], float]:
        """The headers of a fresh token, and when it ends, in seconds since the epoch.

        Raises google-auth's errors, OSError, and ValueError for a file that is no key file.
        """
        credentials = self._credentials or _load(self._path, self._request)
        self._credentials = None  # after a failure the key is read anew: it may have been replaced
        credentials.refresh(self._request)  # type: ignore[no-untyped-call] # google-auth's gap
        self._credentials = credentials
        headers: dict[str, str] = {}
        credentials.apply(headers)  # type: ignore[no-untyped-call] # google-auth's gap
        expiry = credentials.expiry
        until = expiry.replace(tzinfo=UTC).timestamp() if expiry else float("inf")
        return headers, until

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


class _Request(Request):
    """Waits less for an answer than google-auth does, which is two minutes."""

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | tuple[float, float] | None = _ANSWER_S,
        **kwargs: Any,
    ) -> Response:
        """See Request."""
        answer = super().__call__(url, method, body, headers, timeout, **kwargs)  # type: ignore[no-untyped-call] # google-auth's gap
        return cast("Response", answer)


def _load(path: str, request: Request) -> Credentials:
    if not path:
        found, _ = google.auth.default(scopes=_SCOPES, request=request)
        return found
    info = json.loads(Path(path).read_bytes())
    if not isinstance(info, dict) or (kind := _kind(info)) not in _KINDS:
        raise ValueError(f"expected a key file of a type in {', '.join(_KINDS)}")
    made = _made(kind, info)
    if isinstance(made, CredentialsWithQuotaProject):
        # The variable GOOGLE_CLOUD_QUOTA_PROJECT goes before what the file says.
        made = made.with_quota_project_from_environment()  # type: ignore[no-untyped-call] # google-auth's gap
    return made


def _kind(info: Mapping[str, Any]) -> str:
    """The type in the file; external accounts have three, told apart by where the proof is."""
    kind = str(info.get("type"))
    if kind == "external_account":
        source = info.get("credential_source")
        if info.get("subject_token_type") == _AWS:
            return "aws"
        if isinstance(source, dict) and source.get("executable") is not None:
            return "executable"
    return kind


def _made(kind: str, info: Mapping[str, Any]) -> Credentials:
    module, name, scoped = _KINDS[kind]
    make = getattr(importlib.import_module(module).Credentials, name)
    settings = {"scopes": _SCOPES} if scoped else {}
    return cast("Callable[..., Credentials]", make)(info, **settings)
