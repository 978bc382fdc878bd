"""The files written from the models, and the example."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hexgate.entrypoints.config import reference
from hexgate.entrypoints.config.describe import describe
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.kinds import Simulator
from hexgate.entrypoints.settings import Settings
from hexgate.entrypoints.spending import DOWNGRADE_AT, Budget

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
    names = {part for row in reference.rows() for part in re.findall(r"\w+", row.key)}
    names.remove("api_keys")  # in the place of api_key, not beside it
    shown = re.sub(rf"^(\s+)# ({'|'.join(names)}): ", r"\1\2: ", text, flags=re.MULTILINE)
    assert shown.count("\n  listen: ") == 1
    path = tmp_path / "h.yaml"
    path.write_text(shown, encoding="utf-8")
    full = load(path, KEYS, dotenv=None)
    plain = Settings(providers={"sim": Simulator(kind="simulator")})
    for section in ("server", "retry", "breaker", "health", "cache", "ledger", "log"):
        was, is_ = getattr(plain, section).model_dump(), getattr(full, section).model_dump()
        if section == "server":
            assert is_.pop("default_deadline_s") == was["max_deadline_s"]
        # Shown although they have no default.
        for key in ("default_deadline_s", "interval_s", "metrics_listen", "retention_days"):
            was.pop(key, None)
            is_.pop(key, None)
        assert was == is_
    for budget in full.budgets.values():
        for key in ("alerts", "unpriced"):
            assert getattr(budget, key) == Budget.model_fields[key].default
    assert full.budgets["daily"].scope == Budget.model_fields["scope"].default
    assert full.budgets["each-agent"].downgrade_at == DOWNGRADE_AT
    assert full.alerts == plain.alerts
    assert full.max_attempts == plain.max_attempts
    assert full.routing.strategy == plain.routing.strategy
    rule = full.routing.fallback[0].model_dump()
    for key in ("retry_original", "delay_s"):
        assert rule[key] == type(full.routing.fallback[0]).model_fields[key].default


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
        "routing: strategy order, a second attempt after 8 s",
        "alias trial: openai/gpt-5-mini (95) or openai/gpt-5-nano (5), by strategy weighted, "
        "no second attempt beside a first",
        "fallbacks of openai: gpt-4.1-mini",
        "fallback of openai/* on rate_limit, unavailable, overloaded, timeout, error: "
        "anthropic/claude-haiku-4-5, at most 2 attempts",
        "fallback on context_length: openai/gpt-4.1\n",
        "retry: 4 attempts per target and 6 per call; of each provider 0.1 retries for each call "
        "and 10 saved up; waits of at most 20 s while another target is left",
        "retry after rate_limit: 3 at most, from 1 s, each 2 times as long",
        "retry after unavailable: 1 at most, from 5 s\n",
        "breaker: opens after 5 failures in a row or 0.5 of at least 20 attempts in 60 s, rests "
        "30 s, then 1 at a time until 2 succeed; calls wait up to 5 s where all targets rest",
        "health: each provider every 30 s, 0.2 of it sooner or later; last after 2 failed checks, "
        "back after 1 good",
        "server: public services on 127.0.0.1:50051, admin services on 127.0.0.1:50052",
        "provider openai: kind openai, api_key set, at the usual address, transport http",
        "500 requests per minute, 200000 tokens per minute, 50 at a time",
        "provider local: kind ollama, api_key not set, at http://localhost:11434, transport http",
        "provider sim: kind simulator, seed 7, 20 ms per token, 0 of the calls fail",
        "models: default fast",
        "alias best: anthropic/claude-sonnet-4-5, then openai/gpt-5",
        "fallbacks of what is no alias: local/mistral:7b",
        "card lab/qwen3-32b: context_tokens, max_output_tokens, price",
        "ledger: sqlite hexgate.db",
        "spend: at most 0.50 USD per request",
        "budget daily: 25 USD by day for global; then refused; unknown prices: refuse; "
        "alerts at 0.8, 1",
        "budget each-agent: 100 USD by month for agent:*; from 0.8 of it on openai/gpt-5-nano, "
        "local/mistral:7b, then refused; ",
        "alerts: log and metrics\n",
        "log: info, JSON lines",
    ):
        assert part in text, part


def test_the_description_of_defaults_is_short() -> None:
    lines = describe(Settings(providers={"sim": Simulator(kind="simulator")}))
    assert "spend: no bound per request" in lines
    assert "routing: strategy order, no second attempt beside a first" in lines
    assert "health: no checks" in lines
    assert len(lines) < 22


def test_the_description_counts_the_keys_of_a_pool_and_shows_none(
    from_text: Callable[..., Settings],
) -> None:
    pool = "api_keys: [sk-secret-1, sk-secret-2], key_order: least_recently_used"
    lines = describe(from_text(f"providers: {{o: {{kind: openai, {pool}}}}}"))
    text = "\n".join(lines)
    assert "provider o: kind openai, 2 keys by least_recently_used, at the usual address" in text
    assert "sk-secret" not in text


def test_the_description_says_what_is_switched_off_and_what_stands_by(
    from_text: Callable[..., Settings],
) -> None:
    text = """
providers: {sim: {kind: simulator}}
models:
  aliases:
    one: {targets: sim/a, hedge_after_s: 3}
    two: [sim/a, {target: sim/b, weight: 0}, sim/c]
routing:
  fallback:
    - {on: timeout, to: [sim/a, sim/b], retry_original: false, delay_s: 2.5, max_attempts: 1}
retry: {timeout: {retries: 0}}
breaker: {failure_ratio: 0}
"""
    lines = describe(from_text(text))
    for line in (
        "alias one: sim/a, a second attempt after 3 s",
        "alias two: sim/a, then sim/c, then sim/b",
        "fallback on timeout: sim/a, then sim/b, without trying the first again, after 2.5 s, "
        "at most 1 attempt",
        "retry after timeout: never",
        "breaker: opens after 5 failures in a row, rests 30 s, then 1 at a time until 2 succeed; "
        "calls wait up to 5 s where all targets rest",
    ):
        assert line in lines, line
