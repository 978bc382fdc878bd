"""What AWS does with a signed request: compute the signature again from what arrived.

Written from the vendor's page "Create a signed AWS API request", without botocore.
"""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote


def holds(head: bytes, body: bytes, secret: str) -> bool:
    """Whether the signature of a request is the one that its secret key gives."""
    line, *rest = head.decode().split("\r\n")
    method, target, _ = line.split(" ")
    headers = {}
    for each in filter(None, rest):
        name, _, value = each.partition(":")
        headers[name.lower()] = " ".join(value.split())
    scheme, _, parts = headers["authorization"].partition(" ")
    assert scheme == "AWS4-HMAC-SHA256"
    fields = dict(part.strip().split("=", 1) for part in parts.split(","))
    signed = fields["SignedHeaders"].split(";")
    assert {"host", "x-amz-date"} <= set(signed)
    assert signed == sorted(signed)
    path, _, query = target.partition("?")
    canonical = "\n".join(
        (
            method,
            quote(path, safe="/-_.~"),  # encoded once more than it is sent
            "&".join(sorted(query.split("&"))),
            *(f"{name}:{headers[name]}" for name in signed),
            "",
            fields["SignedHeaders"],
            hashlib.sha256(body).hexdigest(),
        )
    )
    _, *scope = fields["Credential"].split("/")
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            headers["x-amz-date"],
            "/".join(scope),
            hashlib.sha256(canonical.encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), fields["Signature"])


def credential(head: bytes) -> str:
    """The access key and the scope that a request is signed with."""
    return head.decode().partition("Credential=")[2].partition(",")[0]
