"""Settings of money: bounds on a request, budgets, and who hears of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from hexgate.domain.attribution import FIELDS, LABEL, LABEL_KEY
from hexgate.domain.budget import Scope
from hexgate.entrypoints.fields import Secret, Targets, Url, Usd, expected, nanos
from hexgate.entrypoints.section import Section
from hexgate.ports.herald import TRY_S

_SCOPES = "global, agent:<id>, end_user:<id>, session:<id> or label:<key>=<value>; * is each value"
DOWNGRADE_AT = Decimal("0.8")
Share = Annotated[Decimal, Field(ge=Decimal("0.000001"), le=1, decimal_places=6)]


def millionths(share: Decimal) -> int:
    """A share, exactly."""
    return int(share.scaleb(6))


def scope_of(text: str) -> Scope:
    """The scope that a text names. Raises ValueError."""
    if text == "global":
        return Scope()
    dimension, _, value = text.partition(":")
    if dimension == "label":
        key, _, value = value.partition("=")
        if not LABEL_KEY.fullmatch(key):
            raise ValueError(text)
        dimension = f"{LABEL}{key}"
    elif dimension not in FIELDS:
        raise ValueError(text)
    if not value:
        raise ValueError(text)
    return Scope(dimension, "" if value == "*" else value)


def _scope(text: str) -> str:
    try:
        scope = scope_of(text)
    except ValueError:
        raise expected(_SCOPES) from None
    if scope.dimension == "api_key":
        raise expected(f"{_SCOPES}; this release does not know callers by their keys yet")
    return text


class Spend(Section):
    """Bounds on money."""

    max_cost_per_request_usd: Usd | None = Field(
        default=None,
        description="A request that may cost more is refused, in USD; absent: no bound.",
    )

    @property
    def max_cost_nanos(self) -> int | None:
        """The bound in nano-USD, or None."""
        limit = self.max_cost_per_request_usd
        return None if limit is None else nanos(limit)


class Budget(Section):
    """A bound on what is spent in a window of time. Held before each call, settled after it."""

    limit_usd: Usd = Field(description="What may be spent in one window, in USD.")
    window: Literal["day", "month", "total"] = Field(
        description="day or month, in UTC; total: for ever."
    )
    scope: Annotated[str, Field(max_length=256), AfterValidator(_scope)] = Field(
        default="global", description=f"Whose spending counts: {_SCOPES}, with its own limit."
    )
    at_limit: Literal["refuse", "downgrade"] = Field(
        default="refuse",
        description="What becomes of a call for which too little is left: it is refused, or it "
        "goes to downgrade_to while the limit allows that.",
    )
    downgrade_to: Targets | None = Field(
        default=None, description="Cheaper models, provider/model, in the order they are tried."
    )
    downgrade_at: Share | None = Field(
        default=None,
        description="Share of the limit from which on calls go to cheaper models; the rest is for "
        "those. 0.8 when absent.",
    )
    alerts: tuple[Share, ...] = Field(
        default=(Decimal("0.8"), Decimal(1)),
        max_length=16,
        description="Shares of the limit at which an alert is sent, once in each window.",
    )
    unpriced: Literal["refuse", "allow"] = Field(
        default="refuse",
        description="What becomes of a call to a model of unknown price, which no budget can "
        "count: it is refused, or it is let through uncounted.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.at_limit == "downgrade" and not self.downgrade_to:
            raise expected("downgrade_to with cheaper models, for at_limit is downgrade")
        if self.at_limit == "refuse" and (self.downgrade_to or self.downgrade_at is not None):
            raise expected("at_limit: downgrade, for it says where calls are downgraded to")
        return self


def _hook(url: SecretStr) -> SecretStr:
    """What may have a token in its path or query, and no user or password beside the host."""
    try:
        _URL.validate_python(url.get_secret_value().partition("?")[0])
    except ValidationError:
        raise expected(
            "a URL that starts with http:// or https:// and names a host, without user or password"
        ) from None
    return url


_URL = TypeAdapter[str](Url)


class Webhook(Section):
    """A URL to which each alert is posted as JSON, until it is answered with 2xx."""

    url: Annotated[Secret, AfterValidator(_hook)] = Field(
        description="Where to post: text, {env: NAME} or {file: path}."
    )
    secret: Secret | None = Field(
        default=None,
        description="Key of the HMAC-SHA256 of the body in the header X-Hexgate-Signature: text, "
        "{env: NAME} or {file: path}.",
    )
    timeout_s: float = Field(
        default=10, ge=0.001, le=TRY_S, description="Time for one try, in seconds."
    )


class Alerts(Section):
    """Who hears of a budget that reaches a share of its limit, beside the log and the metrics."""

    webhook: Webhook | None = Field(
        default=None, description="Where alerts are posted; nowhere when absent."
    )
