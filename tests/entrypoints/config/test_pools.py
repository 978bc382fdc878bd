"""Several keys of one provider, in a file: each may be kept elsewhere, and none is ever shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from hexgate.entrypoints.config.describe import describe
from hexgate.entrypoints.kinds import Keyed
from hexgate.entrypoints.settings import Settings
from tests.entrypoints.config.conftest import Load, Refused

POOL = "providers: {{o: {{kind: openai, api_keys: {}}}}}"


def keys_of(settings: Settings) -> list[str]:
    """The keys of the provider `o`."""
    provider = settings.providers["o"]
    assert isinstance(provider, Keyed)
    return [key.get_secret_value() for key in provider.api_keys]


def test_each_key_may_come_from_a_variable_or_a_file(from_text: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    text = POOL.format("[sk-text, {env: K}, {file: key}, '${L}']")
    settings = from_text(text, {"K": "sk-env", "L": "sk-expanded"})
    assert keys_of(settings) == ["sk-text", "sk-env", "sk-file", "sk-expanded"]


@pytest.mark.parametrize("keys", ["'${KEYS}'", "{env: KEYS}", "{file: keys}", "'sk-a,sk-b'"])
def test_all_of_them_may_come_from_one_place(from_text: Load, tmp_path: Path, keys: str) -> None:
    (tmp_path / "keys").write_text("sk-a\nsk-b\n")
    settings = from_text(POOL.format(keys), {"KEYS": " sk-a, sk-b,"})
    assert keys_of(settings) == ["sk-a", "sk-b"]


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("[{env: MY_KEY}]", "[0]: the environment variable MY_KEY is not set; set it"),
        ("[sk-a, {env: sk-oops}]", "[1]: the environment variable that it names is not set"),
        ("[{file: sk-oops}]", "[0]: the file that it names cannot be used"),
        ("[{fil: sk-oops}]", "[0]: found a mapping, expected text, {env: NAME} or {file: path}"),
        ("[sk-oops, 'sk oops']", "[1]: found text, expected at most 8192 visible ASCII"),
        ("[sk-oops, [sk-oops]]", "[1]: found a list, expected text"),
        ("[sk-oops, sk-b, sk-oops]", ": found a list, expected each key once"),
        ("'sk-a, sk oops'", ": found text, expected at most 8192 visible ASCII"),
        ("'sk-oops,sk-oops'", ": found text, expected each key once"),
        ("{env: MY_KEYS}", ": the environment variable MY_KEYS is not set; set it"),
        ("{sk-oops: 1}", ": found a mapping, expected text, {env: NAME} or {file: path}"),
        (
            f"[{', '.join(f'sk-oops{n}' for n in range(101))}]",
            ": found a list, expected text, or a",
        ),
    ],
)
def test_what_is_wrong_is_told_by_its_place_without_the_key(
    refused: Refused, keys: str, line: str
) -> None:
    (found,) = refused(POOL.format(keys))
    assert found.startswith(f"h.yaml:1: providers.o.api_keys{line}"), found
    assert "oops" not in found


@pytest.mark.parametrize("kind", ["openai", "anthropic", "cohere", "gemini", "groq"])
def test_one_of_the_two_is_needed_where_a_key_is(refused: Refused, kind: str) -> None:
    for pool in ("", ", api_keys: []"):
        assert refused(f"providers: {{o: {{kind: {kind}{pool}}}}}") == [
            "h.yaml:1: providers.o.api_key: found nothing, expected a key: text, {env: NAME} or "
            "{file: path}; or several as api_keys"
        ]


@pytest.mark.parametrize("kind", ["openai", "ollama", "vllm"])
def test_both_at_once_are_refused(refused: Refused, kind: str) -> None:
    assert refused(f"providers: {{o: {{kind: {kind}, api_key: sk-1, api_keys: [sk-2]}}}}") == [
        "h.yaml:1: providers.o.api_key: found text, expected either api_key or api_keys, not both"
    ]


@pytest.mark.parametrize("kind", ["ollama", "vllm", "azure, base_url: 'http://a.test'"])
def test_neither_is_needed_where_there_is_another_way(from_text: Load, kind: str) -> None:
    assert keys_of(from_text(f"providers: {{o: {{kind: {kind}}}}}")) == []


def test_keys_show_nowhere(from_text: Load) -> None:
    settings = from_text(POOL.format("[sk-hidden, sk-secret]"))
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {describe(settings)}"
    assert "hidden" not in shown
    assert "secret" not in shown
