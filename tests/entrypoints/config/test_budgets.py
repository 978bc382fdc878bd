"""Budgets, alerts and the ledger in a file: what is accepted, what is wrong, what is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from pydantic import BaseModel
from typer.testing import CliRunner

from hexgate.entrypoints.cli import app
from hexgate.entrypoints.config.describe import describe
from hexgate.entrypoints.config.secrets import OTHERS
from hexgate.entrypoints.settings import Settings
from tests.entrypoints.config.conftest import Load, Refused
from tests.entrypoints.config.test_load import SECRETS, assert_silent

SIM = "providers: {sim: {kind: simulator}}\n"
TOKEN, KEY, PASSWORD = "t0ken-4711", "whsec-0815", "p4ssword"
HOOK = f"https://hooks.test/{TOKEN}?key={TOKEN}"
STORE = f"postgresql://hexgate:{PASSWORD}@db.test/hexgate"
SCOPES = (
    "expected global, agent:<id>, end_user:<id>, session:<id> or label:<key>=<value>; "
    "* is each value"
)


def budget(more: str = "", name: str = "daily") -> str:
    """A file with one budget, of 5 USD a day unless `more` says otherwise."""
    said = more if more.startswith("{") else f"{{limit_usd: 5, window: day{more}}}"
    return f"{SIM}budgets:\n  {name}: {said}\n"


def alerts(hook: str) -> str:
    """The same with this webhook."""
    return f"{budget()}alerts: {{webhook: {hook}}}\n"


def ledger(wish: str) -> str:
    """A file with this ledger."""
    return f"{SIM}ledger: {wish}\n"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            "{window: day}",
            "daily.limit_usd: is missing, expected: What may be spent in one window, in USD.",
        ),
        (
            "{limit_usd: 5}",
            "daily.window: is missing, expected: day or month, in UTC; total: for ever.",
        ),
        (
            "{limit_usd: -1, window: day}",
            "daily.limit_usd: found '-1', expected a number from 0 to 1000000",
        ),
        (
            "{limit_usd: 0.0000000001, window: day}",
            "daily.limit_usd: found '0.0000000001', expected at most 9 decimals",
        ),
        (
            "{limit_usd: 5, window: dat}",
            "daily.window: found 'dat', expected one of: day, month, total (did you mean 'day'?)",
        ),
        (", scope: agent", f"daily.scope: found 'agent', {SCOPES}"),
        (", scope: 'agent:'", f"daily.scope: found 'agent:', {SCOPES}"),
        (", scope: user:x", f"daily.scope: found 'user:x', {SCOPES}"),
        (", scope: label:team", f"daily.scope: found 'label:team', {SCOPES}"),
        (", scope: label:Team=x", f"daily.scope: found 'label:Team=x', {SCOPES}"),
        (
            ", scope: 'api_key:*'",
            f"daily.scope: found 'api_key:*', {SCOPES}; this release does not know callers by "
            "their keys yet",
        ),
        (
            ", alerts: [0.5, 1.5]",
            "daily.alerts[1]: found '1.5', expected a number from 0.000001 to 1",
        ),
        (
            ", alerts: [0]",
            "daily.alerts[0]: found '0', expected a number from 0.000001 to 1",
        ),
        (
            ", alerts: [0.12345678]",
            "daily.alerts[0]: found '0.12345678', expected at most 6 decimals",
        ),
        (", alerts: 0.5", "daily.alerts: found text, expected a list of 0 to 16"),
        (
            ", at_limit: stop",
            "daily.at_limit: found 'stop', expected one of: refuse, downgrade",
        ),
        (
            ", at_limit: downgrade",
            "daily: expected downgrade_to with cheaper models, for at_limit is downgrade",
        ),
        (
            ", downgrade_to: sim/x",
            "daily: expected at_limit: downgrade, for it says where calls are downgraded to",
        ),
        (
            ", downgrade_at: 0.5",
            "daily: expected at_limit: downgrade, for it says where calls are downgraded to",
        ),
        (
            ", at_limit: downgrade, downgrade_to: []",
            "daily.downgrade_to: found an empty list, expected provider/model, or a list of 1 to",
        ),
        (
            ", at_limit: downgrade, downgrade_to: [sim/x, sim/x]",
            "daily.downgrade_to: found a list, expected each target once, but sim/x is there 2 ti",
        ),
        (
            ", at_limit: downgrade, downgrade_to: 'sim/*'",
            "daily.downgrade_to: found 'sim/*', expected one model: provider/model, without *",
        ),
        (
            ", at_limit: downgrade, downgrade_to: [sim/x, simm/y]",
            "daily.downgrade_to[1]: found 'simm/y', expected one of the configured providers (sim) "
            "(did you mean 'sim'?)",
        ),
        (
            ", unpriced: deny",
            "daily.unpriced: found 'deny', expected one of: refuse, allow",
        ),
        (
            ", at_limt: refuse",
            "daily.at_limt: unknown key, expected one of: limit_usd, window, scope, at_limit, "
            "downgrade_to, downgrade_at, alerts, unpriced (did you mean 'at_limit'?)",
        ),
    ],
)
def test_what_is_wrong_with_a_budget_is_one_line(refused: Refused, more: str, line: str) -> None:
    (found,) = refused(budget(more))
    assert found.startswith(f"h.yaml:3: budgets.{line}"), found


def test_the_name_of_a_budget_is_a_short_plain_word(refused: Refused) -> None:
    (found,) = refused(budget(name="Daily"))
    assert "budgets.Daily: found the name 'Daily', expected a name of at most 32 lower" in found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (alerts("{}"), "alerts.webhook.url: is missing, expected: Where to post: text, {env: "),
        (
            alerts(f"{{url: 'ftp://{TOKEN}'}}"),
            "alerts.webhook.url: found text, expected a URL that starts with http:// or https:// "
            "and names a host, without user or password",
        ),
        (
            alerts(f"{{url: 'https://u:{TOKEN}@h'}}"),
            "alerts.webhook.url: found text, expected a URL that starts with http:// or https:// ",
        ),
        (
            alerts(f"{{url: {{evn: {TOKEN}}}}}"),
            "alerts.webhook.url: found a mapping, expected text, {env: NAME} or {file: path}",
        ),
        (
            alerts("{url: {env: NO_SUCH_NAME}}"),
            "alerts.webhook.url: the environment variable NO_SUCH_NAME is not set; set it",
        ),
        (
            alerts(f"{{url: '{HOOK}', secret: {{file: none}}}}"),
            "alerts.webhook.secret: the file that it names cannot be used: No such file",
        ),
        (
            alerts(f"{{url: '{HOOK}', secret: '{KEY} x'}}"),
            "alerts.webhook.secret: found text, expected at most 8192 visible ASCII characters",
        ),
        (
            alerts(f"{{url: '{HOOK}', timeout_s: 31}}"),
            "alerts.webhook.timeout_s: found '31', expected a number from 0.001 to 30",
        ),
        (
            ledger("{backend: mysql}"),
            "ledger.backend: found 'mysql', expected one of: sqlite, postgres, memory",
        ),
        (ledger("{backend: postgres}"), "ledger: expected url where backend is postgres, and th"),
        (ledger(f"{{url: '{STORE}'}}"), "ledger: expected url where backend is postgres, and th"),
        (
            ledger("{backend: postgres, url: {env: NO_SUCH_NAME}}"),
            "ledger.url: the environment variable NO_SUCH_NAME is not set; set it",
        ),
        (
            ledger(f"{{backend: postgres, url: 'host=db password={PASSWORD}'}}"),
            "ledger.url: found text, expected at most 8192 visible ASCII characters, without spac",
        ),
        (
            ledger("{retention_days: 1}"),
            "ledger.retention_days: found '1', expected a whole number from 2 to 36500",
        ),
        (ledger("{labels: [Team]}"), "ledger.labels[0]: found 'Team', expected the key of a label"),
        (
            f"{SIM}server: {{metrics_listen: '9090'}}\n",
            "server.metrics_listen: found '9090', expected host:port, such as 127.0.0.1:50051",
        ),
    ],
    ids=lambda text: text.partition(":")[0],
)
def test_what_is_wrong_beside_them_is_one_line_without_a_secret(
    refused: Refused, text: str, line: str
) -> None:
    lines = refused(text)
    assert any(line in found for found in lines), lines
    assert not any(secret in found for found in lines for secret in (TOKEN, KEY, PASSWORD))


FULL = """
budgets:
  team:
    limit_usd: 12.50
    window: month
    scope: label:team=search
    at_limit: downgrade
    downgrade_to: [sim/small, sim/tiny]
    downgrade_at: 0.75
    alerts: [0.5, 0.9]
    unpriced: allow
