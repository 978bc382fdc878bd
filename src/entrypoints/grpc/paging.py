"""Page tokens: opaque, and good for nothing but the request that they came with."""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import TypeAlias, TypeVar

import msgspec

from hexgate.entrypoints.grpc import parse
from hexgate.v1 import usage_service_pb2 as pb

T = TypeVar("T")
Paged: TypeAlias = pb.SummarizeUsageRequest | pb.ListUsageRecordsRequest | pb.ListBudgetsRequest

_DIGEST_BYTES = 9


def token(request: Paged, position: object) -> str:
    """What leads to the page after a position, which is anything that JSON can say."""
    told = msgspec.json.encode(position)
    return _sealed(_digest(request, told) + told)


def position(request: Paged, kind: type[T]) -> T | None:
    """Where the page begins that is asked for; None is at the beginning.

    Raises InvalidRequest for a token that was changed, or that another request got.
    """
    if not request.page_token:
        return None
    try:
        sealed = base64.b64decode(request.page_token.encode(), b"-_", validate=True)
        digest, told = sealed[:_DIGEST_BYTES], sealed[_DIGEST_BYTES:]
        # Bits that say nothing are no others than they were, either.
        if _sealed(sealed) == request.page_token and digest == _digest(request, told):
            return msgspec.json.decode(told, type=kind)
    except (binascii.Error, msgspec.MsgspecError):
        pass  # refused as any other
    text = "is no token of this request; repeat the next_page_token of a response to the same one"
    raise parse.invalid("page_token", f"{text}, or leave it empty", "PAGE_TOKEN")


def _sealed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def _digest(request: Paged, told: bytes) -> bytes:
    bare = type(request)()
    bare.MergeFrom(request)  # type: ignore[arg-type]  # both are of the one type
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    seal = blake2b(bare.DESCRIPTOR.full_name.encode(), digest_size=_DIGEST_BYTES)
    seal.update(bare.SerializeToString(deterministic=True))
    seal.update(told)
    return seal.digest()
