"""The types of single settings: what each accepts, and how it says so."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from hexgate.domain.attribution import LABEL_KEY

NAME = r"^[a-z][a-z0-9_-]{0,31}$"
ALIAS = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
TARGET = r"^[a-z][a-z0-9_-]{0,31}/\S{1,256}$"
MODEL = r"^\S{1,288}$"
VISIBLE = r"^[!-~]{1,128}$"
API_VERSION = r"^\d{4}-\d{2}-\d{2}(-preview)?$"
DAY = r"^\d{4}-\d{2}-\d{2}$"
LOCATION = r"^[a-z][a-z0-9-]{0,62}$"
OF = r"^([a-z][a-z0-9_-]{0,31}/\S{1,256}|[A-Za-z0-9][A-Za-z0-9._:-]{0,63})$"

PATTERNS: Mapping[str, str] = {
    NAME: "a name of at most 32 lower-case letters, digits, - and _, starting with a letter",
    ALIAS: "a name of at most 64 letters, digits, and . _ : -",
    TARGET: "provider/model",
    MODEL: "a model name without spaces",
    VISIBLE: "at most 128 visible ASCII characters",
    API_VERSION: "a date, such as 2024-10-21 or 2025-04-01-preview",
    DAY: "a date, such as 2026-12-01",
    LOCATION: "a region of the vendor in lower case",
    rf"^{LABEL_KEY.pattern}$": "the key of a label",
    OF: "an alias, provider/model or provider/*",
}
"""Each pattern that text has to match, in words."""


def expected(what: str) -> PydanticCustomError:
    """An error that completes "found …, expected …"."""
    # The template is formatted only where there is a context, so any text is safe here.
    return PydanticCustomError("expected", what)


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    sound = bool(host) and (bracketed or not set(host) & set(":[]"))
    if not sound or not _is_port(port) or set(host) & set(" \t\n/@"):
        raise expected("host:port, such as 127.0.0.1:50051 or [::]:50051")
    return text


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an impossible port or a broken IPv6 address
        sound = False
    if not sound or any(c.isspace() or not c.isprintable() for c in text):
        raise expected("a URL that starts with http:// or https:// and names a host")
    if "@" in parts.netloc:
        raise expected("a URL without user or password; a key belongs in api_key")
    if "?" in text or "#" in text:
        raise expected("a URL without a query (?) or fragment (#)")
    return text.rstrip("/")


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        raise expected("a network, such as 10.20.0.0/16, without bits below its prefix") from None
    return text


def _visible(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text:
        raise expected("a key, not an empty text")
    if len(text) > 8192 or not all("!" <= c <= "~" for c in text):
        raise expected("at most 8192 visible ASCII characters, without spaces or line ends")
    return secret


def apart(text: str) -> list[str]:
    """What commas or line ends stand between, without space around it; nothing empty."""
    return [
        part for line in text.splitlines() for each in line.split(",") if (part := each.strip())
    ]


def nanos(usd: Decimal) -> int:
    """Dollars of at most nine decimals as integer nano-USD, exactly."""
    return int(usd.scaleb(9))


def listed(value: object) -> object:
    """One text as a list of one; anything else as it is."""
    return (value,) if isinstance(value, str) else value


def once(targets: tuple[str, ...]) -> tuple[str, ...]:
    """The same. Raises what `expected` makes where a target is there twice."""
    twice = next((name for name in targets if targets.count(name) > 1), "")
    if twice:
        raise expected(f"each target once, but {twice} is there {targets.count(twice)} times")
    return targets


def _one(target: str) -> str:
    if target.endswith("/*"):
        raise expected("one model: provider/model, without *")
    return target


def _day(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(DAY, value):
        raise expected(PATTERNS[DAY])  # else a number would be seconds since the epoch
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _reference(key: str) -> dict[str, object]:
    """The schema of {key: text}."""
    return {
        "type": "object",
        "properties": {key: {"type": "string"}},
        "required": [key],
        "additionalProperties": False,
    }


_TEXT = {"type": "string", "writeOnly": True}

Address = Annotated[str, AfterValidator(_address)]
Url = Annotated[str, AfterValidator(_url)]
BaseUrl = Annotated[
    Url | None, Field(description="Where it is, a URL; the vendor's own address when absent.")
]
Network = Annotated[str, AfterValidator(_network)]
Secret = Annotated[
    SecretStr,
    AfterValidator(_visible),
    Field(description="The key: text, {env: NAME} or {file: path}."),
    WithJsonSchema({"anyOf": [_TEXT, _reference("env"), _reference("file")]}),
]
MaybeSecret = Annotated[
    Secret | None, Field(description="The key, if any: text, {env: NAME} or {file: path}.")
]
Transport = Annotated[
    Literal["http", "sdk"],
    Field(description="http: the gateway's own client; sdk: the vendor's library."),
]
OwnTransport = Annotated[Literal["http"], Field(description="http: the gateway's own client.")]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]

BudgetName = Annotated[str, Field(pattern=NAME)]
LabelName = Annotated[str, Field(pattern=rf"^{LABEL_KEY.pattern}$")]
ProviderName = Annotated[str, Field(pattern=NAME)]
AliasName = Annotated[str, Field(pattern=ALIAS)]
TargetName = Annotated[str, Field(pattern=TARGET), AfterValidator(_one)]
CardName = Annotated[str, Field(pattern=TARGET)]
ModelName = Annotated[str, Field(pattern=MODEL)]
_Several = Annotated[
    tuple[TargetName, ...], Field(min_length=1, max_length=16), AfterValidator(once)
]
Targets = Annotated[_Several, BeforeValidator(listed, json_schema_input_type=TargetName | _Several)]

Seconds = Annotated[float, Field(ge=0.001, le=86_400)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Many = Annotated[int, Field(ge=1, le=1_000_000_000)]
# Nine decimals of a dollar are one nano-USD, the unit of the ledger: nothing is ever rounded.
Usd = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=9)]
Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "format": "date", "pattern": DAY}),
]
