"""Everything that can go wrong, named by what the reader may do about it.

GatewayError
├── Rejected                 the caller must change something
│   ├── InvalidRequest       a field is missing, malformed or out of range
│   │   ├── Unsupported      the model lacks what the field asks for
│   │   ├── ContextTooLong   the input does not fit the model
│   │   └── PeriodPruned     a report needs rows that retention has removed
│   ├── ContentFiltered      the input was refused on policy grounds
│   ├── UnknownModel         no such model or alias
│   ├── UnknownProvider      no provider of this name is configured
│   ├── NoEligibleTarget     the caller's constraints rule out every target
│   ├── SpendLimitExceeded   the estimate exceeds the caller's own limit
│   ├── BudgetExceeded       a budget is used up
│   ├── PriceUnknown         a budget applies and the price is not known
│   └── Unimplemented        in the contract, not yet in this server
├── RateLimited              the gateway's own limit; later
├── GatewayOverloaded        the gateway is full; later
├── ShuttingDown             the gateway is draining; elsewhere
├── DeadlineExceeded         the caller's time is up
├── StoreUnavailable         the ledger or another store cannot be written
├── SlowReader               the caller did not read its stream
├── Interrupted              a stream broke after output; never repeated silently
├── AllTargetsFailed         every target was tried
└── Unserved                 this target did not serve; another may
    ├── CircuitOpen          it is resting
    ├── TargetDisabled       the operator took it out of rotation
    ├── CredentialRejected   it does not accept our key
    ├── QuotaExhausted       our account there is out of quota or money
    ├── ModelGone            it does not know the model
    └── Transient            the same one may serve, later
        ├── ProviderLimited  our pace, not its health
        └── Unwell           it should be watched; breakers count these
            ├── Overloaded
            ├── ProviderFailed
            ├── Unreachable
            ├── TimedOut
            └── BadResponse
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hexgate.domain.conditions import Condition
from hexgate.domain.receipt import Receipt
from hexgate.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class Violation:
    """One bad field: its path in the request, what was expected, and an UPPER_SNAKE reason."""

    field: str
    description: str
    reason: str = "INVALID"


class GatewayError(Exception):
    """Base of every error the core raises.

    The message is for the caller: English, no secret, no prompt, no provider text. `metadata`
    holds every dynamic value of the message, for machines. `detail` is for the operator's log.
    `retry_after_s` is set when repeating the call later makes sense, and `condition` when another
    target may do better. Not `sent` is what was found out before the provider was asked.
    """

    reason: ClassVar[str] = "INTERNAL"
    condition: Condition | None = None
    sent: bool = True

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.detail = detail
        # What was tried, delivered and spent before the failure, once that is known.
        self.receipt: Receipt | None = None
        # What the provider is known to have billed for the attempt, although it did not answer.
        self.billed: Usage | None = None


class Rejected(GatewayError):
    """The request is at fault; repeating it cannot help."""

    reason = "INVALID_REQUEST"


class InvalidRequest(Rejected):
    """Fields are missing, malformed or out of range."""

    def __init__(
        self,
        message: str,
        violations: tuple[Violation, ...] = (),
        *,
        metadata: Mapping[str, str] | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message, metadata=metadata, detail=detail)
        self.violations = violations


class Unsupported(InvalidRequest):
    """The model lacks what a field asks for."""

    reason = "UNSUPPORTED_CAPABILITY"
    condition = Condition.CAPABILITY
    sent = False


class ContextTooLong(InvalidRequest):
    """The input does not fit the model's context window."""

    reason = "CONTEXT_WINDOW_EXCEEDED"
    condition = Condition.CONTEXT_LENGTH


class ContentFiltered(Rejected):
    """The input was refused on policy grounds."""

    reason = "CONTENT_FILTERED"
    condition = Condition.CONTENT_FILTER


class UnknownModel(Rejected):
    """No such model, alias or provider."""

    reason = "MODEL_NOT_FOUND"


class UnknownProvider(Rejected):
    """No provider of this name is configured."""

    reason = "PROVIDER_NOT_FOUND"


class NoEligibleTarget(Rejected):
    """Constraints or operators rule out every target. `ruled_out` holds one error per target."""

    reason = "NO_ELIGIBLE_TARGET"

    def __init__(
        self,
        message: str,
        ruled_out: tuple[GatewayError, ...] = (),
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, metadata=metadata)
        self.ruled_out = ruled_out


class SpendLimitExceeded(Rejected):
    """The worst-case estimate exceeds the caller's own limit."""

    reason = "SPEND_LIMIT_EXCEEDED"


