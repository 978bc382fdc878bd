"""What docs/resilience.md says of its examples, a gateway with exactly those does."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grpc import aio

from hexgate.adapters.simulator import Fault, Simulator
from hexgate.adapters.simulator.wire import key_of
from hexgate.client import dial, explain
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.resilience import AfterRateLimit, Retry
from hexgate.entrypoints.server import running
from hexgate.entrypoints.settings import Ledger, Server, Settings
from hexgate.v1 import error_pb2
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub
from tests.entrypoints.grpc.conftest import whole
from tests.entrypoints.test_pages import KEYS, blocks, called, commands, completed

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

PAGE = "docs/resilience.md"
# The simulator knows models of its own.
MODELS = {
    "gpt-5-mini": "sim-echo",
    "gpt-5-nano": "sim-story",
    "gpt-5": "sim-tools",
    "gpt-4.1-mini": "sim-json",
    "gpt-4.1": "sim-think",
    "claude-sonnet-4-5": "sim-story",
    "claude-haiku-4-5": "sim-echo",
    "mistral:7b": "sim-echo",
}
_NAMES = re.compile("|".join(map(re.escape, MODELS)))
BROKEN, BUSY = Fault.ERROR_503, Fault.LIMITED


def simulated(text: str) -> str:
    """The same with models that the simulator has."""
    return _NAMES.sub(lambda found: MODELS[found[0]], text)


def example(of: str) -> str:
    """The one example of the page in which this stands."""
    (text,) = (text for text in blocks(PAGE, "yaml") if of in text)
    return text


@dataclass(frozen=True, slots=True)
class Told:
    """A gateway that was told an example, and the simulators behind its providers."""

    stub: CompletionServiceAsyncStub
    admin: aio.Channel
    providers: Mapping[str, Simulator]

    async def path(self, model: str, session: str = "") -> list[str]:
        """The attempts of one call: each target, and why it failed, if it did."""
        request = whole(model=simulated(model))
        request.options.attribution.session_id = session
        try:
            answer = await self.stub.Complete(request, timeout=60)
            attempts = answer.route.attempts
        except aio.AioRpcError as error:
            failure = explain(error).failure
            assert failure is not None
            attempts = failure.attempts
        return [
            " ".join(
                (
                    f"{one.provider}/{one.provider_model}",
                    *([error_pb2.ErrorReason.Name(one.failure)[13:]] if one.failure else ()),
                )
            )
            for one in attempts
        ]


@asynccontextmanager
async def told(
    text: str, folder: Path, *, renamed: bool = True, **instead: object
) -> AsyncIterator[Told]:
    """A gateway with this configuration, but for where its providers are."""
    (folder / "key").write_text("sk-file")
    file = folder / "hexgate.yaml"
    whole = completed(text)
    file.write_text(simulated(whole) if renamed else whole, encoding="utf-8")
    settings = load(file, {name: f"sk-{name}" for name in KEYS}, dotenv=None)
    async with AsyncExitStack() as stack:
        behind = {name: await stack.enter_async_context(Simulator()) for name in settings.providers}
        here = {
            name: wish.model_copy(update={"base_url": behind[name].urls[wish.kind]})
            for name, wish in settings.providers.items()
        }
        local = {
            "providers": here,
            "server": Server(listen="127.0.0.1:0", admin_listen="127.0.0.1:0"),
            "ledger": Ledger(backend="memory"),
        }
        gateway = await stack.enter_async_context(
            running(Settings.model_copy(settings, update={**local, **instead}))
        )
        public = await stack.enter_async_context(dial(gateway.address))
        private = await stack.enter_async_context(dial(gateway.admin_address))
        yield Told(CompletionServiceStub(public), private, behind)


def at(*targets: str) -> list[str]:
    """The same names as the simulator has them."""
    return [simulated(target) for target in targets]


async def test_an_input_that_is_too_long_goes_to_the_larger_model(tmp_path: Path) -> None:
    async with told(example("on: context_length"), tmp_path) as gateway:
        for model, provider in (
            ("openai/gpt-5-mini", "openai"),
            ("anthropic/claude-haiku-4-5", "anthropic"),
        ):
            gateway.providers[provider].script([Fault.CONTEXT_TOO_LONG])
            assert await gateway.path(model) == at(
                f"{model} CONTEXT_WINDOW_EXCEEDED", "openai/gpt-4.1"
            )


async def test_an_outage_of_one_provider_goes_to_another_for_two_attempts(tmp_path: Path) -> None:
    sonnet, haiku = "anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"
    async with told(example("of: openai/*"), tmp_path) as gateway:
        openai, anthropic = gateway.providers["openai"], gateway.providers["anthropic"]
        openai.script([BROKEN] * 3)
        first = "openai/gpt-5-mini PROVIDER_OVERLOADED"
        assert await gateway.path("openai/gpt-5-mini") == at(first, sonnet)
        anthropic.script([Fault.ERROR_500])
        assert await gateway.path("openai/gpt-5-mini") == at(
            first, f"{sonnet} PROVIDER_ERROR", haiku
        )
        anthropic.script([Fault.ERROR_500] * 9)
        assert await gateway.path("openai/gpt-5-mini") == at(
            first, f"{sonnet} PROVIDER_ERROR", f"{haiku} PROVIDER_ERROR"
        )


async def test_an_alias_has_its_own_care(tmp_path: Path) -> None:
    first, second, local = "openai/gpt-5-mini", "anthropic/claude-haiku-4-5", "local/mistral:7b"
    filtered, limited = "CONTENT_FILTERED", "PROVIDER_RATE_LIMITED"
    soon = Retry(rate_limit=AfterRateLimit(wait_s=0.001))
    async with told(example("on: content_filter"), tmp_path, retry=soon) as gateway:
        openai = gateway.providers["openai"]
        for fault in (Fault.FILTER_PROMPT, Fault.FILTER_BEFORE_OUTPUT, Fault.FILTER_AT_END):
            openai.script([fault])
            gateway.providers["anthropic"].script([])
            assert await gateway.path("support") == at(f"{first} {filtered}", second)
        openai.script([Fault.FILTER_PROMPT])
        gateway.providers["anthropic"].script([Fault.ERROR_500] * 9)
        assert await gateway.path("support") == at(
            f"{first} {filtered}", f"{second} PROVIDER_ERROR"
        )
        openai.script([BUSY] * 9)
        assert await gateway.path("support") == at(*[f"{first} {limited}"] * 4, local)
        openai.script([Fault.FILTER_PROMPT])
        assert await gateway.path(first) == at(f"{first} {filtered}")


async def test_lists_take_over_in_their_order(tmp_path: Path) -> None:
    retry = Retry(attempts=1)
    async with told(example("best: ["), tmp_path, retry=retry) as gateway:
        openai, anthropic = gateway.providers["openai"], gateway.providers["anthropic"]
        anthropic.script([Fault.ERROR_500])
        assert await gateway.path("best") == at(
            "anthropic/claude-sonnet-4-5 PROVIDER_ERROR", "openai/gpt-5"
        )
        openai.script([Fault.ERROR_500] * 2)
        assert await gateway.path("openai/gpt-5") == at(
            "openai/gpt-5 PROVIDER_ERROR", "openai/gpt-4.1-mini PROVIDER_ERROR", "openai/gpt-5-mini"
        )
        anthropic.script([Fault.CONTEXT_TOO_LONG])
        assert await gateway.path("best") == at(
            "anthropic/claude-sonnet-4-5 CONTEXT_WINDOW_EXCEEDED"
        )


async def test_what_the_table_of_retries_is_told_it_does(tmp_path: Path) -> None:
    text = example("overloaded: {retries: 0}") + "models: {fallbacks: [local/mistral:7b]}\n"
    async with told(text, tmp_path) as gateway:
        gateway.providers["openai"].script([Fault.ERROR_529])
        assert await gateway.path("openai/gpt-5-mini") == at(
            "openai/gpt-5-mini PROVIDER_OVERLOADED", "local/mistral:7b"
        )


async def test_a_canary_gets_its_share_and_the_last_one_only_what_fails(tmp_path: Path) -> None:
    async with told(example("weight: 95"), tmp_path) as gateway:
        paths = [await gateway.path("chat") for _ in range(600)]
        shares = Counter(target for (target,) in paths)
        main, canary = at("openai/gpt-5-mini", "openai/gpt-5-nano")
        assert set(shares) == {main, canary}
        assert 8 <= shares[canary] <= 60  # 30, give or take what chance may do once in 100,000
        gateway.providers["openai"].script([Fault.MODEL_GONE] * 2)
        assert (await gateway.path("chat"))[2:] == at("local/mistral:7b")
        first, again = [
            [await gateway.path("chat", session=f"s-{n}") for n in range(50)] for _ in range(2)
        ]
        assert first == again
        assert {target for (target,) in first} == {main, canary}


async def test_keys_take_turns_and_one_that_is_rejected_is_left_out(tmp_path: Path) -> None:
    async with told(example("api_keys:"), tmp_path) as gateway:
        openai = gateway.providers["openai"]
        keys = ["sk-OPENAI_KEY_A", "sk-OPENAI_KEY_B", "sk-file"]
        for _ in range(3):
            await gateway.path("openai/gpt-5-mini")
        assert [key_of(request.headers) for request in openai.requests] == keys
        openai.script_key(keys[0], Fault.UNAUTHORIZED)
        paths = [await gateway.path("openai/gpt-5-mini") for _ in range(3)]
        assert [len(path) for path in paths] == [2, 1, 1]
        assert [key_of(request.headers) for request in openai.requests][3:] == [*keys, keys[1]]


async def test_every_call_of_the_page_works(tmp_path: Path) -> None:
    answers: dict[str, Any] = {}
    async with told(example("best: ["), tmp_path, renamed=False) as gateway:
        for one in map(called, commands(PAGE)):
            ask = gateway.admin.unary_unary(
                f"/{one.method}", type(one.request).SerializeToString, one.answer.FromString
            )
            answers[one.method.rpartition("/")[2]] = await ask(one.request, timeout=20)
        await gateway.path("openai/gpt-5")
        (asked,) = gateway.providers["openai"].requests
    routes = answers["ExplainRoute"].candidates
    assert [route.target for route in routes] == ["anthropic/claude-sonnet-4-5", "openai/gpt-5"]
    assert len(answers["ReplaceProviderKeys"].keys) == 2
    assert key_of(asked.headers) == "sk-new-1"
