"""The response cache over any aiocache backend: bytes in, and every fault is a miss."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from hexgate.adapters.cache.encoding import VERSION, decode, encode
from hexgate.domain.answer import Completion

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """The part of aiocache.BaseCache that is used here; any of its subclasses fits.

    Its serializer must pass bytes through: `NullSerializer(encoding=None)`.
    """

    async def get(self, key: str) -> object:
        """The value, or None."""
        ...

    async def set(self, key: str, value: bytes, ttl: float) -> object:
        """Keep a value for `ttl` seconds."""
        ...


# Drops every key that starts with a prefix and says how many. aiocache knows no such operation, so
# each backend brings its own.
Drop = Callable[[str], Awaitable[int]]


class Completions:
    """A CompletionCache. Keys are `<namespace>:v<version of the encoding>:<key>`.

    Whatever the backend raises is a miss or a no-op: logged once when it begins, by the name of the
    error alone, and once when it is over.
    """

    def __init__(self, backend: Backend, drop: Drop, namespace: str = "hexgate") -> None:
        self._backend = backend
        self._drop = drop
        self._prefix = f"{namespace}:v{VERSION}:"
        self._broken = False

    async def get(self, key: str) -> Completion | None:
        """See CompletionCache."""
        try:
            data = await self._backend.get(self._prefix + key)
        except Exception as error:  # each backend raises errors of its own library
            self._failed("get", error)
            return None
        self._worked()
        return decode(data) if isinstance(data, bytes) else None

    async def set(self, key: str, completion: Completion, ttl_s: float) -> None:
        """See CompletionCache. Nothing is kept for a `ttl_s` that is not above zero."""
        # To aiocache a ttl of 0 means forever.
        if not ttl_s > 0:
            return
        try:
            data = encode(completion)
        except (ValueError, OverflowError, RecursionError) as error:
            _log.warning("response not cached: %s", type(error).__name__)
            return
        try:
            # A float: RedisCache counts an int in seconds and a float in milliseconds.
            await self._backend.set(self._prefix + key, data, ttl=float(ttl_s))
        except Exception as error:  # each backend raises errors of its own library
            self._failed("set", error)
            return
        self._worked()

    async def purge(self, prefix: str) -> int:
        """See CompletionCache."""
        try:
            dropped = await self._drop(self._prefix + prefix)
        except Exception as error:  # each backend raises errors of its own library
            self._failed("purge", error)
            return 0
        self._worked()
        return dropped

    def _failed(self, operation: str, error: Exception) -> None:
        if not self._broken:
            self._broken = True
            _log.warning("response cache: %s failed: %s", operation, type(error).__name__)

    def _worked(self) -> None:
        if self._broken:
            self._broken = False
            _log.warning("response cache: works again")