"""


def test_a_budget_amounts_to_one_line(from_text: Load) -> None:
    lines = describe(from_text(SIM + FULL))
    assert (
        "budget team: 12.50 USD by month for label:team=search; from 0.75 of it on sim/small, "
        "sim/tiny, then refused; unknown prices: allow; alerts at 0.5, 0.9"
    ) in lines
    assert "alerts: log and metrics" in lines


def test_what_is_not_said_of_a_budget_is_shown_as_well(from_text: Load) -> None:
    lines = describe(from_text(budget()))
    assert (
        "budget daily: 5 USD by day for global; then refused; unknown prices: refuse; "
        "alerts at 0.8, 1"
    ) in lines
    soft = describe(from_text(budget(", at_limit: downgrade, downgrade_to: sim/x, alerts: []")))
    assert any("; from 0.8 of it on sim/x, then refused;" in line for line in soft)
    assert any(line.endswith("; no alerts") for line in soft)


def test_without_budgets_nobody_hears_of_them(from_text: Load) -> None:
    plain = describe(from_text(SIM))
    assert not [line for line in plain if line.startswith(("budget", "alerts"))]
    hooked = describe(from_text(f"{SIM}alerts: {{webhook: {{url: '{HOOK}'}}}}\n"))
    assert "alerts: none, for there are no budgets" in hooked


def test_where_metrics_and_rows_are_is_shown(from_text: Load) -> None:
    text = f"{SIM}server: {{metrics_listen: '[::1]:9090'}}\n"
    (server, *_) = describe(from_text(text))
    assert server.endswith("admin services on 127.0.0.1:50052, metrics on [::1]:9090")
    kept = describe(from_text(ledger("{retention_days: 30, labels: [team, env]}")))
    line = "ledger: sqlite hexgate.db, rows are kept for 30 days, daily sums by label team, env"
    assert line in kept
    assert "ledger: memory, rows are kept for ever" in describe(
        from_text(ledger("{backend: memory}"))
    )


SECRET = f"""
ledger: {{backend: postgres, url: %s, migrate: false}}
alerts: {{webhook: {{url: %s, secret: %s}}}}
{FULL}
"""


@pytest.mark.parametrize("way", ["text", "env", "file"])
def test_secrets_come_as_text_from_a_variable_or_a_file_and_are_never_shown(
    tmp_path: Path, way: str
) -> None:
    values = {"STORE_URL": STORE, "HOOK_URL": HOOK, "HOOK_KEY": KEY}
    for name, value in values.items():
        (tmp_path / name).write_text(f"{value}\n")
    said = [
        {"text": f"'{value}'", "env": f"{{env: {name}}}", "file": f"{{file: {name}}}"}[way]
        for name, value in values.items()
    ]
    file = tmp_path / "h.yaml"
    file.write_text(SIM + SECRET % tuple(said))
    run = CliRunner().invoke(app, ["check-config", str(file)], env=values)
    assert run.exit_code == 0, run.output
    assert "ledger: postgres, migrated by hand, rows are kept for ever" in run.output
    assert "alerts: log and metrics, webhook (signed)" in run.output
    for secret in (TOKEN, KEY, PASSWORD, "hooks.test", "db.test"):
        assert secret not in run.output


def test_secrets_reach_their_settings(from_text: Load) -> None:
    settings = from_text(
        SIM + SECRET % ("{env: A}", "{env: B}", "{env: C}"), {"A": STORE, "B": HOOK, "C": KEY}
    )
    hook, url = settings.alerts.webhook, settings.ledger.url
    assert hook is not None
    assert hook.secret is not None
    assert url is not None
    assert hook.url.get_secret_value() == HOOK
    assert hook.secret.get_secret_value() == KEY
    assert url.get_secret_value() == STORE
    shown = f"{settings!r} {settings.model_dump_json()}"
    for secret in (TOKEN, KEY, PASSWORD):
        assert secret not in shown


def test_an_unsigned_webhook_is_shown_to_be_one(from_text: Load) -> None:
    lines = describe(from_text(alerts(f"{{url: '{HOOK}'}}")))
    assert "alerts: log and metrics, webhook (not signed)" in lines


PLACES = (
    "alerts: {{webhook: {{url: {0}}}}}",
    "alerts: {{webhook: {{url: 'ftp://{0}'}}}}",
    "alerts: {{webhook: {{url: 'http://u:{0}@h'}}}}",
    "alerts: {{webhook: {{url: [{0}]}}}}",
    "alerts: {{webhook: {{url: {{env: {0}}}}}}}",
    "alerts: {{webhook: {{url: {{file: {0}}}}}}}",
    "alerts: {{webhook: {{url: {{{0}: x}}}}}}",
    "alerts: {{webhook: {{url: 'http://h', secret: '{0} x'}}}}",
    "alerts: {{webhook: {{url: 'http://h', secret: [{0}]}}}}",
    "alerts: {{webhook: {{url: 'http://h', secrt: {0}}}}}",
    "alerts: {{webhook: {0}}}",
    "alerts: {0}",
    "ledger: {{url: {0}}}",
    "ledger: {{backend: postgres, url: 'postgresql://u:{0}@h x'}}",
    "ledger: {{backend: postgres, url: {{file: {0}}}}}",
    "ledger: {{backend: postgres, url: [{0}]}}",
)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=10)
@given(secret=SECRETS)
def test_no_error_shows_a_secret_wherever_it_was_written(place: str, secret: str) -> None:
    assert_silent(SIM + place.format(secret), {}, secret)


HELD = (
    ("alerts: {webhook: {url: %s}}", "ftp://sk-4711"),
    ("alerts: {webhook: {url: %s}}", "http://u:sk-4711@h"),
    ("alerts: {webhook: {url: 'http://h', secret: %s}}", "sk-4711 x"),
    ("ledger: {url: %s}", "postgresql://u:sk-4711@h"),
    ("ledger: {backend: postgres, url: %s}", "sk-4711 x"),
)


@pytest.mark.parametrize(("place", "held"), HELD)
@pytest.mark.parametrize("reference", ["'${HELD}'", "{env: HELD}"])
def test_no_error_shows_what_a_variable_held(place: str, held: str, reference: str) -> None:
    assert_silent(SIM + place % reference, {"HELD": held}, "sk-4711")


def hidden(section: type[BaseModel], *key: str) -> Iterator[tuple[str, ...]]:
    """The keys of every secret in a section, but for those of providers."""
    for name, field in section.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        if name != "providers" and "SecretStr" in str(field.annotation):
            yield (*key, name)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from hidden(kind, *key, name)


def test_every_secret_outside_of_providers_may_be_kept_elsewhere() -> None:
    assert set(hidden(Settings)) == set(OTHERS)
