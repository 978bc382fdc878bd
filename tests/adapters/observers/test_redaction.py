"""Secrets become marks however they are written, and nothing else does."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hexgate.adapters.observers.redaction import Redaction

MANY = 10_000
JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0"
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEowIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW\n"
    "-----END RSA PRIVATE KEY-----"
)
SECRETS = [
    # API keys, by the vendors' own shapes; none of them was ever a key.
    ("sk-abcdefghijklmnop1234", "[api key]"),
    ("sk-proj-AbC_123-def456GHI789", "[api key]"),
    ("sk-ant-api03-AbCdEf_gh-IjKlMnOp", "[api key]"),
    ("sk-or-v1-0123456789abcdef0123", "[api key]"),
    ("gsk_0123456789abcdefABCDEF", "[api key]"),
    ("xai-0123456789abcdefABCDEF", "[api key]"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[api key]"),
    ("AKIAIOSFODNN7EXAMPLE", "[api key]"),
    ("ASIAIOSFODNN7EXAMPLE", "[api key]"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[api key]"),
    ("gho_0123456789abcdefghijABCDEFGHIJ012345", "[api key]"),
    ("github_pat_11ABCDEFG0123456789_abcdefghij", "[api key]"),
    ("xoxb-123456789012-abcdefGHIJKL", "[api key]"),
    ("xapp-1-A0123456789-abcdef", "[api key]"),
    (JWT, "[jwt]"),
    (JWT.partition(".")[0], "[jwt]"),
    (PEM, "[private key]"),
    (PEM.replace("RSA ", "OPENSSH "), "[private key]"),
    (PEM.replace("RSA ", ""), "[private key]"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc", "[private key]"),
    (PEM[:50], "[private key]"),  # its end is not there
    ("kim@example.com", "[email]"),
    ("kim.o'neil+tag@mail.example.co.uk", "kim.o'[email]"),
    ("grüße@bücher.example", "[email]"),
    ("4111 1111 1111 1111", "[card]"),
    ("4111111111111111", "[card]"),
    ("5500-0000-0000-0004", "[card]"),
    ("3714 496353 98431", "[card]"),
    ("6011 0000 0000 0004", "[card]"),
    ("+49 170 1234567", "[phone]"),
    ("+1 (415) 555-2671", "[phone]"),
    ("+44.20.7946.0958", "[phone]"),
    ("DE89370400440532013000", "[iban]"),
    ("de89 3704 0044 0532 0130 00", "[iban]"),
    ("GB82 WEST 1234 5698 7654 32", "[iban]"),
    ("NO93 8601 1117 947", "[iban]"),
]
HEADERS = [
    ("Authorization: Bearer abc", "Authorization: Bearer [bearer token]"),
    ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic [bearer token]"),
    ('{"Authorization": "Bearer a.b"}', '{"Authorization": "Bearer [bearer token]"}'),
    ("Bearer 0123456789abcdef0123", "Bearer [bearer token]"),
    ("x-api-key: abcd1234efgh", "x-api-key: [api key]"),
    ("'api-key' = 'abcd1234efgh'", "'api-key' = '[api key]'"),
    ("postgres://me:hunter2@db/x", "postgres://me:[password]@db/x"),
    ("https://me:hunter2@localhost", "https://me:[password]@localhost"),
]
PLAIN = [
    "Please use the task-management-approach-we-agreed-on.",
    "risk-adjusted-return-on-capital",
    "sk-learn",
    "A bearer of bad news is standing in front of the door.",
    "Authorization: see the handbook.",
    "@app.route('/x')",
    "left-pad@1.3.0",
    "kim at example dot com",
    "user@localhost",
    "0199aaaa-0000-7000-8000-000000000001",
    "4111 1111 1111 1112",  # the check digit is wrong
    "1732100000000",  # milliseconds
    "2026-11-20 10:15:30.123456",
    "3.14159265358979323846",
    "DE89370400440532013001",  # the check digits are wrong
    "AB12 CD34",
    "+1 is an upvote, and +123 too",
    "1 + 2 = 3",
    "call 0170 1234567",  # not in international form
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "eyJ is how JSON begins in base64",
    "https://example.com:8443/a?b=c#d",
    "C:\\new\\table\\users",
    "",
]


def redacted(text: str, most: int = MANY) -> str:
    """By the usual shapes."""
    return Redaction.usual().text(text, most)


@pytest.mark.parametrize(("secret", "mark"), SECRETS)
def test_a_secret_is_a_mark_alone_and_within_a_sentence(secret: str, mark: str) -> None:
    assert redacted(secret) == mark
    if PEM[:10] not in secret:
        assert redacted(f"It is {secret}, is it not?") == f"It is {mark}, is it not?"
        assert redacted(f"({secret})\n") == f"({mark})\n"


@pytest.mark.parametrize(("text", "written"), HEADERS)
def test_of_a_header_or_an_address_the_secret_alone_is_a_mark(text: str, written: str) -> None:
    assert redacted(text) == written


@pytest.mark.parametrize("text", PLAIN)
def test_what_only_looks_a_little_like_a_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(("secret", "mark"), SECRETS)
def test_a_secret_in_json_is_found_behind_its_escapes(secret: str, mark: str) -> None:
    escaped = "".join(f"\\u{ord(each):04x}" for each in secret)
    half = "".join(
        f"\\u{ord(c):04X}" if n % 2 else json.dumps(c)[1:-1] for n, c in enumerate(secret)
    )
    for written in (escaped, half, json.dumps(secret)[1:-1]):
        text = f'{{"a": ["{written}"], "b": 1}}'
        assert json.loads(text)["a"] == [secret]
        found = redacted(text)
        if mark == "[private key]" and "END" not in secret:
            assert found == '{"a": ["[private key]'  # to the end, for nobody knows where it ends
        else:
            assert json.loads(found) == {"a": [redacted(secret)], "b": 1}


def test_json_within_json_is_read_too() -> None:
    inner = '{"to": "kim\\u0040example.com"}'
    text = json.dumps({"body": inner})
    assert json.loads(json.loads(redacted(text))["body"]) == {"to": "[email]"}


def test_escapes_are_read_where_json_is_broken_off_or_none() -> None:
    assert redacted('{"to": "kim\\u0040example.com') == '{"to": "[email]'
    assert redacted('5" and kim\\u0040example.com"') == '5" and [email]"'
    assert redacted("\\u00 \\x \\") == "\\u00 \\x \\"


def test_several_secrets_and_what_stands_between_them_are_kept_apart() -> None:
    text = "kim@example.com,lee@example.com;+49 170 1234567 sk-abcdefghijklmnop1234."
    assert redacted(text) == "[email],[email];[phone] [api key]."


def test_of_secrets_within_each_other_the_first_has_the_mark_and_all_are_gone() -> None:
    assert redacted(f"Authorization: Bearer {JWT}") == "Authorization: Bearer [jwt]"
    assert redacted("https://me:pw@mail.example.com/x") == "https://me:[email]/x"
    nested = PEM.replace("MII", "kim@example.com ")
    assert redacted(f"{nested} and on") == "[private key] and on"


def test_a_number_is_found_behind_one_that_is_none() -> None:
    assert redacted("12 4111 1111 1111 1111") == "12 [card]"
    assert redacted("AB12 DE89 3704 0044 0532 0130 00 please") == "AB12 [iban] please"


def test_ones_own_expressions_have_a_mark_of_their_own_and_come_first() -> None:
    own = Redaction.usual([r"PRJ-\d+", r"(?i)kim@\S+", "x?(?=y)"])
    assert own.text("PRJ-17 by KIM@example.com y", MANY) == "[redacted] by [redacted] y"
    assert own.text('"\\u0050RJ-17"', MANY) == '"[redacted]"'


def test_without_shapes_a_text_is_only_cut() -> None:
    assert Redaction(()).text("kim@example.com \\u0040", 9) == "kim@examp[cut: 13 more characters]"


@pytest.mark.parametrize("most", [0, 1, 20, 41, 42])
def test_a_cut_is_said(most: int) -> None:
    text = "abcdef " * 6
    expected = text[:most] + ("" if most == 42 else f"[cut: {42 - most} more characters]")
    assert redacted(text, most) == expected


@pytest.mark.parametrize(("secret", "mark"), SECRETS)
def test_a_secret_across_the_cut_is_a_mark_and_not_a_piece(secret: str, mark: str) -> None:
    for most in range(4, 4 + len(secret)):
        written = redacted(f"It {secret} is", most)
        said = f"[cut: {len(secret) + 6 - most} more characters]"
        if mark.startswith("["):
            assert written == f"It {mark}{said}"


def test_a_secret_behind_the_cut_is_not_written_at_all() -> None:
    assert redacted("abc kim@example.com", 4) == "abc [cut: 15 more characters]"


PIECES = st.sampled_from([secret for secret, _ in SECRETS] + PLAIN + ["\\", '"', "\\n", " ", "@"])


@given(st.lists(PIECES | st.text(max_size=5), max_size=8).map(" ".join), st.integers(0, 200))
@example("kim@example.com", 3)
def test_whatever_stands_around_it_a_secret_is_not_written_and_a_cut_is_said(
    text: str, most: int
) -> None:
    written = redacted(text, most)
    assert written.endswith(f"[cut: {len(text) - most} more characters]") or len(text) <= most
    assert "kim@example" not in written
    assert "sk-abcdef" not in written


@given(st.text())
def test_a_text_without_secrets_comes_back_as_it_was(text: str) -> None:
    assert Redaction(()).text(text, len(text)) == text
