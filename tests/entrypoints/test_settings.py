"""The frozen settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from hexgate.adapters.providers.vendors import VENDORS
from hexgate.domain.call import Timeouts as DomainTimeouts
from hexgate.entrypoints import interactions, kinds, prices, resilience, settings, spending
from hexgate.entrypoints.fields import Address, Url, nanos
from hexgate.entrypoints.kinds import KINDS, Azure, OpenAI, Simulator
from hexgate.entrypoints.resilience import Alias
from hexgate.entrypoints.section import Section
from hexgate.entrypoints.settings import Card, Models, Server, Settings
from hexgate.entrypoints.spending import Spend

SIM = {"sim": Simulator(kind="simulator")}
UNITS = {
    "_s": "in seconds",
    "_ms": "in milliseconds",
    "_bytes": "in bytes",
    "_mb": "in MiB",
    "_usd": "in USD",
    "_usd_per_mtok": "in USD per million tokens",
    "context_tokens": "in tokens",
    "max_output_tokens": "in tokens",
    "above_input_tokens": "in tokens",
}


def sections() -> list[type[Section]]:
    """Every model of the settings."""
    modules = (interactions, kinds, prices, resilience, settings, spending)
    found = [value for one in modules for value in vars(one).values() if isinstance(value, type)]
    return [value for value in dict.fromkeys(found) if issubclass(value, Section)]


def numbers(node: object, path: str = "") -> Iterator[tuple[str, dict[str, object]]]:
    """Every number in a JSON schema."""
    if isinstance(node, dict):
        if node.get("type") in ("integer", "number"):
            yield path, node
        for name, inner in node.items():
            yield from numbers(inner, f"{path}.{name}")
    elif isinstance(node, list):
        for inner in node:
            yield from numbers(inner, path)


def named(*targets: str) -> Alias:
    """An alias as a list makes it."""
    return Alias.model_validate({"targets": targets})


@pytest.mark.parametrize("section", sections())
def test_every_section_is_strict_and_frozen_and_quiet(section: type[BaseModel]) -> None:
    config = section.model_config
    assert config["extra"] == "forbid"
    assert config["frozen"] is True
    assert config["hide_input_in_errors"] is True


@pytest.mark.parametrize("section", sections())
def test_every_setting_is_described_and_names_its_unit(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        if name == "kind" or isinstance(field.default, Section):
            continue
        if "Card" in str(field.annotation) or "Price" in str(field.annotation):
            continue
        assert field.description, name
        for ending, unit in UNITS.items():
            if name.endswith(ending):
                assert unit in field.description, name


def test_every_number_has_a_range() -> None:
    found = dict(numbers(Settings.model_json_schema()))
    assert len(found) > 30
    for path, node in found.items():
        assert "minimum" in node, path
        assert "maximum" in node, path


def test_the_defaults_are_those_of_the_domain() -> None:
    assert kinds.Timeouts().model_dump() == {
        name: getattr(DomainTimeouts(), name) for name in DomainTimeouts.__slots__
    }


def test_settings_cannot_be_changed() -> None:
    whole = Settings(providers=SIM)
    with pytest.raises(ValidationError, match="frozen"):
        whole.cache = settings.Cache()
    with pytest.raises(ValidationError, match="frozen"):
        whole.server.max_calls = 3


def test_a_gateway_without_providers_is_refused() -> None:
    with pytest.raises(ValidationError, match="providers"):
        Settings(providers={})


@pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a/b", "a" * 33, "é", "a\n"])
def test_a_provider_name_is_a_short_plain_word(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(providers={name: SIM["sim"]})


def test_kinds_are_those_that_the_models_accept() -> None:
    union = Settings.model_json_schema()["properties"]["providers"]["patternProperties"]
    (mapping,) = (node["discriminator"]["mapping"] for node in union.values())
    assert set(KINDS) == set(mapping)


def test_kinds_are_those_that_the_vendor_table_knows() -> None:
    assert set(KINDS) - {"simulator"} == set(VENDORS)


@pytest.mark.parametrize("path", ["/openai", "/openai/v1/", "/openai/deployments/d", "/x/openai"])
def test_an_endpoint_of_azure_with_the_path_of_an_api_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="the endpoint alone, without /openai"):
        Azure(kind="azure", base_url=f"https://x.openai.azure.com{path}")
    # What stands before a gateway of one's own may have a path.
    assert Azure(kind="azure", base_url="https://x.openai.azure.com/mine").base_url


@pytest.mark.parametrize(
    "models",
    [
        Models(default="nobody/x"),
        Models(default_provider="nobody"),
        Models(fallbacks=("nobody/x",)),
        Models(aliases={"fast": named("sim/x", "nobody/x")}),
        Models(cards={"nobody/x": Card()}),
    ],
)
def test_a_name_of_a_provider_that_is_not_there_is_refused(models: Models) -> None:
    with pytest.raises(ValidationError, match=r"one of the configured providers \(sim\)"):
        Settings(providers=SIM, models=models)


def test_every_unknown_provider_is_reported_with_its_place() -> None:
    models = Models(default="simm/x", aliases={"a": named("no/x", "sim/x", "ni/x")})
    with pytest.raises(ValidationError) as caught:
        Settings(providers=SIM, models=models)
    errors = caught.value.errors()
    assert [error["loc"] for error in errors] == [
        ("models", "default"),
        ("models", "aliases", "a", "targets", 0, "target"),
        ("models", "aliases", "a", "targets", 2, "target"),
    ]
    assert errors[0]["msg"].endswith("(did you mean 'sim'?)")


@pytest.mark.parametrize("default", ["sim/x", "fast", "bare-name"])
def test_the_default_model_is_a_target_an_alias_or_a_bare_name(default: str) -> None:
    models = Models(default=default, aliases={"fast": named("sim/x")})
    assert Settings(providers=SIM, models=models).models.default == default


def test_the_deadline_without_a_wish_is_the_longest_one() -> None:
    assert Server(max_deadline_s=50).deadline_s == 50
    assert Server(max_deadline_s=50, default_deadline_s=20).deadline_s == 20
    with pytest.raises(ValidationError, match=r"default_deadline_s \(60\) to be at most"):
        Server(max_deadline_s=50, default_deadline_s=60)


def test_two_services_do_not_share_an_address() -> None:
    with pytest.raises(ValidationError, match="different addresses"):
        Server(listen="127.0.0.1:9", admin_listen="127.0.0.1:9")
    Server(listen="127.0.0.1:0", admin_listen="127.0.0.1:0")  # two free ports


@pytest.mark.parametrize("text", ["127.0.0.1:0", "[::1]:65535", "localhost:1", "0.0.0.0:50051"])
def test_an_address_is_host_and_port(text: str) -> None:
    assert TypeAdapter(Address).validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", ":1", "h", "h:", "h:65536", "h:-1", "h:x", "::1:5", "h:٣", "a b:1", "http://h:1"]
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValidationError, match="host:port"):
        TypeAdapter(Address).validate_python(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://h", "http://h"),
        ("https://h:8/v1/", "https://h:8/v1"),
        ("http://[::1]:11434", "http://[::1]:11434"),
    ],
)
def test_a_base_url_loses_its_trailing_slash(text: str, url: str) -> None:
    assert TypeAdapter(Url).validate_python(text) == url


BAD = (
    "",
    "h:80",
    "ftp://h",
    "http://",
    "http:///x",
    "http://[::1",
    "http://h:99999",
    "http://h:0",
    "http://h/a b",
    "http://h\n",
    "http://u:p@h",
    "http://u@h",
    "http://h?key=1",
    "http://h/#x",
)


@pytest.mark.parametrize("text", BAD)
def test_any_other_base_url_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="a URL"):
        TypeAdapter(Url).validate_python(text)


@pytest.mark.parametrize("text", ["", "a b", "a\n", "kéy", "a\x00", "x" * 8193])
def test_a_key_that_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OpenAI(kind="openai", api_key=SecretStr(text))
    assert not text or text not in str(caught.value)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8))
def test_a_key_does_not_show(secret: str) -> None:
    key = f"sk-{secret}"
    whole = Settings(providers={"openai": OpenAI(kind="openai", api_key=SecretStr(key))})
    shown = (
        str(whole),
        repr(whole),
        whole.model_dump_json(),
        json.dumps(whole.model_dump(), default=str),
    )
    assert not any(key in text for text in shown)
    provider = whole.providers["openai"]
    assert isinstance(provider, OpenAI)
    assert provider.api_key == SecretStr(key)


@given(st.integers(min_value=0, max_value=10**15))
def test_nanos_are_exact(amount: int) -> None:
    usd = Decimal(amount).scaleb(-9)
    bound = Spend(max_cost_per_request_usd=usd).max_cost_nanos
    assert bound == nanos(usd) == amount


def test_money_below_a_nano_dollar_is_refused() -> None:
    with pytest.raises(ValidationError, match="decimal"):
        Spend(max_cost_per_request_usd=Decimal("0.0000000001"))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "-1", "1e300"])
def test_a_number_out_of_range_is_refused(value: str) -> None:
    for section, name in ((settings.Cache, "ttl_s"), (Spend, "max_cost_per_request_usd")):
        with pytest.raises(ValidationError):
            section.model_validate({name: value})
