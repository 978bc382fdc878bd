"""What every CompletionCache must do."""

from __future__ import annotations

import abc
import asyncio
from dataclasses import replace

from hexgate.domain.answer import Completion, Finish, Logprob, Warned
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.usage import Usage
from hexgate.ports.cache import CompletionCache

SHORT = Completion(
    parts=(Text("Hello"),), finish=Finish.STOP, usage=Usage(uncached_input=3, output=1), model="m"
)
IMAGE = Media("image/png", Inline(bytes(range(256))), "dot.png", CacheMark(3600.0))
EVERYTHING = Completion(
    parts=(
        Text("  kept as it is \u2028\x00 \U0001f600 ", CacheMark()),
        Text(""),
        IMAGE,
        Media("application/pdf", Link("https://example.org/a.pdf")),
        Media("audio/wav", FileId("openai", "file-1")),
        ToolCall("call-1", "search", '{"q": [1, "broken', CacheMark(300.5)),
        ToolResult("call-1", (Text("found"), IMAGE), is_error=True, mark=CacheMark()),
        ToolResult("call-2", ()),
        Reasoning("because", b"\xff\x00\xfe", "anthropic", redacted=True),
        Refusal("I cannot"),
    ),
    finish=Finish.TOOL_CALLS,
    usage=Usage(
        uncached_input=1,
        cache_read=2,
        cache_write=3,
        cache_write_1h=4,
        audio_input=7,
        audio_cache_read=8,
        image_input=9,
        output=5,
        audio_output=10,
        reasoning=6,
        estimated=True,
    ),
    model="gpt-x-2026",
    request_id="req_1",
    stop_sequence="\n\n",
    warnings=(Warned("PARAM_DROPPED", "dropped", "spec.params.top_k"), Warned("X", "y")),
    logprobs=(Logprob("a", -0.1, b"\xf0\x9f", (Logprob("b", float("-inf")), Logprob("c", -2.0))),),
    metadata_json='{"a": 1}',
    raw_json='{"id": "x"}',
)


class CompletionCacheContract(abc.ABC):
    """Subclasses give an empty cache with room for a thousand short answers, none of a megabyte."""

    @abc.abstractmethod
    def make(self) -> CompletionCache:
        """An empty cache."""

    @abc.abstractmethod
    def broken(self) -> CompletionCache:
        """A cache whose engine fails at every use."""

    @abc.abstractmethod
    async def elapse(self, seconds: float) -> None:
        """Let time pass."""

    async def test_what_was_never_set_is_none(self) -> None:
        assert await self.make().get("acme:1") is None

    async def test_gives_back_exactly_what_was_set(self) -> None:
        cache = self.make()
        for name, completion in (
            ("a", EVERYTHING),
            ("b", SHORT),
            ("c", replace(SHORT, usage=None)),
        ):
            await cache.set(name, completion, 60)
            assert await cache.get(name) == completion

    async def test_the_later_of_two_answers_wins(self) -> None:
        cache = self.make()
        await cache.set("a", EVERYTHING, 60)
        await cache.set("a", SHORT, 60)
        assert await cache.get("a") == SHORT

    async def test_an_answer_lives_as_long_as_said_and_no_longer(self) -> None:
        cache = self.make()
        await cache.set("a", SHORT, 10)
        await cache.set("b", SHORT, 10.5)
        await self.elapse(9)
        assert await cache.get("a") == SHORT
        await self.elapse(1.25)
        assert await cache.get("a") is None
        assert await cache.get("b") == SHORT

    async def test_setting_again_renews_the_time(self) -> None:
        cache = self.make()
        await cache.set("a", SHORT, 10)
        await self.elapse(9)
        await cache.set("a", SHORT, 10)
        await self.elapse(9)
        assert await cache.get("a") == SHORT

    async def test_no_time_to_live_is_not_forever(self) -> None:
        cache = self.make()
        for ttl_s in (0, -1, float("nan")):
            await cache.set("a", SHORT, ttl_s)
            assert await cache.get("a") is None

    async def test_what_is_too_large_is_refused_silently(self) -> None:
        cache = self.make()
        await cache.set("small", SHORT, 60)
        await cache.set("large", replace(SHORT, parts=(Text("x" * 1_000_000),)), 60)
        assert await cache.get("large") is None
        assert await cache.get("small") == SHORT

    async def test_a_large_answer_does_not_leave_an_older_one_in_its_place(self) -> None:
        cache = self.make()
        await cache.set("a", SHORT, 60)
        await cache.set("a", replace(SHORT, parts=(Text("x" * 1_000_000),)), 60)
        assert await cache.get("a") is None

    async def test_what_cannot_be_encoded_is_not_kept(self) -> None:
        cache = self.make()
        await cache.set("a", replace(SHORT, parts=(Text("\ud800"),)), 60)
        await cache.set("b", replace(SHORT, usage=Usage(output=1 << 70)), 60)
        assert [await cache.get(key) for key in "ab"] == [None, None]

    async def test_purges_by_prefix_and_counts(self) -> None:
        cache = self.make()
        for key in ("acme:p:1", "acme:p:2", "acme:q:1", "acme2:p:1"):
            await cache.set(key, SHORT, 60)
        assert await cache.purge("acme:p:") == 2
        assert await cache.get("acme:p:1") is None
        assert await cache.get("acme:q:1") == SHORT
        assert await cache.purge("acme:") == 1
        assert await cache.purge("acme:") == 0
        assert await cache.purge("") == 1

    async def test_what_has_expired_is_not_counted_as_purged(self) -> None:
        cache = self.make()
        await cache.set("acme:1", SHORT, 1)
        await cache.set("acme:2", SHORT, 60)
        await self.elapse(2)
        assert await cache.purge("acme:") == 1

    async def test_no_character_of_a_prefix_is_special(self) -> None:
        cache = self.make()
        for key in ("a*:1", "ab:1", "[a]:1", "a?:1", "é:1"):
            await cache.set(key, SHORT, 60)
        for prefix in ("a*:", "[a]:", "a?:", "é"):
            assert await cache.purge(prefix) == 1
        assert await cache.get("ab:1") == SHORT

    async def test_a_broken_cache_is_a_miss(self) -> None:
        cache = self.broken()
        await cache.set("a", SHORT, 60)
        assert await cache.get("a") is None
        assert await cache.purge("") == 0

    async def test_many_at_once_do_not_disturb_each_other(self) -> None:
        cache = self.make()
        answers = {f"k{n}": replace(SHORT, model=f"m{n}") for n in range(100)}
        await asyncio.gather(*(cache.set(key, answer, 60) for key, answer in answers.items()))
        assert await asyncio.gather(*map(cache.get, answers)) == list(answers.values())
