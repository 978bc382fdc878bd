"""Configuration from the environment alone, and the variables that win over a file."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import SecretStr

from hexgate.entrypoints.config.environment import OLLAMA, READ, reachable
from hexgate.entrypoints.config.errors import ConfigError
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.kinds import Anthropic, Compatible, Ollama, OpenAI, Simulator
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import Budget

OPENAI = {"OPENAI_API_KEY": "sk-1"}
BOTH = {**OPENAI, "ANTHROPIC_API_KEY": "sk-2"}


def given(
    environ: Mapping[str, str], *, ollama: bool = False, dotenv: Path | None = None
) -> tuple[Settings, list[str]]:
    """The settings of an environment, and what was noticed."""
    notices: list[str] = []
    settings = load(None, environ, dotenv=dotenv, probe=lambda _url: ollama, notice=notices.append)
    return settings, notices


def refused(environ: Mapping[str, str]) -> list[str]:
    """The lines of the error."""
    with pytest.raises(ConfigError) as caught:
        given(environ)
    return str(caught.value).splitlines()


def test_without_anything_the_simulator_stands_in_and_says_so() -> None:
    settings, notices = given({})
    assert settings.providers == {"sim": Simulator(kind="simulator")}
    assert len(notices) == 1
    assert "OPENAI_API_KEY" in notices[0]


def test_a_key_makes_a_provider_and_no_simulator() -> None:
    settings, notices = given(BOTH)
    assert list(settings.providers) == ["openai", "anthropic"]
    assert isinstance(settings.providers["openai"], OpenAI)
    assert isinstance(settings.providers["anthropic"], Anthropic)
    assert notices == []


def test_every_variable_reaches_its_setting() -> None:
    settings, notices = given(
        {
            "OPENAI_API_KEY": " sk-1\n",  # as mounted secrets often end
            "OPENAI_BASE_URL": "http://o/v1",
            "OPENAI_ORG_ID": "org-1",
            "ANTHROPIC_API_KEY": "sk-2",
            "ANTHROPIC_BASE_URL": "http://a",
            "OLLAMA_API_URL": "http://l:1",
            "DEFAULT_LLM_PROVIDER": "Anthropic",
            "DEFAULT_MODEL": "claude-x",
            "FALLBACK_MODELS": "gpt-x, ollama/mistral:7b,",
            "ENABLE_LLM_CACHING": "true",
            "LLM_CACHE_TTL": "60",
            "MAX_COST_PER_REQUEST": "0.25",
        }
    )
    openai, anthropic, ollama = settings.providers.values()
    assert isinstance(openai, OpenAI)
    assert isinstance(anthropic, Anthropic)
    assert isinstance(ollama, Ollama)
    assert openai.api_key == SecretStr("sk-1")
    assert (openai.base_url, openai.organization) == ("http://o/v1", "org-1")
    assert anthropic.api_key == SecretStr("sk-2")
    assert anthropic.base_url == "http://a"
    assert ollama.base_url == "http://l:1"
    assert settings.models.default_provider == "anthropic"
    assert settings.models.default == "anthropic/claude-x"
    assert settings.models.fallbacks == ("openai/gpt-x", "ollama/mistral:7b")
    assert (settings.cache.enabled, settings.cache.ttl_s) == (True, 60)
    assert settings.spend.max_cost_per_request_usd == Decimal("0.25")
    assert notices == []


def test_an_empty_variable_is_the_same_as_none() -> None:
    settings, notices = given(
        dict.fromkeys(READ, "") | {"HEXGATE_LISTEN": "", "HEXGATE_CONFIG": ""}
    )
    assert list(settings.providers) == ["sim"]
    assert len(notices) == 1


def test_a_base_url_without_a_key_is_a_compatible_server() -> None:
    settings, notices = given({"OPENAI_BASE_URL": "http://h/v1"})
    assert settings.providers == {
        "openai": Compatible(kind="openai_compatible", base_url="http://h/v1")
    }
    assert "OPENAI_BASE_URL" in notices[0]


@pytest.mark.parametrize("name", ["ANTHROPIC_BASE_URL", "OPENAI_ORG_ID"])
def test_a_variable_that_needs_a_key_is_not_ignored_in_silence(name: str) -> None:
    _, notices = given({name: "http://h"})
    assert any(notice.startswith(f"{name} is not used without") for notice in notices)


def test_a_running_ollama_is_found_and_one_that_is_not_is_not() -> None:
    settings, notices = given(OPENAI, ollama=True)
    assert list(settings.providers) == ["openai", "ollama"]
    assert settings.providers["ollama"] == Ollama(kind="ollama", base_url=OLLAMA)
    assert notices == [f"an Ollama answers at {OLLAMA}; it is the provider 'ollama'"]
    assert list(given(OPENAI)[0].providers) == ["openai"]


def test_an_ollama_with_an_address_is_used_whether_it_answers_or_not() -> None:
    settings, _ = given({"OLLAMA_API_URL": "http://l:1"})
    assert list(settings.providers) == ["ollama"]


def test_the_probe_tells_a_listener_from_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert reachable(url)
    assert not reachable(url)


@pytest.mark.parametrize(
    ("environ", "default"),
    [
        ({"DEFAULT_MODEL": "gpt-x"}, "gpt-x"),
        ({"DEFAULT_MODEL": "openai/gpt-x"}, "openai/gpt-x"),
        ({"DEFAULT_MODEL": "gpt-x", "DEFAULT_LLM_PROVIDER": "anthropic"}, "anthropic/gpt-x"),
        ({"DEFAULT_MODEL": "openai/x", "DEFAULT_LLM_PROVIDER": "anthropic"}, "openai/x"),
        ({"DEFAULT_MODEL": "meta/x", "DEFAULT_LLM_PROVIDER": "openai"}, "openai/meta/x"),
    ],
)
def test_a_default_model_belongs_to_the_default_provider(
    environ: dict[str, str], default: str
) -> None:
    assert given({**BOTH, **environ})[0].models.default == default


@pytest.mark.parametrize(
    ("environ", "fallback"),
    [
        ({**BOTH, "FALLBACK_MODELS": "o3-mini"}, "openai/o3-mini"),
        ({**BOTH, "FALLBACK_MODELS": "claude-x"}, "anthropic/claude-x"),
        ({**OPENAI, "FALLBACK_MODELS": "other"}, "openai/other"),
        ({"OLLAMA_API_URL": "http://l", "FALLBACK_MODELS": "gpt-oss:20b"}, "ollama/gpt-oss:20b"),
        (
            {**BOTH, "FALLBACK_MODELS": "x", "DEFAULT_LLM_PROVIDER": "anthropic"},
            "anthropic/x",
        ),
    ],
)
def test_a_bare_fallback_finds_its_provider(environ: dict[str, str], fallback: str) -> None:
    assert given(environ)[0].models.fallbacks == (fallback,)


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {**BOTH, "FALLBACK_MODELS": "x"},
            "environment: FALLBACK_MODELS: found 'x', expected provider/model",
        ),
        (
            {**OPENAI, "FALLBACK_MODELS": "claude-x"},
            "environment: FALLBACK_MODELS: found 'anthropic/claude-x', "
            "expected one of the configured providers (openai)",
        ),
        (
            {**OPENAI, "DEFAULT_LLM_PROVIDER": "azure"},
            "environment: DEFAULT_LLM_PROVIDER: found 'azure', "
            "expected one of the configured providers (openai)",
        ),
        (
            {**OPENAI, "DEFAULT_MODEL": "opnai/x"},
            "environment: DEFAULT_MODEL: found 'opnai/x', "
            "expected one of the configured providers (openai) (did you mean 'openai'?)",
        ),
        (
            {"LLM_CACHE_TTL": "soon"},
            "environment: LLM_CACHE_TTL: found 'soon', expected a number from 1 to 31536000",
        ),
        (
            {"ENABLE_LLM_CACHING": "maybe"},
            "environment: ENABLE_LLM_CACHING: found 'maybe', expected true or false",
        ),
        (
            {"MAX_COST_PER_REQUEST": "-1"},
            "environment: MAX_COST_PER_REQUEST: found '-1', expected a number from 0 to 1000000",
        ),
        (
            {"OLLAMA_API_URL": "localhost:11434"},
            "environment: OLLAMA_API_URL: found 'localhost:11434', "
            "expected a URL that starts with http:// or https:// and names a host",
        ),
        (
            {"HEXGATE_LISTEN": "8080"},
            "environment: HEXGATE_LISTEN: found '8080', "
            "expected host:port, such as 127.0.0.1:50051 or [::]:50051",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_found(environ: dict[str, str], line: str) -> None:
    assert refused(environ) == [line]


def test_everything_wrong_is_said_at_once() -> None:
    lines = refused({"LLM_CACHE_TTL": "x", "ENABLE_LLM_CACHING": "x", "HEXGATE_LISTNE": "x"})
    assert len(lines) == 3


def test_our_own_variables_set_what_they_name() -> None:
    settings, _ = given(
        {
            "HEXGATE_LISTEN": "h:1",
            "HEXGATE_ADMIN_LISTEN": "h:2",
            "HEXGATE_LEDGER_PATH": "x.db",
            "HEXGATE_LOG_LEVEL": "DEBUG",
        }
    )
    assert (settings.server.listen, settings.server.admin_listen) == ("h:1", "h:2")
    assert (settings.ledger.path, settings.log.level) == ("x.db", "debug")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("HEXGATE_LISTNE", "HEXGATE_LISTEN"),
        ("HEXGATE_LOGLEVEL", "HEXGATE_LOG_LEVEL"),
        ("HEXGATE_PORT", "HEXGATE_"),
    ],
)
def test_an_unknown_variable_of_our_own_is_refused_with_a_guess(name: str, hint: str) -> None:
    (line,) = refused({name: "8080"})
    assert line.startswith(
        f"environment: {name}: unknown variable, expected one of: HEXGATE_CONFIG"
    )
    assert hint in line
    assert "8080" not in line


def test_what_kubernetes_sets_beside_a_service_of_our_name_is_left_alone() -> None:
    given(
        {
            "HEXGATE_SERVICE_HOST": "10.0.0.1",
            "HEXGATE_SERVICE_PORT": "50051",
            "HEXGATE_SERVICE_PORT_GRPC": "50051",
            "HEXGATE_PORT": "tcp://10.0.0.1:50051",
            "HEXGATE_PORT_50051_TCP": "tcp://10.0.0.1:50051",
            "HEXGATE_PORT_50051_TCP_PROTO": "tcp",
            "HEXGATE_PORT_50051_TCP_PORT": "50051",
            "HEXGATE_PORT_50051_TCP_ADDR": "10.0.0.1",
            "HEXGATE_ADMIN_SERVICE_HOST": "10.0.0.2",
            "HEXGATE_ADMIN_PORT": "tcp://10.0.0.2:50052",
        }
    )


@pytest.mark.parametrize("limit", ["5", "0.25", "0"])
def test_a_daily_budget_is_for_all_calls_together(limit: str) -> None:
    settings, notices = given({**OPENAI, "DAILY_BUDGET_USD": limit})
    assert settings.budgets == {"daily": Budget(limit_usd=Decimal(limit), window="day")}
    assert settings.budgets["daily"].scope == "global"
    assert notices == []


def test_a_switch_that_is_off_asks_for_nothing() -> None:
    off = {"ENABLE_LOAD_BALANCING": "false", "ENABLE_COST_OPTIMIZATION": "0"}
    settings, notices = given({**OPENAI, **off, "DAILY_BUDGET_USD": "off"})
    assert (settings.budgets, notices) == ({}, [])


@pytest.mark.parametrize("limit", ["lots", "-1", "1e99", "0.0000000001", "5 USD"])
def test_a_daily_budget_that_is_no_amount_is_refused_and_not_left_out(limit: str) -> None:
    (line,) = refused({**OPENAI, "DAILY_BUDGET_USD": limit})
    assert line.startswith(f"environment: DAILY_BUDGET_USD: found {limit!r}, expected ")


def test_the_dotenv_file_adds_to_the_environment_and_never_wins(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(
        "# keys\nOPENAI_API_KEY='sk-file'\nexport ANTHROPIC_API_KEY=sk-${HOME}\nLONELY\n"
    )
    environ = {"OPENAI_API_KEY": "sk-real", "HOME": "h"}
    settings, _ = given(environ, dotenv=dotenv)
    openai, anthropic = settings.providers.values()
    assert isinstance(openai, OpenAI)
    assert isinstance(anthropic, Anthropic)
    assert openai.api_key == SecretStr("sk-real")
    assert anthropic.api_key == SecretStr("sk-${HOME}")
    assert environ == {"OPENAI_API_KEY": "sk-real", "HOME": "h"}


def test_a_problem_of_the_dotenv_file_names_its_line(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("A=1\nHEXGATE_LISTNE=x\n!! sk-secret\nLLM_CACHE_TTL=x\n")
    with pytest.raises(ConfigError) as caught:
        given({}, dotenv=dotenv)
    lines = str(caught.value).replace(f"{tmp_path}/", "").splitlines()
    assert lines[0].startswith(".env:2: HEXGATE_LISTNE: unknown variable")
    assert lines[1] == ".env:3: expected NAME=value or a comment"
    assert lines[2].startswith(".env:4: LLM_CACHE_TTL: found 'x'")


def test_no_dotenv_file_is_no_problem_but_one_that_cannot_be_read_is(tmp_path: Path) -> None:
    given({}, dotenv=tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        given({}, dotenv=tmp_path)
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        given({}, dotenv=tmp_path / ".env")
