"""Answers that are kept and given again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.application.policies.cache import Replay
from hexgate.domain.answer import Finish
from hexgate.domain.call import CacheMode
from hexgate.domain.chat import Text
from hexgate.domain.errors import (
    BadResponse,
)
from tests.application.stacks import (
    CUT,
    cached,
    drain,
    said,
)
from tests.fakes import FakeProvider, script


async def test_an_answer_is_kept_and_given_again() -> None:
    leaf = FakeProvider("one two")
    united = cached(leaf)
    assert await united.hit(said("a")) is None
    answer = await united.complete(said("a"))
    assert await united.hit(said("a")) == answer
    assert await united.hit(said("b")) is None


async def test_a_finished_stream_is_kept_and_replayed_alike() -> None:
    leaf = FakeProvider("one two")
    united = cached(leaf)
    chunks = await drain(united, said("a"))
    kept = await united.hit(said("a"))
    assert kept is not None
    assert kept.parts == (Text("one two"),)
    assert [chunk async for chunk in Replay(kept)][-1] == chunks[-1]


async def test_a_broken_or_abandoned_stream_is_not_kept() -> None:
    united = cached(FakeProvider(CUT))
    with pytest.raises(BadResponse):
        await drain(united, said("a"))
    stream = await united.open(said("a"))
    await stream.aclose()
    assert await united.hit(said("a")) is None


@pytest.mark.parametrize(
    ("mode", "kept", "found"),
    [
        (CacheMode.BYPASS, False, False),
        (CacheMode.READ_ONLY, False, True),
        (CacheMode.REFRESH, True, False),
        (CacheMode.READ_WRITE, True, True),
    ],
)
async def test_each_mode_reads_and_writes_as_it_says(
    mode: CacheMode, kept: bool, found: bool
) -> None:
    united = cached(FakeProvider())
    await united.complete(said("a", cache_mode=mode))
    assert (await united.hit(said("a")) is not None) is kept
    await united.complete(said("a"))
    assert (await united.hit(said("a", cache_mode=mode)) is not None) is found


async def test_an_answer_that_was_cut_off_is_not_kept() -> None:
    leaf = FakeProvider(script("one two", Finish.LENGTH))
    united = cached(leaf)
    await united.complete(said("a"))
    assert await united.hit(said("a")) is None


async def test_tenants_and_partitions_never_share_an_answer() -> None:
    united = cached(FakeProvider())
    await united.complete(said("a"))
    assert await united.hit(replace(said("a"), tenant="other")) is None
    assert await united.hit(said("a", cache_partition="other")) is None
    await united.complete(replace(said("a", cache_partition="b:c"), tenant="a"))
    assert await united.hit(replace(said("a", cache_partition="c"), tenant="a:b")) is None
