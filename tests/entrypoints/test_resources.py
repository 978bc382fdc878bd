"""What the settings say of a provider is what its account holds, and which of them have keys."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, get_args

import pytest
from pydantic import SecretStr, TypeAdapter

from hexgate.adapters.providers.account import Account
from hexgate.adapters.simulator import Simulator
from hexgate.adapters.simulator.wire import key_of
from hexgate.domain.errors import ProviderLimited
from hexgate.domain.keys import hash_prefix
from hexgate.entrypoints.kinds import KINDS, AnyProvider, Cohere, Provider
from hexgate.entrypoints.resources import CannotStart, account_of, keys_of, open_leaves
from hexgate.entrypoints.settings import Settings
from tests.fakes import FakeClock, call

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
# Models, timeouts and limits are no part of an account, and several keys are several accounts.
ELSEWHERE = {*Provider.model_fields, "api_keys", "key_order"}
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


KEYED = sorted(set(KINDS) - {"simulator"})
NEEDED = {
    "azure": {"base_url": "http://a.test"},
    "bedrock": {"region": "eu-central-1"},
    "openai_compatible": {"base_url": "http://o.test/v1"},
    "vertex": {"project": "p"},
}


@pytest.mark.parametrize("kind", KEYED)
def test_one_key_or_several_are_the_keys_of_a_provider(kind: str) -> None:
    def wish(**said: object) -> Any:
        asked = {"kind": kind, **NEEDED.get(kind, {}), **said}
        return TypeAdapter(AnyProvider).validate_python(asked)

    assert keys_of(wish(api_key="sk-1")) == ("sk-1",)
    assert keys_of(wish(api_keys=["sk-1", "sk-2"])) == ("sk-1", "sk-2")
    assert account_of("mine", wish(api_keys=["sk-1", "sk-2"])).api_key == ""


async def test_each_provider_that_takes_a_key_has_a_ring_and_the_others_have_none() -> None:
    pool: dict[str, object] = {"kind": "openai", "api_keys": ["sk-a", "sk-b"]}
    providers = {kind: {"kind": kind, "api_key": "k", **NEEDED.get(kind, {})} for kind in KEYED}
    keyless = {"local": {"kind": "ollama"}, "sim": {"kind": "simulator"}}
    settings = Settings.model_validate({"providers": {"pool": pool, **providers, **keyless}})
    async with AsyncExitStack() as stack:
        leaves = await open_leaves(settings, stack)
        assert set(leaves.by_name) == {"pool", *providers, *keyless}
        assert set(leaves.rings) == {"pool", *providers}
        shown = [status.hash_prefix for status in leaves.rings["pool"].status()]
        assert shown == [hash_prefix("sk-a"), hash_prefix("sk-b")]


async def test_a_pool_that_cannot_be_opened_says_why_without_its_keys() -> None:
    wish = Cohere(kind="cohere", api_keys=(SecretStr("sk-a"), SecretStr("sk-b")))
    settings = Settings(providers={"mine": wish.model_copy(update={"transport": "sdk"})})
    async with AsyncExitStack() as stack:
        with pytest.raises(CannotStart, match=r"providers\.mine\.transport is 'sdk'") as caught:
            await open_leaves(settings, stack)
    assert "sk-" not in str(caught.value)


@pytest.mark.parametrize(
    ("order", "after"),
    [("round_robin", ["sk-a", "sk-b"]), ("least_recently_used", ["sk-b", "sk-a"])],
)
async def test_keys_are_taken_in_the_order_that_is_configured(order: str, after: list[str]) -> None:
    clock = FakeClock()
    async with Simulator() as simulator, AsyncExitStack() as stack:
        pool = {"kind": "openai", "api_keys": ["sk-a", "sk-b", "sk-c"], "key_order": order}
        wish = {**pool, "base_url": simulator.openai_url}
        settings = Settings.model_validate({"providers": {"pool": wish}})
        leaf = (await open_leaves(settings, stack, clock)).by_name["pool"]

        async def ask() -> None:
            await leaf.complete(call(model="sim-story"))

        simulator.script_key("sk-b", "limited")
        await ask()
        with pytest.raises(ProviderLimited):
            await ask()
        for _ in range(3):
            await ask()
        simulator.script_key("sk-b", None)
        clock.advance(30)
        await ask()
        await ask()
        used = [key_of(request.headers) for request in simulator.requests]
    assert used == ["sk-a", "sk-b", "sk-c", "sk-a", "sk-c", *after]
