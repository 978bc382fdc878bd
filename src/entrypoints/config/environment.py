"""A configuration from the variables that users already have."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from hexgate.entrypoints.config.document import Document, Tree
from hexgate.entrypoints.config.errors import Place
from hexgate.entrypoints.config.variables import Variables
from hexgate.entrypoints.settings import KINDS

OLLAMA = "http://localhost:11434"
PROBE_S = 0.2
SIMULATED = "sim"

READ: Mapping[str, tuple[str, ...]] = {
    "OPENAI_API_KEY": ("providers", "openai", "api_key"),
    "OPENAI_BASE_URL": ("providers", "openai", "base_url"),
    "OPENAI_ORG_ID": ("providers", "openai", "organization"),
    "ANTHROPIC_API_KEY": ("providers", "anthropic", "api_key"),
    "ANTHROPIC_BASE_URL": ("providers", "anthropic", "base_url"),
    "OLLAMA_API_URL": ("providers", "ollama", "base_url"),
    "DEFAULT_LLM_PROVIDER": ("models", "default_provider"),
    "DEFAULT_MODEL": ("models", "default"),
    "FALLBACK_MODELS": ("models", "fallbacks"),
    "ENABLE_LLM_CACHING": ("cache", "enabled"),
    "LLM_CACHE_TTL": ("cache", "ttl_s"),
    "MAX_COST_PER_REQUEST": ("spend", "max_cost_per_request_usd"),
}
"""What is read where there is no file, and the setting that each variable makes."""

_FAMILIES = ((re.compile(r"(chat)?gpt-|o\d"), "openai"), (re.compile(r"claude-"), "anthropic"))

Probe = Callable[[str], bool]
Notice = Callable[[str], None]


def reachable(url: str) -> bool:
    """Whether something accepts TCP connections at the host and port of a URL, within 0.2 s."""
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), PROBE_S).close()
    except OSError:
        return False
    return True


def compose(variables: Variables, probe: Probe, notice: Notice) -> Document:
    """The document that the variables alone amount to.

    Where OLLAMA_API_URL is not set, `probe` is asked whether an Ollama runs at its usual address.
    Where there is no provider at all, a simulated one stands in: the first minute needs no key.
    It is there as well, and no Ollama is sought, where DEFAULT_LLM_PROVIDER is `sim`.
    """
    return _Composer(variables, probe, notice).document()


class _Composer:
    def __init__(self, variables: Variables, probe: Probe, notice: Notice) -> None:
        self._variables = variables
        self._probe = probe
        self._notice = notice
        self._document = Document(Place("environment"))
        self._providers: list[str] = []

    def document(self) -> Document:
        self._openai()
        self._anthropic()
        if self._variables.get("DEFAULT_LLM_PROVIDER").lower() == SIMULATED:
            self._provider(SIMULATED, "simulator", "")
        else:
            self._ollama()
        if not self._providers:
            self._provider(SIMULATED, "simulator", "")
            self._notice(
                "no provider is configured, so the simulated provider 'sim' stands in; "
                "set OPENAI_API_KEY or ANTHROPIC_API_KEY, start Ollama, or write a file"
            )
        self._models()
        for name in ("ENABLE_LLM_CACHING", "LLM_CACHE_TTL", "MAX_COST_PER_REQUEST"):
            self._take(name)
        return self._document

    def _openai(self) -> None:
        keyed = bool(self._variables.get("OPENAI_API_KEY"))
        if keyed:
            self._provider("openai", "openai", "OPENAI_API_KEY")
            self._take("OPENAI_BASE_URL")
            self._take("OPENAI_ORG_ID")
            return
        if self._variables.get("OPENAI_BASE_URL"):
            self._provider("openai", "openai_compatible", "OPENAI_BASE_URL")
            self._notice(
                "OPENAI_BASE_URL is set without OPENAI_API_KEY; "
                "the provider 'openai' is taken for a compatible server that needs no key"
            )
        if self._variables.get("OPENAI_ORG_ID"):
            self._notice("OPENAI_ORG_ID is not used without OPENAI_API_KEY; set both")

    def _anthropic(self) -> None:
        if self._variables.get("ANTHROPIC_API_KEY"):
            self._provider("anthropic", "anthropic", "ANTHROPIC_API_KEY")
            self._take("ANTHROPIC_BASE_URL")
        elif self._variables.get("ANTHROPIC_BASE_URL"):
            self._notice("ANTHROPIC_BASE_URL is not used without ANTHROPIC_API_KEY; set both")

    def _ollama(self) -> None:
        # An address that was given is used as it is: the server there may start later.
        if self._variables.get("OLLAMA_API_URL"):
            self._provider("ollama", "ollama", "OLLAMA_API_URL")
        elif self._probe(OLLAMA):
            self._provider("ollama", "ollama", "")
            self._document.put(("providers", "ollama", "base_url"), OLLAMA, Place("environment"))
            self._notice(f"an Ollama answers at {OLLAMA}; it is the provider 'ollama'")

    def _provider(self, name: str, kind: str, variable: str) -> None:
        place = self._variables.place(variable) if variable else Place("environment")
        self._providers.append(name)
        self._document.places["providers", name] = place
        self._document.put(("providers", name, "kind"), kind, place)
        if variable:
            self._take(variable)

    def _models(self) -> None:
        provider = self._variables.get("DEFAULT_LLM_PROVIDER").lower()
        model = self._variables.get("DEFAULT_MODEL")
        fallbacks = self._variables.get("FALLBACK_MODELS").split(",")
        if provider:
            self._put("DEFAULT_LLM_PROVIDER", provider)
        if model:
            named = model.partition("/")[0] in (*self._providers, *KINDS) and "/" in model
            self._put("DEFAULT_MODEL", f"{provider}/{model}" if provider and not named else model)
        targets: list[Tree] = [self._target(f.strip(), provider) for f in fallbacks if f.strip()]
        if targets:
            self._put("FALLBACK_MODELS", targets)

    def _target(self, model: str, default: str) -> str:
        """A fallback with its provider, or the bare name where that cannot be told."""
        if "/" in model:
            return model
        # Ollama writes size or tag after a colon, and has models called gpt-oss.
        families = [name for family, name in _FAMILIES if family.match(model) and ":" not in model]
        only = self._providers[0] if len(self._providers) == 1 else ""
        provider = next(iter(families), default or only)
        return f"{provider}/{model}" if provider else model

    def _take(self, name: str) -> None:
        if value := self._variables.get(name):
            self._put(name, value)

    def _put(self, name: str, value: Tree) -> None:
        self._document.put(READ[name], value, self._variables.place(name))
