"""Who asks: a signature of AWS, version 4, or a bearer token."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hexgate.adapters.simulator.wire import Refused, Wrong

_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[a-z0-9-]+)"
    r"/(?P<service>[a-z0-9-]+)/aws4_request, ?SignedHeaders=(?P<headers>[a-z0-9;-]+), ?"
    r"Signature=[0-9a-f]{64}"
)
_DATE = re.compile(r"(\d{8})T\d{6}Z")
_INVALID = "The security token included in the request is invalid."


def admit(headers: Mapping[str, str]) -> None:
    """Raises Refused unless the credential is well-formed and not called `invalid`.

    Signatures are not computed: whoever knows the headers that must be signed can sign.
    """
    said = headers.get("authorization", "").strip()
    kind, _, token = said.partition(" ")
    if not token.strip():
        raise _refused("MissingAuthenticationTokenException", "Missing Authentication Token")
    if kind.lower() == "bearer":
        if token.strip() == "invalid":
            raise Refused(Wrong.UNAUTHORIZED, _INVALID)
        return
    found = _SIGNED.fullmatch(said)
    if found is None:
        text = "Authorization header is not a signature of version 4 or a bearer token."
        raise _refused("IncompleteSignatureException", text)
    if found["key"] == "invalid":
        raise Refused(Wrong.UNAUTHORIZED, _INVALID)
    if found["service"] != "bedrock":
        text = "Credential should be scoped to correct service: 'bedrock'."
        raise _refused("InvalidSignatureException", text)
    _check_headers(found["headers"].split(";"), found["day"], headers)


def _check_headers(names: list[str], day: str, headers: Mapping[str, str]) -> None:
    date = _DATE.fullmatch(headers.get("x-amz-date", ""))
    if date is None or date[1] != day:
        text = "Date in Credential scope does not match that of the X-Amz-Date header."
        raise _refused("InvalidSignatureException", text)
    if names != sorted(names) or not {"host", "x-amz-date"} <= set(names):
        text = "'Host' and 'X-Amz-Date' must be signed, and names must be sorted."
        raise _refused("InvalidSignatureException", text)
    if missing := [name for name in names if name not in headers]:
        raise _refused("InvalidSignatureException", f"Signed but not sent: {', '.join(missing)}")


def _refused(code: str, message: str) -> Refused:
    return Refused(Wrong.UNAUTHORIZED, message, code=code)
