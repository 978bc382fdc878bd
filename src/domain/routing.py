"""From a model name to the targets that it stands for, and those that may come after them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from types import MappingProxyType
from typing import TypeVar

from hexgate.domain.balance import Group, Member, Strategy
from hexgate.domain.catalog import Target
from hexgate.domain.errors import UnknownModel
from hexgate.domain.fallback import Rule

V = TypeVar("V")
VendorsOf = Callable[[str], tuple[str, ...]]

# Looking for what was meant takes a thirtieth of a millisecond a name, and everybody waits.
_COMPARED = 128
_SAID_CHARS = 256


def _empty() -> Mapping[str, V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The names this gateway knows.

    `providers` maps each configured provider to its vendor; `aliases` map a name to a group;
    `listed` maps a model's name to the providers that list it. `own` are fallback models by
    provider; `fallbacks` follow every name that is no alias. `strategy` and `hedge_after_s` are for
    names without a group of their own. A model's name alone goes to a provider that is known to
    serve it, of several to `default_provider`, else to the first; with any strategy but ORDER it
    stands for all of them.
    """

    providers: Mapping[str, str]
    aliases: Mapping[str, Group] = field(default_factory=_empty)
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=_empty)
    own: Mapping[str, tuple[Target, ...]] = field(default_factory=_empty)
    fallbacks: tuple[Target, ...] = ()
    rules: tuple[Rule, ...] = ()
    strategy: Strategy = Strategy.ORDER
    hedge_after_s: float = 0.0
    default_provider: str = ""

    def group(self, name: str, vendors_of: VendorsOf) -> Group:
        """What an alias, `provider/model` or a model's name alone stands for.

        Raises UnknownModel for a name that stands for nothing.
        """
        if (alias := self.aliases.get(name)) is not None:
            return alias
        if self.has(name):
            provider, _, model = name.partition("/")
            targets = [Target(provider, model)]
        else:
            targets = [Target(one, name) for one in self._serving(name, vendors_of)]
        if not targets:
            raise self._unknown(name)
        members = tuple(map(Member, targets))
        return Group(members=members, strategy=self.strategy, hedge_after_s=self.hedge_after_s)

    def has(self, name: str) -> bool:
        """Whether this is `provider/model` with a configured provider."""
        provider, _, model = name.partition("/")
        return bool(model) and provider in self.providers

    def _serving(self, model: str, vendors_of: VendorsOf) -> tuple[str, ...]:
        """Providers of a model's name: all that are known to serve it, but by ORDER one."""
        known = self.listed.get(model, ())
        if "/" in model and not known:
            return ()
        if self.strategy is not Strategy.ORDER or not known:
            for vendor in vendors_of(model):
                known += tuple(name for name, kind in self.providers.items() if kind == vendor)
        if not known:
            lone = next(iter(self.providers)) if len(self.providers) == 1 else ""
            guess = self.default_provider or lone
            known = (guess,) if guess else ()
        if self.strategy is not Strategy.ORDER:
            return tuple(dict.fromkeys(known))
        return (self.default_provider,) if self.default_provider in known else known[:1]

    def _unknown(self, model: str) -> UnknownModel:
        model = model[:_SAID_CHARS]
        providers = (f"{provider}/" for provider in self.providers)
        names = islice(chain(providers, self.aliases, self.listed), _COMPARED)
        close = difflib.get_close_matches(model, names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}" if close else ""
        return UnknownModel(
            f"no model, alias or provider is called {model!r}{hint}; "
            f"use an alias or provider/model with one of: {', '.join(self.providers)}",
            metadata={"model": model, "suggestions": ",".join(close)},
        )
