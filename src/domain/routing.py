"""From a model name to the targets that may answer, in order."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hexgate.domain.call import FallbackMode, Options
from hexgate.domain.catalog import Target
from hexgate.domain.errors import NoEligibleTarget, UnknownModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """The names this gateway knows.

    `providers` maps each configured provider to its vendor; `aliases` map a name to targets in
    order of preference; `fallbacks` follow every named model that has no alias of its own.
    """

    providers: Mapping[str, str]
    aliases: Mapping[str, tuple[Target, ...]] = field(default_factory=lambda: MappingProxyType({}))
    fallbacks: tuple[Target, ...] = ()
    default_provider: str = ""

    def targets(
        self, model: str, options: Options, vendors_of: Callable[[str], tuple[str, ...]]
    ) -> tuple[Target, ...]:
        """The targets to try, in order, without repeats.

        Raises UnknownModel for a name that stands for nothing, NoEligibleTarget when the caller's
        constraints leave none.
        """
        named = self.resolve(model, vendors_of)
        wanted = [*named]
        if options.fallback_mode is FallbackMode.DISABLED:
            wanted = wanted[:1]
        elif options.fallback_models:
            for other in options.fallback_models:
                wanted.extend(self.resolve(other, vendors_of))
        elif model not in self.aliases:
            wanted.extend(self.fallbacks)
        eligible = tuple(t for t in dict.fromkeys(wanted) if _allowed(t, options))
        if not eligible:
            raise NoEligibleTarget(
                "options.routing excludes every target of the model: "
                + ", ".join(str(target) for target in dict.fromkeys(wanted)),
                metadata={"model": model, "constraint": "allowed_providers, denied_providers"},
            )
        return eligible

    def resolve(
        self, model: str, vendors_of: Callable[[str], tuple[str, ...]]
    ) -> tuple[Target, ...]:
        """An alias, `provider/model`, or a bare name whose provider can be told."""
        if model in self.aliases:
            return self.aliases[model]
        provider, slash, rest = model.partition("/")
        if slash and rest and provider in self.providers:
            return (Target(provider, rest),)
        if not slash and (found := self._provider_of(model, vendors_of)):
            return (Target(found, model),)
        raise self._unknown(model)

    def _provider_of(self, model: str, vendors_of: Callable[[str], tuple[str, ...]]) -> str:
        for vendor in vendors_of(model):
            for name, kind in self.providers.items():
                if kind == vendor:
                    return name
        if self.default_provider:
            return self.default_provider
        return next(iter(self.providers)) if len(self.providers) == 1 else ""

    def _unknown(self, model: str) -> UnknownModel:
        names = [*self.aliases, *(f"{provider}/" for provider in self.providers)]
        close = difflib.get_close_matches(model, names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(close)}" if close else ""
        return UnknownModel(
            f"no model, alias or provider is called {model!r}{hint}; "
            f"use an alias or provider/model with one of: {', '.join(self.providers)}",
            metadata={"model": model, "suggestions": ",".join(close)},
        )


def _allowed(target: Target, options: Options) -> bool:
    if options.allowed_providers and target.provider not in options.allowed_providers:
        return False
    return target.provider not in options.denied_providers
