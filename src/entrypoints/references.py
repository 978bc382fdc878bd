"""The names in a `models` section that stand for no configured provider."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""The path of a setting: names of keys and indexes of lists."""


def dangling(providers: Collection[str], models: Mapping[str, object]) -> Iterator[tuple[Key, str]]:
    """Each name in a `models` section whose provider is not configured, and what was expected.

    Works on plain data of any shape, so that it can be asked beside other problems.
    """
    aliases = models.get("aliases")
    for key, text in _references(models):
        provider, slash, _ = text.partition("/")
        whole = key == ("models", "default_provider")
        if key == ("models", "default") and isinstance(aliases, Mapping) and text in aliases:
            continue
        if (slash or whole) and provider not in providers:
            close = difflib.get_close_matches(provider, providers, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            known = ", ".join(providers) or "none"
            yield key, f"one of the configured providers ({known}){hint}"


def _references(models: Mapping[str, object]) -> Iterator[tuple[Key, str]]:
    for name in ("default", "default_provider"):
        if isinstance(text := models.get(name), str):
            yield ("models", name), text
    yield from _each(("models", "fallbacks"), models.get("fallbacks"))
    aliases = models.get("aliases")
    for alias, targets in aliases.items() if isinstance(aliases, Mapping) else ():
        listed = [targets] if isinstance(targets, str) else targets
        yield from _each(("models", "aliases", alias), listed)
    cards = models.get("cards")
    for target in cards if isinstance(cards, Mapping) else ():
        yield ("models", "cards", target), str(target)


def _each(key: Key, values: object) -> Iterator[tuple[Key, str]]:
    for index, text in enumerate(values if isinstance(values, list | tuple) else ()):
        if isinstance(text, str):
            yield (*key, index), text
