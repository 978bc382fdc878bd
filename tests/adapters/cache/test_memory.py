"""The cache in memory keeps the contract and its bounds."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiocache import SimpleMemoryCache
from aiocache.serializers import NullSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.adapters.cache.completions import Completions
from hexgate.adapters.cache.memory import LruCache, in_memory
from hexgate.ports.cache import CompletionCache
from tests.contracts.cache import EVERYTHING, SHORT, CompletionCacheContract
from tests.fakes import FakeClock


class Broken:
    """A backend that is gone."""

    async def get(self, key: str) -> object:
        raise ConnectionResetError(f"secret-{key}")

    async def set(self, key: str, value: bytes, ttl: float) -> object:
        raise TimeoutError(f"secret-{key}")

    async def drop(self, prefix: str) -> int:
        raise RuntimeError(f"secret-{prefix}")


def broken() -> Completions:
    """A cache over a backend that is gone."""
    backend = Broken()
    return Completions(backend, backend.drop)


class TestInMemory(CompletionCacheContract):
    clock: FakeClock

    def make(self) -> CompletionCache:
        self.clock = FakeClock()
        return in_memory(self.clock, max_entries=1000, max_bytes=900_000)

    def broken(self) -> CompletionCache:
        return broken()

    async def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)


def lru(max_entries: int = 3, max_bytes: int = 1000) -> tuple[LruCache, FakeClock]:
    """A small backend and its clock."""
    clock = FakeClock()
    return LruCache(clock, max_entries, max_bytes), clock


async def held(cache: LruCache, keys: str) -> str:
    """Those of these one-letter keys that are there, without touching them."""
    return "".join(key for key in keys if key in cache._entries)


async def test_the_least_recently_used_goes_first() -> None:
    cache, _ = lru(max_entries=3)
    for key in "abc":
        await cache.set(key, b"x")
    await cache.get("a")
    await cache.set("d", b"x")
    assert await held(cache, "abcd") == "acd"


async def test_bytes_of_keys_and_values_are_bounded() -> None:
    cache, _ = lru(max_entries=100, max_bytes=30)
    for key in "abc":
        await cache.set(key, b"123456789")
    assert (await held(cache, "abc"), cache.size_bytes) == ("abc", 30)
    await cache.set("é", b"12345678")
    assert (await held(cache, "abcé"), cache.size_bytes) == ("bcé", 30)
    assert await cache.set("z", b"x" * 30) is False
    assert await held(cache, "bcéz") == "bcé"


async def test_replacing_a_value_counts_it_once() -> None:
    cache, _ = lru(max_bytes=100)
    for size in (50, 10, 99, 20):
        await cache.set("a", b"x" * size)
    assert (cache.entries, cache.size_bytes) == (1, 21)


async def test_an_expired_entry_is_gone_when_it_is_asked_for() -> None:
    cache, clock = lru()
    await cache.set("a", b"x", ttl=5)
    clock.advance(4.999)
    assert await cache.get("a") == b"x"
    clock.advance(0.001)
    assert await cache.get("a") is None
    assert (cache.entries, cache.size_bytes) == (0, 0)


async def test_no_entry_leaves_a_timer_in_the_loop() -> None:
    cache, _ = lru(max_entries=100)
    for number in range(100):
        await cache.set(f"k{number}", b"x", ttl=60)
    assert len(asyncio.all_tasks()) == 1


async def test_the_rest_of_the_contract_of_aiocache() -> None:
    cache, clock = lru(max_entries=10)
    await cache.multi_set([("a", b"1"), ("b", b"2")], ttl=5)
    assert await cache.multi_get(["a", "b", "c"]) == [b"1", b"2", None]
    assert await cache.get("c", default=b"d") == b"d"
    assert await cache.add("c", b"3")
    with pytest.raises(ValueError, match="exists"):
        await cache.add("c", b"4")
    assert (await cache.exists("a"), await cache.exists("z")) == (True, False)
    assert (await cache.expire("a", 0), await cache.expire("z", 1)) == (True, False)
    clock.advance(5)
    assert await cache.multi_get(["a", "b", "c"]) == [b"1", None, b"3"]
    assert await cache.set("a", b"9", _cas_token=b"other") is False
    assert await cache.set("a", b"9", _cas_token=b"1")
    assert (await cache.delete("a"), await cache.delete("a")) == (1, 0)
    assert await cache._redlock_release("c", b"other") == 0
    assert await cache._redlock_release("c", b"3") == 1
    await cache.set("x", b"1", namespace="n:")
    assert await cache.get("n:x") == b"1"
    await cache.clear("n:")
    await cache.set("y", b"1")
    assert (cache.entries, await cache.clear(), cache.entries) == (1, True, 0)


async def test_only_bytes_are_kept_because_they_cannot_change() -> None:
    cache, _ = lru()
    with pytest.raises(TypeError, match="list"):
        await cache.set("a", ["shared"])


@pytest.mark.parametrize("bound", ["max_entries", "max_bytes"])
def test_a_bound_below_one_is_named(bound: str) -> None:
    with pytest.raises(ValueError, match=f"{bound} is 0"):
        LruCache(FakeClock(), **{bound: 0})


async def test_another_backend_of_aiocache_fits_too() -> None:
    backend = SimpleMemoryCache(serializer=NullSerializer(encoding=None), timeout=None)

    async def drop(prefix: str) -> int:
        return len([await backend.delete(key) for key in list(backend._cache) if prefix in key])

    cache = Completions(backend, drop)
    await cache.set("a", EVERYTHING, 60)
    assert await cache.get("a") == EVERYTHING
    assert await cache.purge("a") == 1
    assert await cache.get("a") is None


async def test_what_somebody_else_wrote_is_a_miss() -> None:
    backend, _ = lru()
    cache = Completions(backend, backend.drop)
    await cache.set("a", SHORT, 60)
    (key,) = backend._entries
    for foreign in (b"", b"\x80\x04K\x01.", b"hexgate\x01", b"hexgate\x01\xff"):
        await backend.set(key, foreign, ttl=60)
        assert await cache.get("a") is None


async def test_namespaces_and_their_versions_do_not_meet() -> None:
    backend, _ = lru()
    one, two = (Completions(backend, backend.drop, name) for name in ("one", "two"))
    await one.set("a", SHORT, 60)
    assert await two.get("a") is None
    assert list(backend._entries) == ["one:v2:a"]
    assert await two.purge("") == 0


async def test_a_fault_is_logged_once_and_without_what_it_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    backend, _ = lru()
    gone = Broken()
    cache = Completions(gone, gone.drop)
    for _ in range(3):
        await cache.set("acme:private", SHORT, 60)
        await cache.get("acme:private")
    assert [record.getMessage() for record in caplog.records] == [
        "response cache: set failed: TimeoutError"
    ]
    cache._backend = backend
    await cache.get("acme:private")
    await cache.get("acme:private")
    assert len(caplog.records) == 2
    assert "secret" not in caplog.text
    assert "private" not in caplog.text


@pytest.mark.parametrize("operation", ["get", "set", "purge"])
async def test_cancellation_is_no_fault_of_the_backend(operation: str) -> None:
    class Slow:
        async def get(self, key: str) -> object:
            return await asyncio.Event().wait()

        async def set(self, key: str, value: bytes, ttl: float) -> object:
            return await asyncio.Event().wait()

        async def drop(self, prefix: str) -> int:
            return int(await asyncio.Event().wait())

    backend = Slow()
    cache = Completions(backend, backend.drop)
    doing = {"get": cache.get("a"), "set": cache.set("a", SHORT, 60), "purge": cache.purge("a")}
    task: asyncio.Task[object] = asyncio.ensure_future(doing.pop(operation))
    for unused in doing.values():
        unused.close()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcdefgh"), st.integers(0, 40)),
        st.tuples(st.just("get"), st.sampled_from("abcdefgh"), st.just(0)),
        st.tuples(st.just("drop"), st.sampled_from("abcdefgh"), st.just(0)),
        st.tuples(st.just("wait"), st.just(""), st.integers(1, 5)),
    ),
    max_size=80,
)


@given(OPERATIONS, st.integers(1, 5), st.integers(1, 60))
@settings(deadline=None)
def test_the_bounds_hold_and_a_hit_is_the_last_value(
    operations: list[tuple[str, str, int]], max_entries: int, max_bytes: int
) -> None:
    async def play() -> None:
        cache, clock = lru(max_entries, max_bytes)
        last: dict[str, tuple[bytes, float]] = {}
        for name, key, number in operations:
            if name == "set":
                await cache.set(key, bytes(number), ttl=3)
                last[key] = bytes(number), clock.monotonic() + 3
            elif name == "get":
                value, until = last.get(key, (None, 0.0))
                found = await cache.get(key)
                assert found in (None, value)
                assert found is None or clock.monotonic() < until
            elif name == "drop":
                live = [k for k in cache._entries if k == key and last[k][1] > clock.monotonic()]
                assert await cache.drop(key) == len(live)
            else:
                clock.advance(number)
            assert cache.entries <= max_entries
            assert cache.size_bytes <= max_bytes
            sizes = (len(k) + len(entry.value) for k, entry in cache._entries.items())
            assert cache.size_bytes == sum(sizes)

    asyncio.run(play())
