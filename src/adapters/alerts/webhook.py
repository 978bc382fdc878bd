"""Alerts as posts to a URL."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import aiohttp
import msgspec

from hexgate.adapters.alerts.log import fields
from hexgate.domain.budget import Alert

SIGNATURE = "X-Hexgate-Signature"


class Webhook:
    """A Herald. Posts JSON, and has arrived when that is answered with 2xx within `timeout_s`, at
    most TRY_S.

    With a secret, SIGNATURE is `sha256=` and the HMAC-SHA256 of the body in hexadecimal. The header
    Idempotency-Key is the same for each try of one alert. Redirects are not followed.
    """

    def __init__(
        self, session: aiohttp.ClientSession, url: str, secret: str, timeout_s: float
    ) -> None:
        self._session = session
        self._url = url
        self._secret = secret.encode()
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def deliver(self, alert: Alert) -> str:
        """See Herald."""
        body = content(alert)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "hexgate",
            "Idempotency-Key": hashlib.sha256(
                f"{alert.account}\n{alert.threshold_nanos}".encode()
            ).hexdigest(),
        }
        if self._secret:
            digest = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
            headers[SIGNATURE] = f"sha256={digest}"
        try:
            async with self._session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                return "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except (aiohttp.ClientError, OSError) as error:  # a TimeoutError is an OSError
            # Not its text: it may hold the URL, and that a token.
            return type(error).__name__


def content(alert: Alert) -> bytes:
    """The body: what `fields` has, the kind of event, and when it happened, in RFC 3339."""
    at = datetime.fromtimestamp(alert.raised_at, UTC).isoformat(timespec="milliseconds")
    return msgspec.json.encode({"event": "budget.alert", "raised_at": at, **fields(alert)})
