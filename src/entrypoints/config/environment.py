"""A configuration from the variables that users already have."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from hexgate.entrypoints.config.accounts import (
    ACCOUNTS,
    Account,
    Installed,
    installed,
    unmet,
)
from hexgate.entrypoints.config.balancing import BALANCE, CHEAPEST, HOW, OFF, STRATEGY, balance
from hexgate.entrypoints.config.document import Document, Tree
from hexgate.entrypoints.config.errors import Place
from hexgate.entrypoints.config.variables import Variables
from hexgate.entrypoints.fields import apart
from hexgate.entrypoints.kinds import KINDS

OLLAMA = "http://localhost:11434"
PROBE_S = 0.2
SIMULATED = "sim"

READ: Mapping[str, tuple[str, ...]] = {
    "OPENAI_API_KEY": ("providers", "openai", "api_key"),
    "OPENAI_API_KEYS": ("providers", "openai", "api_keys"),
    "OPENAI_BASE_URL": ("providers", "openai", "base_url"),
    "OPENAI_ORG_ID": ("providers", "openai", "organization"),
    "ANTHROPIC_API_KEY": ("providers", "anthropic", "api_key"),
    "ANTHROPIC_API_KEYS": ("providers", "anthropic", "api_keys"),
    "ANTHROPIC_BASE_URL": ("providers", "anthropic", "base_url"),
    "AZURE_OPENAI_ENDPOINT": ("providers", "azure", "base_url"),
    "AZURE_OPENAI_API_KEY": ("providers", "azure", "api_key"),
    "AZURE_OPENAI_API_KEYS": ("providers", "azure", "api_keys"),
    "AZURE_OPENAI_API_VERSION": ("providers", "azure", "api_version"),
    "COHERE_API_KEY": ("providers", "cohere", "api_key"),
    "COHERE_API_KEYS": ("providers", "cohere", "api_keys"),
    "GOOGLE_AI_API_KEY": ("providers", "gemini", "api_key"),
    "GEMINI_API_KEY": ("providers", "gemini", "api_key"),
    "GEMINI_API_KEYS": ("providers", "gemini", "api_keys"),
    "GOOGLE_CLOUD_PROJECT": ("providers", "vertex", "project"),
    "GOOGLE_CLOUD_LOCATION": ("providers", "vertex", "location"),
    "GOOGLE_APPLICATION_CREDENTIALS": ("providers", "vertex", "credentials_file"),
    "AWS_DEFAULT_REGION": ("providers", "bedrock", "region"),
    "AWS_REGION": ("providers", "bedrock", "region"),
    "AWS_ACCESS_KEY_ID": ("providers", "bedrock", "access_key_id"),
    "AWS_SECRET_ACCESS_KEY": ("providers", "bedrock", "secret_access_key"),
    "AWS_SESSION_TOKEN": ("providers", "bedrock", "session_token"),
    "AWS_BEARER_TOKEN_BEDROCK": ("providers", "bedrock", "api_key"),
    "AWS_PROFILE": ("providers", "bedrock", "profile"),
    "OLLAMA_API_URL": ("providers", "ollama", "base_url"),
    "DEFAULT_LLM_PROVIDER": ("models", "default_provider"),
    "DEFAULT_MODEL": ("models", "default"),
    "FALLBACK_MODELS": ("models", "fallbacks"),
    BALANCE: STRATEGY,
    HOW: STRATEGY,
    CHEAPEST: STRATEGY,
    "ENABLE_LLM_CACHING": ("cache", "enabled"),
    "LLM_CACHE_TTL": ("cache", "ttl_s"),
    "MAX_COST_PER_REQUEST": ("spend", "max_cost_per_request_usd"),
    "DAILY_BUDGET_USD": ("budgets", "daily", "limit_usd"),
}
"""What is read where there is no file, and the setting that each variable makes; later ones win."""

# Whose model a bare name tells of, in order of preference.
_FAMILIES = (
    (re.compile(r"(chat)?gpt-|o\d"), ("openai", "azure")),
    (re.compile(r"claude-"), ("anthropic",)),
    (re.compile(r"command-"), ("cohere",)),
    (re.compile(r"gemini-"), ("gemini", "vertex")),
)

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


def compose(
    variables: Variables, probe: Probe, notice: Notice, has: Installed = installed
) -> Document:
    """The document that the variables alone amount to. `has` tells which packages are installed.

    Where OLLAMA_API_URL is not set, `probe` is asked whether an Ollama runs at its usual address.
    Where there is no provider at all, a simulated one stands in: the first minute needs no key.
    It is there as well, and no Ollama is sought, where DEFAULT_LLM_PROVIDER is `sim`.
    """
    return _Composer(variables, probe, notice, has).document()


class _Composer:
    def __init__(self, variables: Variables, probe: Probe, notice: Notice, has: Installed) -> None:
        self._installed = has
        self._variables = variables
        self._probe = probe
        self._notice = notice
        self._document = Document(Place("environment"))
        self._providers: list[str] = []

    def document(self) -> Document:
        self._openai()
        for account in ACCOUNTS:
            self._account(account)
        if self._variables.get("DEFAULT_LLM_PROVIDER").lower() == SIMULATED:
            self._provider(SIMULATED, "simulator", "")
        else:
            self._ollama()
        if not self._providers:
            self._provider(SIMULATED, "simulator", "")
            self._notice(
                "no provider is configured, so the simulated provider 'sim' stands in; "
                "set OPENAI_API_KEY or another vendor's, start Ollama, or write a file"
            )
        self._models()
        balance(self._document, self._variables, self._notice)
        for name in ("ENABLE_LLM_CACHING", "LLM_CACHE_TTL", "MAX_COST_PER_REQUEST"):
            self._take(name)
        self._budget("DAILY_BUDGET_USD")
        return self._document

    def _budget(self, name: str) -> None:
        """A bound on each day, for all calls together. A switch that is off asks for none."""
        if self._variables.get(name).lower() not in OFF - {"0"}:
            self._take(name)
            self._document.put((*READ[name][:-1], "window"), "day", self._variables.place(name))

    def _openai(self) -> None:
        found = [n for n in ("OPENAI_API_KEY", "OPENAI_API_KEYS") if self._variables.get(n)]
        if found:
            self._provider("openai", "openai", found[0])
            for name in ("OPENAI_API_KEYS", "OPENAI_BASE_URL", "OPENAI_ORG_ID"):
                self._take(name)
            return
        if self._variables.get("OPENAI_BASE_URL"):
            self._provider("openai", "openai_compatible", "OPENAI_BASE_URL")
            self._notice(
                "OPENAI_BASE_URL is set without OPENAI_API_KEY; "
                "the provider 'openai' is taken for a compatible server that needs no key"
            )
        if self._variables.get("OPENAI_ORG_ID"):
            self._notice("OPENAI_ORG_ID is not used without OPENAI_API_KEY; set both")

    def _account(self, account: Account) -> None:
        reasons = list(unmet(account, self._variables, self._installed))
        for reason in reasons:
            self._notice(reason)
        found = next((name for name in account.reads if self._variables.get(name)), "")
        if not found or reasons:
            return
        self._provider(account.kind, account.kind, found)
        for name in READ:
            if name in account.reads:
                self._take(name)

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
        if variable in READ:
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
        families = [
            next((name for name in names if name in self._providers), names[0])
            for family, names in _FAMILIES
            if family.match(model) and ":" not in model
        ]
        only = self._providers[0] if len(self._providers) == 1 else ""
        provider = next(iter(families), default or only)
        return f"{provider}/{model}" if provider else model

    def _take(self, name: str) -> None:
        value = self._variables.get(name)
        if value and READ[name][-1] == "api_keys":
            self._pool(name, value)
        elif value:
            self._put(name, value)

    def _pool(self, name: str, value: str) -> None:
        """Several keys, in the order that was given; a single one that is set beside them leads."""
        key = READ[name][:2]
        provider = self._document.find(key)
        single = provider.pop("api_key", None) if isinstance(provider, dict) else None
        first = [single] if isinstance(single, str) else []
        pool: list[Tree] = list(dict.fromkeys([*first, *apart(value)]))
        self._put(name, pool)
        if not pool:
            place = self._variables.place(name)
            self._document.problem(key, "found no key, expected keys with commas between", place)

    def _put(self, name: str, value: Tree) -> None:
        self._document.put(READ[name], value, self._variables.place(name))
