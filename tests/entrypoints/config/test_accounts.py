"""Which variables make which provider, and what is said where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from hexgate.entrypoints.config.accounts import installed
from hexgate.entrypoints.config.environment import compose
from hexgate.entrypoints.config.errors import ConfigError
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.config.variables import Variables
from hexgate.entrypoints.kinds import Azure, Bedrock, Cohere, Gemini, Keyed, Vertex
from hexgate.entrypoints.settings import Settings

AZURE = {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "AZURE_OPENAI_API_KEY": "k"}
# Any file that can be read: nobody looks into it before a token is needed.
VERTEX = {"GOOGLE_APPLICATION_CREDENTIALS": __file__, "GOOGLE_CLOUD_PROJECT": "p"}
BEDROCK = {
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def given(environ: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings of an environment, and what was noticed."""
    notices: list[str] = []
    made = load(None, environ, dotenv=None, probe=lambda _: False, notice=notices.append)
    return made, notices


def bare(environ: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The providers of an environment where no extra is installed, and what was noticed."""
    notices: list[str] = []
    document = compose(
        Variables(environ), lambda _: False, notices.append, has=lambda package: not package
    )
    providers = document.tree["providers"]
    assert isinstance(providers, dict)
    return list(providers), notices


def test_azure_is_made_of_its_variables() -> None:
    settings, notices = given({**AZURE, "AZURE_OPENAI_API_VERSION": "2024-10-21"})
    assert notices == []
    assert settings.providers == {
        "azure": Azure(
            kind="azure",
            base_url="https://x.openai.azure.com",
            api_key=SecretStr("k"),
            api_version="2024-10-21",
        )
    }


@pytest.mark.parametrize("name", ["GEMINI_API_KEY", "GOOGLE_AI_API_KEY"])
def test_gemini_goes_by_two_names(name: str) -> None:
    assert given({name: "k"})[0].providers == {
        "gemini": Gemini(kind="gemini", api_key=SecretStr("k"))
    }


def test_cohere_needs_its_key_alone() -> None:
    settings, notices = given({"COHERE_API_KEY": "k"})
    assert (settings.providers, notices) == (
        {"cohere": Cohere(kind="cohere", api_key=SecretStr("k"))},
        [],
    )


def test_vertex_is_global_unless_told_where() -> None:
    assert given(VERTEX)[0].providers == {
        "vertex": Vertex(kind="vertex", project="p", credentials_file=__file__)
    }
    somewhere, _ = given({**VERTEX, "GOOGLE_CLOUD_LOCATION": "europe-west4"})
    assert getattr(somewhere.providers["vertex"], "location", "") == "europe-west4"


def test_bedrock_takes_the_key_and_prefers_the_nearer_region() -> None:
    settings, notices = given({**BEDROCK, "AWS_REGION": "us-east-1"})
    assert notices == []
    assert settings.providers == {
        "bedrock": Bedrock(
            kind="bedrock",
            region="us-east-1",
            access_key_id=SecretStr("AKIA"),
            secret_access_key=SecretStr("s"),
        )
    }


@pytest.mark.parametrize(
    "how",
    [
        {"AWS_PROFILE": "dev"},
        {"AWS_BEARER_TOKEN_BEDROCK": "t"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"},
        {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/"},
    ],
)
def test_every_way_to_prove_oneself_to_aws_makes_bedrock(how: dict[str, str]) -> None:
    assert list(given({"AWS_REGION": "eu-west-1", **how})[0].providers) == ["bedrock"]


@pytest.mark.parametrize(
    ("environ", "notice"),
    [
        (
            {"AZURE_OPENAI_API_KEY": "k"},
            "AZURE_OPENAI_API_KEY is not used without AZURE_OPENAI_ENDPOINT; set both",
        ),
        (
            {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"},
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are not used without "
            "one of AWS_REGION, AWS_DEFAULT_REGION; set both",
        ),
        (
            {**BEDROCK, "AWS_SECRET_ACCESS_KEY": ""},
            "AWS_ACCESS_KEY_ID is not used without AWS_SECRET_ACCESS_KEY; set both",
        ),
        (
            {"AWS_REGION": "r", "AWS_PROFILE": "p", "AWS_SECRET_ACCESS_KEY": "s"},
            "AWS_SECRET_ACCESS_KEY is not used without AWS_ACCESS_KEY_ID; set both",
        ),
        (
            {"AWS_REGION": "r", "AWS_PROFILE": "p", "AWS_SESSION_TOKEN": "s"},
            "AWS_SESSION_TOKEN is not used without AWS_ACCESS_KEY_ID; set both",
        ),
        (
            {"GOOGLE_APPLICATION_CREDENTIALS": "/k.json"},
            "GOOGLE_APPLICATION_CREDENTIALS is not used without GOOGLE_CLOUD_PROJECT; set both",
        ),
    ],
)
def test_half_an_account_is_not_ignored_in_silence(environ: dict[str, str], notice: str) -> None:
    settings, notices = given(environ)
    assert list(settings.providers) == ["sim"]
    assert notice in notices


@pytest.mark.parametrize(
    ("environ", "extra"),
    [
        (VERTEX, "vertex"),
        (BEDROCK, "bedrock"),
        ({"AZURE_OPENAI_ENDPOINT": "https://x.test"}, "azure"),
    ],
)
def test_an_account_whose_package_is_missing_is_left_out_and_says_what_to_install(
    environ: dict[str, str], extra: str
) -> None:
    providers, notices = bare(environ)
    assert providers == ["sim"]
    assert any(notice.endswith(f"install hexgate[{extra}]") for notice in notices)


def test_azure_with_a_key_needs_no_package() -> None:
    assert bare(AZURE) == (["azure"], [])


def test_bedrock_with_a_key_of_its_own_needs_no_package() -> None:
    environ = {"AWS_BEARER_TOKEN_BEDROCK": "t", "AWS_REGION": "eu-west-1"}
    assert bare(environ) == (["bedrock"], [])


def test_a_key_file_that_is_not_there_is_an_error_of_its_variable() -> None:
    with pytest.raises(ConfigError, match="GOOGLE_APPLICATION_CREDENTIALS: the file that it names"):
        given({**VERTEX, "GOOGLE_APPLICATION_CREDENTIALS": "/no/such/k.json"})


def test_what_only_the_vendors_library_reads_does_not_count_from_a_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("AWS_REGION=eu-west-1\nAWS_WEB_IDENTITY_TOKEN_FILE=/t\n")

    def said(environ: Mapping[str, str]) -> tuple[list[str], str]:
        notices: list[str] = []
        made = load(None, environ, dotenv=dotenv, probe=lambda _: False, notice=notices.append)
        return list(made.providers), notices[0] if notices else ""

    providers, notice = said({})
    assert providers == ["sim"]
    assert notice.startswith("AWS_WEB_IDENTITY_TOKEN_FILE is in the .env file")
    assert said({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}) == (["bedrock"], "")
    assert said({"AWS_PROFILE": "p"}) == (["bedrock"], "")


def test_a_package_is_looked_for_without_importing_it() -> None:
    assert installed("json")
    assert not installed("no_such_package.at_all")


def keys(settings: Settings) -> list[tuple[str, str, list[str]]]:
    """Each provider with its single key and its pool."""
    found = []
    for name, provider in settings.providers.items():
        assert isinstance(provider, Keyed)
        single = provider.api_key.get_secret_value() if provider.api_key else ""
        found.append((name, single, [key.get_secret_value() for key in provider.api_keys]))
    return found


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        ("OPENAI_API_KEYS", "openai", {}),
        ("ANTHROPIC_API_KEYS", "anthropic", {}),
        ("COHERE_API_KEYS", "cohere", {}),
        ("GEMINI_API_KEYS", "gemini", {}),
        ("AZURE_OPENAI_API_KEYS", "azure", {"AZURE_OPENAI_ENDPOINT": "https://x.test"}),
    ],
)
def test_several_keys_make_a_pool_and_a_single_one_leads_it(
    name: str, kind: str, more: dict[str, str]
) -> None:
    environ = {**more, name: " k2, k1 ,,k3,"}
    settings, notices = given(environ)
    assert (keys(settings), notices) == ([(kind, "", ["k2", "k1", "k3"])], [])
    settings, notices = given({**environ, name.removesuffix("S"): "k1"})
    assert (keys(settings), notices) == ([(kind, "", ["k1", "k2", "k3"])], [])
    assert bare(environ) == ([kind], [])


def test_either_name_of_the_single_key_of_gemini_leads_its_pool() -> None:
    settings, _ = given({"GEMINI_API_KEYS": "k2", "GOOGLE_AI_API_KEY": "k1"})
    assert keys(settings) == [("gemini", "", ["k1", "k2"])]


def test_a_pool_of_openai_takes_its_address_too() -> None:
    settings, notices = given({"OPENAI_API_KEYS": "k1,k2", "OPENAI_BASE_URL": "http://h/v1"})
    (provider,) = settings.providers.values()
    assert (provider.kind, getattr(provider, "base_url", "")) == ("openai", "http://h/v1")
    assert notices == []


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        (" , ", "found no key, expected keys with commas between"),
        ("sk-1,sk oops", "found text, expected at most 8192 visible ASCII characters"),
    ],
)
@pytest.mark.parametrize("name", ["OPENAI_API_KEYS", "AZURE_OPENAI_API_KEYS", "COHERE_API_KEYS"])
def test_a_pool_that_cannot_be_is_an_error_that_shows_no_key(
    name: str, pool: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        given({"AZURE_OPENAI_ENDPOINT": "https://x.test", "AZURE_OPENAI_API_KEY": "", name: pool})
    (line,) = [line for line in str(caught.value).splitlines() if "API_KEYS" in line]
    assert line.startswith(f"environment: {name}: {message}")
    assert "oops" not in line


@pytest.mark.parametrize(
    ("environ", "model", "target"),
    [
        ({"GEMINI_API_KEY": "k", **VERTEX}, "gemini-2.5-flash", "gemini/gemini-2.5-flash"),
        ({**AZURE, **VERTEX}, "gemini-2.5-flash", "vertex/gemini-2.5-flash"),
        ({**AZURE, **VERTEX}, "gpt-4o", "azure/gpt-4o"),
        ({**AZURE, "COHERE_API_KEY": "k"}, "command-a-03-2025", "cohere/command-a-03-2025"),
    ],
)
def test_a_bare_fallback_goes_to_whoever_has_the_family(
    environ: dict[str, str], model: str, target: str
) -> None:
    assert given({**environ, "FALLBACK_MODELS": model})[0].models.fallbacks == (target,)
