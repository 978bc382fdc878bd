"""Google's official client for Vertex AI as a transport: over gRPC, with the payloads of REST."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hexgate.adapters.providers.account import Account
from hexgate.adapters.providers.transports.google import GoogleToken
from hexgate.adapters.providers.transports.sdk import quiet

if TYPE_CHECKING:
    from hexgate.adapters.providers.transports.vertex_rpc import VertexTransport


def build(account: Account, base_url: str) -> VertexTransport:
    """Make the transport; this imports the SDK, which takes a second and 80 MB.

    `base_url` has no path: gRPC has none. Raises ValueError for one that has.
    """
    from hexgate.adapters.providers.transports.vertex_client import LOGS, Client
    from hexgate.adapters.providers.transports.vertex_lines import Lines
    from hexgate.adapters.providers.transports.vertex_rpc import VertexTransport

    parts = urlsplit(base_url)
    if parts.path not in ("", "/") or parts.query:
        where = f"{account.where}.base_url"
        raise ValueError(f"{where} has a path, which gRPC cannot have; leave it out, or use 'http'")
    secure = parts.scheme == "https"
    target = f"{parts.hostname}:{parts.port or (443 if secure else 80)}"
    quiet(LOGS)
    bound = account.max_body_bytes
    return VertexTransport(
        Lines(target, Client, secure=secure, max_message_bytes=bound, provider=account.name),
        GoogleToken(account),
        provider=account.name,
        max_body_bytes=bound,
    )