class BudgetExceeded(Rejected):
    """A budget is used up. Always found out before a provider is asked, once more or at all.

    `metadata["budget"]` is its name.
    """

    reason = "BUDGET_EXCEEDED"
    sent = False


class PriceUnknown(Rejected):
    """A spending bound applies and the model's price is not known."""

    reason = "PRICE_UNKNOWN"


class PeriodPruned(InvalidRequest):
    """A report needs rows of a time whose rows retention has removed."""


class Unimplemented(Rejected):
    """In the contract, not yet in this server."""

    reason = "UNIMPLEMENTED"


class RateLimited(GatewayError):
    """The gateway's own limit for this caller, provider or model."""

    reason = "RATE_LIMITED"
    condition = Condition.RATE_LIMIT
    sent = False


class GatewayOverloaded(GatewayError):
    """The gateway has no room for another call."""

    reason = "GATEWAY_OVERLOADED"


class ShuttingDown(GatewayError):
    """The gateway is draining."""

    reason = "SHUTTING_DOWN"


class DeadlineExceeded(GatewayError):
    """The caller's time is up."""

    reason = "DEADLINE_EXCEEDED"


class StoreUnavailable(GatewayError):
    """The ledger or another store cannot be written."""

    reason = "STORE_UNAVAILABLE"


class SlowReader(GatewayError):
    """The caller did not read its stream for too long."""

    reason = "SLOW_READER"


class Interrupted(GatewayError):
    """A stream broke off after output was delivered."""

    reason = "STREAM_INTERRUPTED"


class AllTargetsFailed(GatewayError):
    """Every target was tried. `failures` holds one error per target, in order.

    Each has a condition, and not all are Rejected. `retry_after_s` is when the first of those that
    say so may serve again.
    """

    reason = "ALL_TARGETS_FAILED"

    def __init__(
        self,
        message: str,
        failures: tuple[GatewayError, ...],
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        waits = [f.retry_after_s for f in failures if f.retry_after_s is not None]
        super().__init__(message, metadata=metadata, retry_after_s=min(waits, default=None))
        self.failures = failures


class Unserved(GatewayError):
    """This target did not serve this attempt. `http_status` 0 means there was none."""

    reason = "PROVIDER_ERROR"
    condition: Condition | None = Condition.ERROR

    def __init__(
        self,
        message: str,
        *,
        http_status: int = 0,
        request_id: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message, metadata=metadata, retry_after_s=retry_after_s, detail=detail)
        self.http_status = http_status
        self.request_id = request_id
        # It is about the key that was used, and another key of the provider is ready.
        self.other_key = False
        if self.condition is Condition.OVERLOADED and http_status == 503:
            self.condition = Condition.UNAVAILABLE  # it asks for another wait than 529


class CircuitOpen(Unserved):
    """This target is resting; asking it again now is pointless."""

    reason = "CIRCUIT_OPEN"
    condition = Condition.UNAVAILABLE
    sent = False


class TargetDisabled(Unserved):
    """The operator took this target out of rotation."""

    reason = "TARGET_DISABLED"
    sent = False


class CredentialRejected(Unserved):
    """The provider does not accept the gateway's key."""

    reason = "PROVIDER_AUTH_FAILED"


class QuotaExhausted(Unserved):
    """The gateway's account at the provider is out of quota or money; never retried."""

    reason = "PROVIDER_QUOTA_EXHAUSTED"
    condition = Condition.RATE_LIMIT


class ModelGone(Unserved):
    """The provider does not know the model."""

    reason = "MODEL_NOT_FOUND"


class Transient(Unserved):
    """The same target may serve the same call a little later."""


class ProviderLimited(Transient):
    """We asked too often; the provider itself is well."""

    reason = "PROVIDER_RATE_LIMITED"
    condition = Condition.RATE_LIMIT


class Unwell(Transient):
    """A sign that the provider is ill; breakers count these."""


class Overloaded(Unwell):
    """The provider reported overload (503, 529): their conditions differ, as the waits do."""

    reason = "PROVIDER_OVERLOADED"
    condition = Condition.OVERLOADED


class ProviderFailed(Unwell):
    """The provider failed on its side (5xx, an error event in a stream)."""


class Unreachable(Unwell):
    """No connection, or the connection broke before an answer."""

    condition = Condition.UNREACHABLE


class TimedOut(Unwell):
    """The provider was too slow.

    metadata["phase"] is one of connect, first_token, between_tokens, attempt.
    """

    reason = "PROVIDER_TIMEOUT"
    condition = Condition.TIMEOUT


class BadResponse(Unwell):
    """The provider's answer made no sense, or ended without its terminal marker."""

    reason = "PROVIDER_BAD_RESPONSE"
