"""Names in the configuration that stand for no configured provider."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""The path of a setting: names of keys and indexes of lists."""


def dangling(
    providers: Collection[str], settings: Mapping[str, object]
) -> Iterator[tuple[Key, str]]:
    """Each name in `models` or `routing` whose provider is not configured, and what was expected.

    Works on plain data of any shape, so that it can be asked beside other problems.
    """
    aliases = _at(_at(settings, "models"), "aliases")
    for key, text in (*_models(_at(settings, "models")), *_rules(_at(settings, "routing"))):
        provider, slash, _ = text.partition("/")
        whole = key == ("models", "default_provider")
        if _may_be_alias(key) and isinstance(aliases, Mapping) and text in aliases:
            continue
        if (slash or whole) and provider not in providers:
            close = difflib.get_close_matches(provider, providers, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            known = ", ".join(providers) or "none"
            yield key, f"one of the configured providers ({known}){hint}"
        elif not slash and key[-1] == "of":
            yield key, "an alias of models.aliases, provider/model or provider/*"


def _may_be_alias(key: Key) -> bool:
    return key == ("models", "default") or key[-1] == "of"


def _models(models: object) -> Iterator[tuple[Key, str]]:
    for name in ("default", "default_provider"):
        if isinstance(text := _at(models, name), str):
            yield ("models", name), text
    yield from _each(("models", "fallbacks"), _at(models, "fallbacks"))
    aliases = _at(models, "aliases")
    for alias, wish in aliases.items() if isinstance(aliases, Mapping) else ():
        key: Key = ("models", "aliases", alias)
        if isinstance(wish, Mapping):
            yield from _each((*key, "targets"), wish.get("targets"))
        else:
            yield from _each(key, [wish] if isinstance(wish, str) else wish)
    cards = _at(models, "cards")
    for target in cards if isinstance(cards, Mapping) else ():
        yield ("models", "cards", target), str(target)


def _rules(routing: object) -> Iterator[tuple[Key, str]]:
    rules = _at(routing, "fallback")
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        key: Key = ("routing", "fallback", index)
        targets = _at(rule, "to")
        yield from _each((*key, "to"), [targets] if isinstance(targets, str) else targets)
        if isinstance(of := _at(rule, "of"), str):
            yield (*key, "of"), of


def _each(key: Key, values: object) -> Iterator[tuple[Key, str]]:
    for index, value in enumerate(values if isinstance(values, list | tuple) else ()):
        if isinstance(value, str):
            yield (*key, index), value
        elif isinstance(target := _at(value, "target"), str):
            yield (*key, index, "target"), target


def _at(tree: object, key: str) -> object:
    return tree.get(key) if isinstance(tree, Mapping) else None
