"""What is said of names and rules that cannot be, in the form in which they were written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hexgate.entrypoints.settings import Settings

FromText = Callable[..., Settings]
Refused = Callable[..., list[str]]
SIM = "providers: {sim: {kind: simulator}}\n"

SHAPES = """\
models:
  aliases:
    text: {0}
    list:
      - sim/x
      - {0}
    member:
      - {{target: {0}, weight: 1}}
    section:
      targets:
        - sim/x
        - {0}
    one:
      targets: {0}
    full:
      targets:
        - target: {0}
routing:
  fallback:
    - on: timeout
      to: {0}
    - on: [timeout]
      to:
        - sim/x
        - {0}
"""


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("simm/y", "one of the configured providers (sim) (did you mean 'sim'?)"),
        ("y", "provider/model"),
    ],
)
def test_a_wrong_target_is_one_line_with_its_place_however_it_is_written(
    refused: Refused, target: str, expected: str
) -> None:
    places = (
        "4: models.aliases.text",
        "7: models.aliases.list[1]",
        "9: models.aliases.member[0].target",
        "13: models.aliases.section.targets[1]",
        "15: models.aliases.one.targets",
        "18: models.aliases.full.targets[0].target",
        "22: routing.fallback[0].to",
        "26: routing.fallback[1].to[1]",
    )
    assert refused(SIM + SHAPES.format(target)) == [
        f"h.yaml:{place}: found '{target}', expected {expected}" for place in places
    ]


@pytest.mark.parametrize(
    ("alias", "line"),
    [
        ("[]", "a: found an empty list, expected provider/model, or a list of 1 to 16"),
        ("", "a: found nothing, expected provider/model, or a mapping"),
        (
            "[sim/x, sim/x]",
            "a: found a list, expected each target once, but sim/x is there 2 times",
        ),
        ("{targets: [sim/x, sim/x]}", "a: expected each target once, but sim/x is there 2 times"),
        ("{strategy: order}", "a.targets: is missing, expected: Each provider/model, or {target, "),
        ("{targets: sim/x, stragety: cost}", "a.stragety: unknown key, expected one of: targets, "),
        (
            "{targets: sim/x, strategy: costs}",
            "a.strategy: found 'costs', expected one of: order, round_robin, weighted, "
            "least_loaded, latency, cost, quality (did you mean 'cost'?)",
        ),
        ("[{target: sim/x, weight: much}]", "a[0].weight: found 'much', expected a number from 0"),
        ("[{weight: 2}]", "a[0].target: is missing, expected: Where calls go, provider/model."),
        ("[sim/x, ]", ""),
        ("[sim/x, ~]", "a[1]: found nothing, expected provider/model, or a mapping"),
        (
            "[{target: sim/x, weight: 2}, sim/y]",
            "a: found a list, expected strategy: weighted or least_loaded, for by order",
        ),
    ],
)
def test_an_alias_is_answered_in_the_form_in_which_it_was_written(
    from_text: FromText, refused: Refused, alias: str, line: str
) -> None:
    text = f"{SIM}models:\n  aliases:\n    a: {alias}\n"
    if not line:
        from_text(text)
        return
    (found,) = refused(text)
    assert found.startswith(f"h.yaml:4: models.aliases.{line}"), found


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("{to: sim/x}", ".on: is missing, expected: Kinds of failure: rate_limit"),
        ("{on: timeout}", ".to: is missing, expected: Each provider/model, tried in order."),
        (
            "{on: timeouts, to: sim/x}",
            ".on: found 'timeouts', expected one of: rate_limit, unavailable, overloaded, "
            "timeout, error, context_length, content_filter (did you mean 'timeout'?)",
        ),
        ("{on: [error, x], to: sim/x}", ".on[1]: found 'x', expected one of: rate_limit"),
        (
            "{on: error, to: sim/x, of: fsat}",
            ".of: found 'fsat', expected an alias of models.aliases, provider/model or provider/*",
        ),
        (
            "{on: error, to: sim/x, of: sim/x}",
            ": expected another target in `to` than sim/x, which is the one that failed",
        ),
        ("{on: error, to: sim/x, delay_s: 700}", ".delay_s: found '700', expected less than "),
    ],
)
def test_a_rule_that_cannot_be_is_one_line(refused: Refused, rule: str, line: str) -> None:
    (found,) = refused(f"{SIM}routing:\n  fallback:\n    - {rule}\n")
    assert found.startswith(f"h.yaml:4: routing.fallback[0]{line}"), found
