"""Loading a file: problems, keys, what wins, and what is noticed."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexgate.entrypoints.config import secrets
from hexgate.entrypoints.config.errors import ConfigError
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.kinds import AnyProvider, OpenAI, Vertex
from hexgate.entrypoints.settings import Settings

FromText = Callable[..., Settings]
Refused = Callable[..., list[str]]
SIM = "providers: {sim: {kind: simulator}}\n"

WRONG = """\
server:
  listne: 127.0.0.1:1
  max_calls: 0
providers:
  claude:
    kind: anthropc
    api_key: sk-1
  openai:
    kind: openai
    timeouts: {conect_s: 3}
  Lab: {kind: simulator}
models:
  aliases:
    fast: opnai/x
    best: [openai/x, claude]
retry: {attempts: ${ATTEMPTS}}
"""


def test_all_problems_are_said_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    text = WRONG.replace("${ATTEMPTS}", '"${ATTEMPTS}"')
    known = (
        "openai, anthropic, azure, cohere, gemini, vertex, bedrock, ollama, openai_compatible, "
        "groq, mistral, deepseek, xai, vllm"
    )
    assert refused(text) == [
        "h.yaml:2: server.listne: unknown key, expected one of: listen, admin_listen, "
        "metrics_listen, max_request_bytes, max_calls, max_deadline_s, default_deadline_s, "
        "drain_s, write_timeout_s, reflection (did you mean 'listen'?)",
        "h.yaml:3: server.max_calls: found '0', expected a whole number from 1 to 1000000",
        "h.yaml:5: providers.claude: found 'anthropc' as kind, expected one of: "
        f"{known}, llamacpp, simulator (did you mean 'anthropic'?)",
        "h.yaml:8: providers.openai.api_key: found nothing, expected a key: "
        "text, {env: NAME} or {file: path}; or several as api_keys",
        "h.yaml:10: providers.openai.timeouts.conect_s: unknown key, expected one of: connect_s, "
        "first_token_s, between_tokens_s, attempt_s (did you mean 'connect_s'?)",
        "h.yaml:11: providers.Lab: found the name 'Lab', expected a name of at most 32 "
        "lower-case letters, digits, - and _, starting with a letter",
        "h.yaml:14: models.aliases.fast: found 'opnai/x', expected one of the configured "
        "providers (claude, openai, Lab) (did you mean 'openai'?)",
        "h.yaml:15: models.aliases.best[1]: found 'claude', expected provider/model",
        "h.yaml:16: retry.attempts: the environment variable ATTEMPTS is not set; set it, "
        "or write ${ATTEMPTS:-default}",
    ]


def test_an_alias_of_an_unknown_provider_is_named_when_all_else_is_well(refused: Refused) -> None:
    assert refused(SIM + "models:\n  aliases:\n    fast: [sim/x, simm/y]") == [
        "h.yaml:4: models.aliases.fast[1]: found 'simm/y', expected one of the configured "
        "providers (sim) (did you mean 'sim'?)"
    ]


def test_one_mistake_is_one_line(refused: Refused) -> None:
    assert refused(SIM + "models: {aliases: {a: Bad/x, b: [Bad/y]}}\nlog: 3") == [
        "h.yaml:2: models.aliases.a: found 'Bad/x', expected provider/model",
        "h.yaml:2: models.aliases.b[0]: found 'Bad/y', expected provider/model",
        "h.yaml:3: log: found text, expected a mapping",
    ]


def test_a_provider_without_a_kind_is_told_the_kinds(refused: Refused) -> None:
    (line,) = refused("providers:\n  a: {api_key: x}")
    assert line.startswith("h.yaml:2: providers.a: kind is missing, expected one of: openai, ")


def test_a_rule_between_two_keys_is_reported_at_their_section(refused: Refused) -> None:
    assert refused(SIM + "server: {max_deadline_s: 5, default_deadline_s: 6}") == [
        "h.yaml:2: server: expected default_deadline_s (6) to be at most max_deadline_s (5)"
    ]


def test_a_key_given_twice_does_not_hide_what_is_wrong_with_the_first(refused: Refused) -> None:
    lines = refused("providers:\n  a: {kind: simulator, seed: x}\n  a: {kind: simulator}\n")
    assert [line.partition(": ")[0] for line in lines] == ["h.yaml:2", "h.yaml:3"]


def key_of(found: Settings) -> str:
    """The key of the provider `o`."""
    provider = found.providers["o"]
    assert isinstance(provider, OpenAI)
    assert provider.api_key
    return provider.api_key.get_secret_value()


def test_a_key_may_come_from_a_variable_or_a_file(from_text: FromText, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    text = "providers: {o: {kind: openai, api_key: %s}}"
    assert key_of(from_text(text % "{env: K}", {"K": "sk-env"})) == "sk-env"
    assert key_of(from_text(text % "'${K}'", {"K": "sk-env"})) == "sk-env"
    assert key_of(from_text(text % "{file: key}")) == "sk-file"  # relative to the file
    assert key_of(from_text(text % f"{{file: {tmp_path}/key}}")) == "sk-file"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("{env: MY_KEY}", "the environment variable MY_KEY is not set"),
        ("{env: sk-oops}", "the environment variable that it names is not set"),
        ("{file: sk-oops}", "the file that it names cannot be used: No such file or directory"),
        ("{file: bad}", "the file that it names cannot be used: it is not UTF-8"),
        ("{file: big}", "the file that it names cannot be used: it is larger than 64 KiB"),
        ("{file: empty}", "found text, expected a key, not an empty text"),
        ("{file: 'a\\0b'}", "the file that it names cannot be used: embedded null byte"),
        ("{fil: sk-oops}", "found a mapping, expected text, {env: NAME} or {file: path}"),
        ("{env: A, file: sk-oops}", "found a mapping, expected text, {env: NAME} or {file: path}"),
        ("[sk-oops]", "found a list, expected text"),
        ("sk oops", "found text, expected at most 8192 visible ASCII characters"),
        ("", "found nothing, expected a key: text, {env: NAME} or {file: path}"),
    ],
)
def test_a_key_that_cannot_be_had_is_an_error_that_does_not_show_it(
    refused: Refused, tmp_path: Path, reference: str, message: str
) -> None:
    (tmp_path / "bad").write_bytes(b"sk-oops\xff")
    (tmp_path / "big").write_bytes(b"k" * 70_000)
    (tmp_path / "empty").write_text("\n")
    reference = reference.replace("'a\\0b'", '"a\\0b"')
    (line,) = refused(f"providers:\n  o:\n    kind: openai\n    api_key: {reference}\n")
    assert line.startswith(f"h.yaml:4: providers.o.api_key: {message}"), line
    assert "oops" not in line


PLACES = (
    "providers: {{o: {{kind: openai, api_key: {0}, base_url: x}}}}",
    "providers: {{o: {{kind: openai, api_key: [{0}]}}}}",
    "providers: {{o: {{kind: openai, api_key: {{env: {0}}}}}}}",
    "providers: {{o: {{kind: openai, api_key: {{file: {0}}}}}}}",
    "providers: {{o: {{kind: openai, api_key: {{{0}: x}}}}}}",
    "providers: {{o: {{kind: opnai, api_key: {0}}}}}",
    "providers: {{o: {{kind: openai, apikey: {0}}}}}",
    "providers: {{o: {0}}}",
    "providers: {0}",
    "{0}",
    "providers: {{o: {{kind: openai, api_key: {0}}}, o: 1}}",
    "providers: {{o: {{kind: openai, api_key: k, base_url: 'http://u:'{0}@h}}}}",
    "providers: {{o: {{kind: openai, api_key: *{0}}}}}",
    "providers: {{o: {{kind: openai, api_key: !{0} x}}}}",
    "providers: {{o: {{kind: openai, api_key: {0}: {0}}}}}",
    "providers: {{o: {{kind: openai, api_keys: '{0},{0}'}}}}",
    "providers: {{o: {{kind: openai, api_keys: [{0}, {0}]}}}}",
    "providers: {{o: {{kind: openai, api_keys: ['{0} x', {{env: {0}}}, {{{0}: x}}]}}}}",
    "providers: {{o: {{kind: openai, fallbacks: [a b], api_keys: [[{0}]]}}}}",
    *(
        f"providers: {{{{o: {{{{kind: bedrock, region: r, {key}: '{{0}} x'}}}}}}}}"
        for key in secrets.SECRETS
    ),
)
SECRETS = st.from_regex(r"[A-Za-z0-9_-]{20,40}", fullmatch=True).map("sk-{}".format)


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=20, deadline=None)
@given(secret=SECRETS)
def test_no_error_shows_a_key_wherever_it_was_written(place: str, secret: str) -> None:
    assert_silent(place.format(secret), {}, secret)


@pytest.mark.parametrize("place", PLACES[:2] + PLACES[5:10])
@settings(max_examples=20, deadline=None)
@given(secret=SECRETS)
def test_no_error_shows_what_a_variable_held(place: str, secret: str) -> None:
    text = place.format('"${SECRET}"')
    text += (
        "\nlog: {level: '${SECRET}'}\nmodels: {default: 'no/${SECRET}', fallbacks: ['${SECRET}']}"
    )
    text += "\nserver: {listen: '${SECRET}', max_calls: '${SECRET}'}"
    assert_silent(text, {"SECRET": secret}, secret)


@settings(max_examples=20, deadline=None)
@given(secret=SECRETS)
def test_no_error_shows_a_key_of_the_environment(secret: str) -> None:
    environ = {"OPENAI_API_KEY": f"{secret} x", "OPENAI_BASE_URL": f"http://u:{secret}@h"}
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    environ |= {"AWS_REGION": "r", **dict.fromkeys(keys, f"{secret} x")}
    with pytest.raises(ConfigError) as caught:
        load(None, environ, dotenv=None, probe=lambda _: False)
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert len(caught.value.problems) == 5


def test_every_key_that_may_be_kept_elsewhere_is_kept_quiet() -> None:
    kinds = get_args(get_args(AnyProvider)[0])
    fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    secret = {name for name, field in fields.items() if "SecretStr" in str(field.annotation)}
    assert secret == set(secrets.SECRETS)


def assert_silent(text: str, environ: dict[str, str], secret: str) -> None:
    """Loading fails, and nothing that the failure says or holds shows the secret."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "h.yaml")
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load(path, environ, dotenv=None)
    error = caught.value
    shown = [str(error), repr(error), repr(error.problems)]
    shown.append("".join(traceback.format_exception(error)))
    assert not any(secret in part for part in shown), shown[0]


