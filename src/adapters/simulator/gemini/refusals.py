"""Refusals as google.rpc.Status says them."""

from __future__ import annotations

from hexgate.adapters.simulator.spoil import RETRY_S
from hexgate.adapters.simulator.wire import Refused, Wrong
from hexgate.domain.json import Json, JsonObject

_TYPE = "type.googleapis.com/google.rpc."
_METRIC = "generativelanguage.googleapis.com/generate_content_requests"
# Status, canonical code, message. Source: the vendor's pages on errors.
_ERRORS: dict[Wrong, tuple[int, str, str]] = {
    Wrong.INVALID: (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    Wrong.UNAUTHORIZED: (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    ),
    Wrong.FORBIDDEN: (403, "PERMISSION_DENIED", "The caller does not have permission"),
    Wrong.NO_MODEL: (404, "NOT_FOUND", "The model is not found."),
    Wrong.NO_ROUTE: (404, "NOT_FOUND", "Requested entity was not found."),
    Wrong.NO_METHOD: (405, "UNIMPLEMENTED", "Method Not Allowed"),
    Wrong.TOO_LARGE: (413, "INVALID_ARGUMENT", "Request payload size exceeds the limit"),
    Wrong.NOT_JSON: (400, "INVALID_ARGUMENT", "Invalid JSON payload received. Parsing error"),
    Wrong.TOO_LONG: (
        400,
        "INVALID_ARGUMENT",
        "The input token count (131073) exceeds the maximum number of tokens allowed (131072).",
    ),
    Wrong.LIMITED: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    Wrong.QUOTA: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    Wrong.SPEND_LIMIT: (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    Wrong.E500: (500, "INTERNAL", "An internal error has occurred."),
    Wrong.E502: (502, "UNKNOWN", "Bad gateway"),
    Wrong.E503: (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    Wrong.E504: (504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
    Wrong.E529: (529, "UNAVAILABLE", "The model is overloaded. Please try again later."),
}
_QUOTAS = {
    Wrong.LIMITED: "GenerateRequestsPerMinutePerProjectPerModel",
    Wrong.QUOTA: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    Wrong.SPEND_LIMIT: "GenerateRequestsPerDayPerProjectPerModel",
}


def status_of(wrong: Wrong, *, keyed: bool) -> tuple[int, str, str]:
    """Status, canonical code and message. Where keys are used, a wrong one is a bad argument."""
    if wrong is Wrong.UNAUTHORIZED and keyed:
        return 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."
    return _ERRORS[wrong]


def error_body(refused: Refused, status: int, code: str, message: str) -> JsonObject:
    """The body of an error."""
    error: JsonObject = {"code": status, "message": refused.message or message, "status": code}
    if details := _details(refused, status):
        error["details"] = details
    return {"error": error}


def _details(refused: Refused, status: int) -> list[Json]:
    if refused.wrong is Wrong.UNAUTHORIZED and status == 400:
        info: JsonObject = {"reason": "API_KEY_INVALID", "domain": "googleapis.com"}
        return [{"@type": _TYPE + "ErrorInfo", **info}]
    if refused.param:
        violation: JsonObject = {"field": refused.param, "description": refused.message}
        return [{"@type": _TYPE + "BadRequest", "fieldViolations": [violation]}]
    if refused.wrong not in _QUOTAS:
        return []
    violation = {"quotaMetric": _METRIC, "quotaId": _QUOTAS[refused.wrong]}
    details: list[Json] = [{"@type": _TYPE + "QuotaFailure", "violations": [violation]}]
    if refused.wrong is Wrong.LIMITED and refused.message:  # it is said in the body alone
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": f"{RETRY_S}s"})
    return details
