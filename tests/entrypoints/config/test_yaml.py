"""The file: lines, variables, and what is no configuration at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from hexgate.entrypoints.config import yaml
from hexgate.entrypoints.config.document import Document
from hexgate.entrypoints.config.errors import ConfigError, Place
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.kinds import OpenAI, Simulator
from hexgate.entrypoints.settings import Settings

FromText = Callable[..., Settings]
Refused = Callable[..., list[str]]
SIM = "providers: {sim: {kind: simulator}}\n"


def test_a_variable_is_expanded_in_a_value(from_text: FromText) -> None:
    settings = from_text(SIM + "log: {level: '${LEVEL}'}", {"LEVEL": "debug"})
    assert settings.log.level == "debug"


def test_a_variable_may_be_part_of_a_text_and_several_may_be_in_one(from_text: FromText) -> None:
    settings = from_text(SIM + "server: {listen: '${HOST}:${PORT:-7}'}", {"HOST": "h"})
    assert settings.server.listen == "h:7"


@pytest.mark.parametrize(("environ", "path"), [({}, "d"), ({"P": ""}, "d"), ({"P": "x"}, "x")])
def test_a_default_stands_in_for_what_is_unset_or_empty(
    from_text: FromText, environ: dict[str, str], path: str
) -> None:
    assert from_text(SIM + "ledger: {path: '${P:-d}'}", environ).ledger.path == path


def test_two_dollars_are_one_and_a_lone_one_is_itself(from_text: FromText) -> None:
    assert from_text(SIM + "ledger: {path: 'a$$b$c$${D}'}").ledger.path == "a$b$c${D}"


def test_a_variable_gives_numbers_too(from_text: FromText) -> None:
    settings = from_text(
        SIM + "server:\n  max_calls: ${N}\n  reflection: ${R}", {"N": "5", "R": "no"}
    )
    assert settings.server.max_calls == 5
    assert settings.server.reflection is False


@given(value=st.text(st.characters(codec="utf-8"), min_size=1))
def test_no_value_can_break_the_file(value: str) -> None:
    document = _expanded(value)
    assert document == {"a": {"b": value}, "c": "d"}


def _expanded(value: str) -> object:
    reader = yaml._Reader("f", Document(Place("f:1")), {"V": value})
    node = yaml._compose(Path("f"), "a:\n  b: ${V}\nc: d")
    assert node is not None
    return reader.value(node, ())


def test_an_unset_variable_is_an_error_with_line_and_key(refused: Refused) -> None:
    assert refused(SIM + "log:\n  level: ${NOPE}\n") == [
        "h.yaml:3: log.level: the environment variable NOPE is not set; "
        "set it, or write ${NOPE:-default}"
    ]


def test_a_variable_in_a_key_is_not_expanded(refused: Refused) -> None:
    (line,) = refused(SIM + "${A}: {}", {"A": "log"})
    assert line.startswith("h.yaml:2: '${A}': unknown key, expected one of: server, providers")


@pytest.mark.parametrize("text", ["${", "${}", "${A", "${A-b}", "${1}", "${A:-${B}}"])
def test_a_malformed_variable_is_an_error(refused: Refused, text: str) -> None:
    (line,) = refused(SIM + f"log: {{level: '{text}'}}", {"A": "info", "B": "info"})
    assert line.startswith("h.yaml:2: log.level: found ${, expected ${NAME}")


def test_a_key_given_twice_is_an_error_with_both_lines(refused: Refused) -> None:
    assert refused(SIM + "log:\n  level: info\n  json: no\n  level: debug\n") == [
        "h.yaml:5: log.level: is given twice; the first is in line 3"
    ]


def test_a_section_given_twice_is_an_error(refused: Refused) -> None:
    assert refused(SIM + "log: {}\nlog: {}\n") == [
        "h.yaml:3: log: is given twice; the first is in line 2"
    ]


def test_a_section_whose_lines_are_comments_has_its_defaults(from_text: FromText) -> None:
    assert from_text(SIM + "cache:\n  # enabled: true\n").cache.enabled is False


def test_scalars_stay_what_was_written(from_text: FromText) -> None:
    settings = from_text(
        "providers: {sim: {kind: simulator, models: [1.10, no, 0x10, 2024-01-01]}}\n"
        "models: {cards: {sim/x: {price: {input_usd_per_mtok: 0.1, output_usd_per_mtok: 1e-9}}}}"
    )
    assert settings.providers["sim"].models == ("1.10", "no", "0x10", "2024-01-01")
    price = settings.models.cards["sim/x"].price
    assert price is not None
    assert (price.rates().input, price.rates().output) == (100_000_000, 1)


def test_anchors_and_merges_work_and_what_is_written_wins(from_text: FromText) -> None:
    settings = from_text(
        "providers:\n"
        "  a: &base {kind: simulator, seed: 1, pace_ms: 5}\n"
        "  b: &more {<<: *base, seed: 2}\n"
        "  c: {<<: [*more, *base], fault_rate: 0.5}\n"
    )
    found = [p for p in settings.providers.values() if isinstance(p, Simulator)]
    assert [(p.seed, p.pace_ms, p.fault_rate) for p in found] == [(1, 5, 0), (2, 5, 0), (2, 5, 0.5)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a", "h.yaml:1: expected a mapping of sections such as providers and models"),
        ("just text", "h.yaml:1: expected a mapping of sections such as providers and models"),
        ("a: [", "h.yaml:2: is not YAML"),
        ("a: b: c", "h.yaml:1: is not YAML"),
        ("a: {b: 1}}", "h.yaml:1: is not YAML"),
        ("a: 1\n---\nb: 1", "h.yaml:2: is not YAML"),
        ("a: *nowhere", "h.yaml:1: is not YAML"),
        ("a: \x07", "h.yaml: is not YAML"),
        (SIM + "log: !!python/object:os.system {}", "h.yaml:2: log: "),
        (SIM + "log: {level: !secret sk-1}", "h.yaml:2: log.level: found a tag"),
        (SIM + "? [a, b]\n: c", "h.yaml:2: found a list or mapping as a key"),
        (SIM + "log: {<<: 3}", "h.yaml:2: log: << found something else"),
        ("&a a: &b {c: *b}", "h.yaml:1: a.c.c"),
        ("", "h.yaml:1: providers: is missing"),
        ("# nothing", "h.yaml:1: providers: is missing"),
        (SIM + "server: 3", "h.yaml:2: server: found text, expected a mapping"),
        ("providers: [a]", "h.yaml:1: providers: found a list, expected a mapping"),
        ("providers: {}", "h.yaml:1: providers: found an empty mapping, expected a mapping of 1"),
        ("providers: {a: }", "h.yaml:1: providers.a: found nothing, expected a mapping with kind"),
    ],
)
def test_a_file_of_a_wrong_shape_is_an_error_with_its_line(
    refused: Refused, text: str, line: str
) -> None:
    found = refused(text)[0]
    assert found.startswith(line), found


def test_a_variable_without_quotes_in_braces_is_explained(refused: Refused) -> None:
    (line,) = refused(SIM + "log: {level: ${LEVEL}}")
    assert line.startswith("h.yaml:2: is not YAML")
    assert line.endswith('a variable needs quotes: "${NAME}"')


def test_a_document_nested_without_end_is_refused(refused: Refused) -> None:
    (line,) = refused("a: " + "[" * 50_000 + "]" * 50_000)
    assert line == "h.yaml:1: is nested deeper than 16 levels"


def test_aliases_cannot_make_much_out_of_little(refused: Refused) -> None:
    text = "l0: &l0 [x]\n" + "".join(
        f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 8)
    )
    assert refused(text) == ["h.yaml: has more than 50000 values, aliases expanded"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load(tmp_path / "none.yaml", {}, dotenv=None)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {}, dotenv=None)


def test_a_file_that_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"h\.yaml:2: found bytes that are not UTF-8"):
        load(path, {}, dotenv=None)


def test_a_file_may_start_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SIM.encode())
    assert list(load(path, {}, dotenv=None).providers) == ["sim"]


def test_a_file_is_not_read_beyond_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "h.yaml"
    path.write_bytes(b"#" * (yaml.MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="more than 1 MiB"):
        load(path, {}, dotenv=None)


def test_a_key_with_odd_characters_comes_through_quotes(from_text: FromText) -> None:
    key = "a'\"#:{}[]&*!|>%@`\\"
    settings = from_text("providers: {o: {kind: openai, api_key: '${K}'}}", {"K": key})
    provider = settings.providers["o"]
    assert isinstance(provider, OpenAI)
    assert provider.api_key == SecretStr(key)