def test_the_environment_is_not_mixed_into_a_file_and_that_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text("providers: {o: {kind: openai, api_key: '${OPENAI_API_KEY}'}}")
    environ = {"OPENAI_API_KEY": "sk-1", "ANTHROPIC_API_KEY": "sk-2", "DEFAULT_MODEL": "x"}
    notices: list[str] = []
    found = load(path, environ, dotenv=None, notice=notices.append)
    assert list(found.providers) == ["o"]
    assert found.models.default is None
    assert notices == [
        f"{path} is used, so these variables are not: ANTHROPIC_API_KEY, DEFAULT_MODEL; "
        "refer to them in it as ${NAME}"
    ]


def test_no_probe_is_made_where_there_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(SIM)
    asked: list[str] = []

    def probe(url: str) -> bool:
        asked.append(url)
        return True

    load(path, {}, dotenv=None, probe=probe)
    assert asked == []


def test_a_file_may_use_a_variable_of_a_later_release_without_notice(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_text(SIM + "ledger: {path: '${AWS_REGION}.db'}")
    notices: list[str] = []
    load(path, {"AWS_REGION": "r"}, dotenv=None, notice=notices.append)
    assert notices == []


def test_the_file_may_be_named_by_a_variable_and_the_argument_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text(SIM.replace("sim:", "one:"))
    two.write_text(SIM.replace("sim:", "two:"))
    environ = {"HEXGATE_CONFIG": str(one)}
    assert list(load(None, environ, dotenv=None).providers) == ["one"]
    assert list(load(two, environ, dotenv=None).providers) == ["two"]


def test_our_own_variables_win_over_the_file(from_text: FromText) -> None:
    text = SIM + "server: {listen: 'h:1', max_calls: 7}\nlog: {level: error}"
    found = from_text(text, {"HEXGATE_LISTEN": "h:9", "HEXGATE_LOG_LEVEL": "debug"})
    assert (found.server.listen, found.server.max_calls) == ("h:9", 7)
    assert found.log.level == "debug"


def test_a_wrong_override_is_blamed_on_its_variable_and_not_on_the_file(refused: Refused) -> None:
    lines = refused(SIM + "server: {listen: '${H}:1'}\nlog: 3", {"HEXGATE_LISTEN": "h", "H": "h"})
    assert lines == [
        "environment: HEXGATE_LISTEN: found 'h', "
        "expected host:port, such as 127.0.0.1:50051 or [::]:50051",
        "h.yaml:3: log: found text, expected a mapping",
    ]


def test_a_variable_of_our_own_that_is_unknown_is_told_beside_a_broken_file(
    refused: Refused,
) -> None:
    lines = refused("a: [", {"HEXGATE_LISTNE": "x"})
    assert len(lines) == 2
    assert lines[0].startswith("environment: HEXGATE_LISTNE: ")
    assert lines[1].startswith("h.yaml:2: is not YAML")


def test_a_key_file_is_found_beside_the_file_that_names_it(
    from_text: FromText, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text("{}")
    text = "providers:\n  v: {kind: vertex, project: p, credentials_file: key.json}\n"
    vertex = from_text(text).providers["v"]
    assert isinstance(vertex, Vertex)
    assert vertex.credentials_file == str(tmp_path / "key.json")


@pytest.mark.parametrize(
    ("path", "why"),
    [("gone.json", "No such file or directory"), (".", "Is a directory"), ("k" * 300, "")],
)
def test_a_key_file_that_cannot_be_read_is_found_before_the_first_call(
    refused: Refused, path: str, why: str
) -> None:
    (line,) = refused(
        f"providers:\n  v:\n    kind: vertex\n    project: p\n    credentials_file: {path}\n"
    )
    assert line.startswith(
        f"h.yaml:5: providers.v.credentials_file: the file that it names cannot be used: {why}"
    )
