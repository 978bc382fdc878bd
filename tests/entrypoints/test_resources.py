"""What the settings say of a provider is what its account holds."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from hexgate.adapters.providers.account import Account
from hexgate.entrypoints.kinds import KINDS, AnyProvider, Provider
from hexgate.entrypoints.resources import account_of

# One value for every key that some kind has, none of them a default.
SAID: dict[str, Any] = {
    "base_url": "https://here.test/v1",
    "control_url": "https://control.test",
    "api_key": "sk-1",
    "access_key_id": "AKIA",
    "secret_access_key": "hidden",
    "session_token": "token",
    "organization": "org-1",
    "api_version": "2024-10-21",
    "region": "eu-central-1",
    "profile": "dev",
    "project": "p-1",
    "location": "europe-west4",
    "credentials_file": "/key.json",
    "context_tokens": 8192,
    "transport": "sdk",
}
ELSEWHERE = set(Provider.model_fields)  # models, timeouts and limits are no part of an account
MODELS: dict[str, type[Provider]] = {
    kind: model
    for model in get_args(get_args(AnyProvider)[0])
    for kind in get_args(model.model_fields["kind"].annotation)
}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"simulator"}))
def test_every_key_of_a_provider_reaches_its_account(kind: str) -> None:
    fields = MODELS[kind].model_fields
    said = {key: SAID[key] for key in fields.keys() - ELSEWHERE - {"kind"}}
    if get_args(fields["transport"].annotation) == ("http",):
        said["transport"] = "http"
    wish: Any = TypeAdapter(AnyProvider).validate_python({"kind": kind, **said})
    assert account_of("mine", wish) == Account(kind=kind, name="mine", **said)


@pytest.mark.parametrize("kind", ["ollama", "vllm", "llamacpp"])
def test_what_is_not_said_is_left_at_the_defaults_of_the_account(kind: str) -> None:
    wish: Any = TypeAdapter(AnyProvider).validate_python({"kind": kind})
    assert account_of("mine", wish) == Account(kind=kind, name="mine")
