"""Which of the keys of a provider is next, and what a failure says of one."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from hexgate.adapters.providers.failures import unserved
from hexgate.adapters.providers.ratelimits import RateLimits
from hexgate.adapters.providers.rests import Rest, Rests
from hexgate.domain.errors import ProviderLimited, QuotaExhausted, Unserved
from hexgate.domain.keys import KeyOrder, KeyState, hash_prefix
from hexgate.ports.probe import Probe
from hexgate.ports.provider import Fitting, Provider

Closer: TypeAlias = Callable[[], Awaitable[None]]


class Keyed(Provider, Probe, Fitting, Protocol):
    """A provider that always uses the same key."""

    def rate_limits(self, model: str) -> RateLimits | None:
        """What it said of its limits with the latest answer of this model."""
        ...


class Key:
    """A key, the provider that uses it, what closes its connections, and how it stands."""

    __slots__ = ("close", "leaf", "prefix", "rests", "text", "used")

    def __init__(self, text: str, leaf: Keyed, close: Closer) -> None:
        self.text = text
        self.prefix = hash_prefix(text)
        self.leaf = leaf
        self.close = close
        self.rests = Rests()
        self.used: float | None = None  # monotonic, when it last served


class Turns:
    """The keys in the order of their turns. `now` is monotonic everywhere."""

    def __init__(self, provider: str, order: KeyOrder) -> None:
        self._provider = provider
        self._round = order is KeyOrder.ROUND_ROBIN
        self._line: deque[Key] = deque()

    def admit(self, keys: Sequence[Key]) -> None:
        """These keys from now on. New ones come first, the others stay in their order."""
        stay = set(keys) & set(self._line)
        new = (key for key in keys if key not in stay)
        self._line = deque([*new, *(key for key in self._line if key in stay)])

    def next(self, model: str, now: float) -> Key:
        """The key for a call. Raises what the first that will be back is limited by."""
        return self.ready(model, now) or self._last_resort(model, now)

    def ready(self, model: str, now: float) -> Key | None:
        """The next key that does not rest. It goes to the end of the line."""
        line = self._line
        for place, key in enumerate(line):
            if key.rests.keeping(model, now) is None:
                if self._round:
                    line.rotate(-place - 1)
                else:
                    del line[place]
                    line.append(key)
                return key
        return None

    def longest(self, model: str, now: float) -> Key:
        """Where all keys rest, the one that rests since the longest time."""
        return min(self._resting(model, now), key=_since)[1]

    def judge(self, key: Key, failure: Unserved, model: str, now: float) -> bool:
        """Rest the key if it is at fault; whether it begins to.

        The failure is told whether another key is ready, or when the first will be.
        """
        before = key.rests.keeping(model, now)
        if not key.rests.refused(failure, model, now):
            return False
        others = [one.rests.keeping(model, now) for one in self._line if one is not key]
        failure.other_key = any(rest is None or rest.cause is None for rest in others)
        if others and not failure.other_key and isinstance(failure, ProviderLimited):
            first = min(self._limited(model, now), key=_until, default=None)
            failure.retry_after_s = None if first is None else first[0].until - now
        return before is None or before.cause is None

    def _last_resort(self, model: str, now: float) -> Key:
        if told := [one for one in self._resting(model, now) if one[0].cause is None]:
            return min(told, key=_until)[1]
        if limited := self._limited(model, now):
            raise self._refusal(min(limited, key=_until)[0], now)
        return self.longest(model, now)

    def _resting(self, model: str, now: float) -> list[tuple[Rest, Key]]:
        rests = ((key.rests.keeping(model, now), key) for key in self._line)
        return [(rest, key) for rest, key in rests if rest is not None]

    def _limited(self, model: str, now: float) -> list[tuple[Rest, Key]]:
        return [one for one in self._resting(model, now) if one[0].state is KeyState.LIMITED]

    def _refusal(self, first: Rest, now: float) -> Unserved:
        spent = first.cause is QuotaExhausted
        what = "has no quota left for" if spent else "limits the rate of"
        kind = QuotaExhausted if spent else ProviderLimited
        text = f"{what} every key that it accepts; nothing was sent"
        refusal = unserved(kind, self._provider, text, wait_s=first.until - now)
        refusal.sent = False
        return refusal


def _until(one: tuple[Rest, Key]) -> float:
    return one[0].until


def _since(one: tuple[Rest, Key]) -> float:
    return one[0].since
