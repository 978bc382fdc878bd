"""Signatures of reasoning: whatever comes back must be what was given out."""

from __future__ import annotations

import base64
import binascii
import hashlib

_SALT = b"hexgate simulator"
_HALF = 32


def sign(thought: str) -> str:
    """The signature of a thought: it holds a digest, so it vouches for a hidden one too."""
    digest = hashlib.sha256(thought.encode("utf-8", "surrogatepass")).digest()
    return base64.b64encode(digest + hashlib.sha256(_SALT + digest).digest()).decode()


def is_own(thought: str, signature: str) -> bool:
    """Whether `sign` made the signature, for this thought or for one that was left out."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    made = hashlib.sha256(_SALT + raw[:_HALF]).digest() == raw[_HALF:]
    return made and (not thought or sign(thought) == signature)
