"""The files written from the models, and the example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hexgate.entrypoints.config import reference
from hexgate.entrypoints.config.describe import describe
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.kinds import Simulator
from hexgate.entrypoints.settings import Settings

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples/hexgate.yaml"
KEYS = {
    name: f"sk-{name}-secret"
    for name in (
        *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "COHERE_API_KEY"),
        *("GEMINI_API_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        "AWS_BEARER_TOKEN_BEDROCK",
    )
}
AGAIN = "run python -m hexgate.entrypoints.config.reference"


def test_the_reference_of_the_keys_is_current() -> None:
    page = (ROOT / reference.DOCS).read_text(encoding="utf-8")
    assert reference.updated(page) == page, AGAIN


def test_the_schema_for_editors_is_current() -> None:
    assert (ROOT / reference.SCHEMA).read_text(encoding="utf-8") == reference.schema_text(), AGAIN


def test_writing_them_again_gives_the_same(tmp_path: Path) -> None:
    for file in (reference.DOCS, reference.SCHEMA):
        (tmp_path / file).parent.mkdir()
    (tmp_path / reference.DOCS).write_text(f"a\n{reference.BEGIN}old\n{reference.END}b\n")
    reference.main(tmp_path)
    page = (tmp_path / reference.DOCS).read_text()
    assert page.startswith("a\n")
    assert page.endswith("b\n")
    assert "old" not in page
    assert (tmp_path / reference.SCHEMA).read_text() == reference.schema_text()


def test_a_page_without_marks_is_not_overwritten() -> None:
    with pytest.raises(ValueError, match="expected the marks"):
        reference.updated("# Configuration\n")


def test_every_key_has_a_meaning() -> None:
    rows = reference.rows()
    assert len(rows) > 50
    assert not [row.key for row in rows if not row.meaning]


def test_the_example_is_valid() -> None:
    settings = load(EXAMPLE, KEYS, dotenv=None)
    assert list(settings.providers) == ["openai", "anthropic", "local", "lab", "sim"]


def test_the_example_is_valid_with_its_defaults_uncommented_and_they_are_the_defaults(
    tmp_path: Path,
) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    names = {row.key.rpartition(".")[2] for row in reference.rows()}
    shown = re.sub(rf"^(\s+)# ({'|'.join(names)}): ", r"\1\2: ", text, flags=re.MULTILINE)
    assert shown.count("\n  listen: ") == 1
    path = tmp_path / "h.yaml"
    path.write_text(shown, encoding="utf-8")
    full = load(path, KEYS, dotenv=None)
    plain = Settings(providers={"sim": Simulator(kind="simulator")})
    for section in ("server", "retry", "breaker", "cache", "ledger", "log"):
        was, is_ = getattr(plain, section).model_dump(), getattr(full, section).model_dump()
        if section == "server":
            assert is_.pop("default_deadline_s") == was["max_deadline_s"]
            was.pop("default_deadline_s")
        assert was == is_


def test_the_providers_that_the_example_shows_in_comments_are_valid_too(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    first, last = text.index("  # azure:"), text.index("  local:")
    shown = re.sub(r"^  # ( *)(# )?", r"  \1", text[first:last], flags=re.MULTILINE)
    (tmp_path / "google.json").touch()
    shown = shown.replace("/run/secrets/google.json", "google.json")
    path = tmp_path / "h.yaml"
    path.write_text(f"{text[:first]}{shown}{text[last:]}", encoding="utf-8")
    kinds = {provider.kind for provider in load(path, KEYS, dotenv=None).providers.values()}
    assert {"azure", "cohere", "gemini", "vertex", "bedrock"} < kinds


def test_the_example_mentions_every_key() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    keys = {row.key.rpartition(".")[2] for row in reference.rows()}
    assert not [key for key in keys if not re.search(rf"\b{re.escape(key)}\b", text)]


def test_the_description_says_what_would_be_used_and_no_key() -> None:
    lines = describe(load(EXAMPLE, KEYS, dotenv=None))
    text = "\n".join(lines)
    assert "-secret" not in text
    for part in (
        "server: public services on 127.0.0.1:50051, admin services on 127.0.0.1:50052",
        "provider openai: kind openai, api_key set, at the usual address, transport http",
        "500 requests per minute, 200000 tokens per minute, 50 at a time",
        "provider local: kind ollama, api_key not set, at http://localhost:11434, transport http",
        "provider sim: kind simulator, seed 7, 20 ms per token, 0 of the calls fail",
        "models: default fast",
        "alias best: anthropic/claude-sonnet-4-5, then openai/gpt-5",
        "fallbacks: local/mistral:7b",
        "card lab/qwen3-32b: context_tokens, max_output_tokens, price",
        "ledger: sqlite hexgate.db",
        "spend: at most 0.50 USD per request",
        "log: info, JSON lines",
    ):
        assert part in text, part


def test_the_description_of_defaults_is_short() -> None:
    lines = describe(Settings(providers={"sim": Simulator(kind="simulator")}))
    assert "spend: no bound per request" in lines
    assert len(lines) < 14
