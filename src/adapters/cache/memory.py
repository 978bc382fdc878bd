"""The response cache in this process's memory: least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from aiocache.base import BaseCache
from aiocache.serializers import NullSerializer

from hexgate.adapters.cache.completions import Completions
from hexgate.ports.clock import Clock

_FOREVER = float("inf")


class _Held(NamedTuple):
    value: bytes
    until: float  # on the clock's monotonic scale
    size: int


class LruCache(BaseCache):  # type: ignore[misc] # aiocache ships no types
    """A backend of aiocache for bytes, bounded by entries and by bytes of keys and values.

    aiocache's own memory cache is unbounded and keeps a timer per key, which outlives the entry;
    here an expired entry is found when it is asked for, or is pushed out like any other. A value
    too large to fit is refused, and takes the place of nothing but its own predecessor.
    """

    NAME = "lru"

    def __init__(self, clock: Clock, max_entries: int = 10_000, max_bytes: int = 64 << 20) -> None:
        for name, bound in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if bound < 1:
                raise ValueError(f"{name} is {bound}; it must be at least 1")
        # A timeout would make a task of every get.
        super().__init__(serializer=NullSerializer(encoding=None), timeout=None)
        self._monotonic = clock.monotonic
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[str, _Held] = OrderedDict()
        self._bytes = 0

    @property
    def entries(self) -> int:
        """How many entries are held, those included that have expired unnoticed."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Bytes of all keys and values held."""
        return self._bytes

    async def drop(self, prefix: str) -> int:
        """Drop every key that starts with `prefix`; returns how many of them had not expired."""
        now = self._monotonic()
        doomed = [key for key in self._entries if key.startswith(prefix)]
        return sum(1 for held in map(self._pop, doomed) if held is not None and held.until > now)

    # What follows is the contract of BaseCache, whose names and arguments are given. Counters and
    # raw commands are left to its NotImplementedError.

    async def _get(self, key: str, **_: object) -> bytes | None:
        held = self._live(key)
        return held.value if held else None

    async def _gets(self, key: str, **_: object) -> bytes | None:
        return await self._get(key)

    async def _multi_get(self, keys: list[str], **_: object) -> list[bytes | None]:
        return [await self._get(key) for key in keys]

    async def _set(
        self,
        key: str,
        value: object,
        ttl: float | None = None,
        _cas_token: bytes | None = None,
        _conn: object = None,
    ) -> bool:
        if not isinstance(value, bytes):
            raise TypeError(f"the value is {type(value).__name__}; only bytes are kept")
        if _cas_token is not None and _cas_token != await self._get(key):
            return False
        self._pop(key)
        size = len(key.encode()) + len(value)
        if size > self._max_bytes:
            return False
        self._entries[key] = _Held(value, self._until(ttl), size)
        self._bytes += size
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            self._bytes -= self._entries.popitem(last=False)[1].size
        return True

    async def _multi_set(
        self, pairs: list[tuple[str, object]], ttl: float | None = None, _conn: object = None
    ) -> bool:
        for key, value in pairs:
            await self._set(key, value, ttl)
        return True

    async def _add(
        self, key: str, value: object, ttl: float | None = None, _conn: object = None
    ) -> bool:
        if self._live(key):
            raise ValueError("the key exists; use set to replace its value")
        return await self._set(key, value, ttl)

    async def _exists(self, key: str, _conn: object = None) -> bool:
        return self._live(key) is not None

    async def _expire(self, key: str, ttl: float, _conn: object = None) -> bool:
        held = self._live(key)
        if held is None:
            return False
        self._entries[key] = held._replace(until=self._until(ttl))
        return True

    async def _delete(self, key: str, _conn: object = None) -> int:
        live = self._live(key) is not None
        self._pop(key)
        return int(live)

    async def _clear(self, namespace: str | None = None, _conn: object = None) -> bool:
        await self.drop(namespace or "")
        return True

    async def _redlock_release(self, key: str, value: bytes) -> int:
        held = self._live(key)
        return await self._delete(key) if held and held.value == value else 0

    def _live(self, key: str) -> _Held | None:
        held = self._entries.get(key)
        if held is None:
            return None
        if held.until <= self._monotonic():
            self._pop(key)
            return None
        self._entries.move_to_end(key)
        return held

    def _pop(self, key: str) -> _Held | None:
        held = self._entries.pop(key, None)
        if held is not None:
            self._bytes -= held.size
        return held

    def _until(self, ttl: float | None) -> float:
        return self._monotonic() + ttl if ttl else _FOREVER


def in_memory(clock: Clock, max_entries: int = 10_000, max_bytes: int = 64 << 20) -> Completions:
    """A CompletionCache of at most so many entries and bytes; raises ValueError for less than 1."""
    backend = LruCache(clock, max_entries, max_bytes)
    return Completions(backend, backend.drop)
