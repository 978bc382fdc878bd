"""Names in the configuration that stand for no place where a call could go."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

Key: TypeAlias = tuple[str | int, ...]
"""The path of a setting: names of keys and indexes of lists."""

OWN_NAMES = frozenset({"openai", "anthropic", "azure", "cohere", "gemini"})
"""Kinds of providers of whose models none is called by the name of a provider and a slash."""


def dangling(settings: Mapping[str, object]) -> Iterator[tuple[Key, str]]:
    """Each name of a place that cannot be, by its key, and what was expected there.

    Works on plain data of any shape, so that it can be asked beside other problems. Nothing is said
    where the providers are no mapping.
    """
    providers = settings.get("providers")
    if not isinstance(providers, Mapping):
        return
    aliases = _at(_at(settings, "models"), "aliases")
    named = (
        *_models(_at(settings, "models")),
        *_rules(_at(settings, "routing")),
        *_budgets(_at(settings, "budgets")),
    )
    for key, text in named:
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
    yield from _own(providers)


def _may_be_alias(key: Key) -> bool:
    return key == ("models", "default") or key[-1] == "of"


def _models(models: object) -> Iterator[tuple[Key, str]]:
    for name in ("default", "default_provider"):
        if isinstance(text := _at(models, name), str):
            yield ("models", name), text
    yield from _each(("models", "fallbacks"), _at(models, "fallbacks"))
    aliases = _at(models, "aliases")
    for alias, wish in aliases.items() if isinstance(aliases, Mapping) else ():
        targets = wish.get("targets") if isinstance(wish, Mapping) else wish
        for index, member in enumerate(_listed(targets)):
            text = member if isinstance(member, str) else _at(member, "target")
            if isinstance(text, str):
                yield ("models", "aliases", alias, "targets", index, "target"), text
    cards = _at(models, "cards")
    for target in cards if isinstance(cards, Mapping) else ():
        yield ("models", "cards", target), str(target)


def _rules(routing: object) -> Iterator[tuple[Key, str]]:
    for index, rule in enumerate(_listed(_at(routing, "fallback"))):
        key: Key = ("routing", "fallback", index)
        yield from _each((*key, "to"), _at(rule, "to"))
        if isinstance(of := _at(rule, "of"), str):
            yield (*key, "of"), of


def _budgets(budgets: object) -> Iterator[tuple[Key, str]]:
    for name, budget in budgets.items() if isinstance(budgets, Mapping) else ():
        yield from _each(("budgets", name, "downgrade_to"), _at(budget, "downgrade_to"))


def _own(providers: Mapping[str, object]) -> Iterator[tuple[Key, str]]:
    """Fallbacks of a provider that name it once more.

    Compatible servers are left alone: some have models whose names start like theirs.
    """
    for name, provider in providers.items():
        for key, text in _each(("providers", name, "fallbacks"), _at(provider, "fallbacks")):
            if text.startswith(f"{name}/") and _at(provider, "kind") in OWN_NAMES:
                yield key, f"the name of the model alone, without {name}/"


def _each(key: Key, values: object) -> Iterator[tuple[Key, str]]:
    for index, value in enumerate(_listed(values)):
        if isinstance(value, str):
            yield (*key, index), value


def _listed(value: object) -> Sequence[object]:
    if isinstance(value, str):
        return (value,)
    return value if isinstance(value, list | tuple) else ()


def _at(tree: object, key: str) -> object:
    return tree.get(key) if isinstance(tree, Mapping) else None
