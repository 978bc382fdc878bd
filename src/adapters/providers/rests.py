"""Why, and for how long, one key rests: for every model, or for one alone."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.errors import CredentialRejected, ProviderLimited, QuotaExhausted, Unserved
from hexgate.domain.keys import KeyState

EVERYTHING = ""
"""In the place of a model: all of them."""

REJECTED_S = 300.0
"""A key that was rejected is tried again after so long, then after twice that, up to `MOST_S`: it
may have been mended at the vendor's.
"""
LIMITED_S = 30.0
"""A rest after a rate limit, where the provider does not say how long it takes."""
QUOTA_S = 600.0
"""A rest after a used-up quota."""
MOST_S = 3600.0
"""No rest is longer, whatever a provider says."""

_SCOPES = 256  # callers may name any model


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Times are monotonic. `cause` is what the provider refused with.

    None is no refusal: it said with an answer that a limit is used up.
    """

    state: KeyState
    since: float
    until: float
    cause: type[Unserved] | None


class Rests:
    """The rests of one key, those that are over included until they are forgotten.

    A rate limit is one of a model nearly everywhere, and 403 may mean that the key lacks the right
    to one: other models go on. A rejected key and a used-up quota concern all models.
    """

    __slots__ = ("_by_model",)

    def __init__(self) -> None:
        self._by_model: dict[str, Rest] = {}

    def keeping(self, model: str, now: float) -> Rest | None:
        """What keeps the key from serving this model; a refusal rather than what was only told."""
        if not self._by_model:
            return None
        found = [self._by_model.get(scope) for scope in (EVERYTHING, model)]
        resting = [rest for rest in found if rest is not None and rest.until > now]
        return max(resting, key=lambda rest: (rest.cause is not None, rest.until), default=None)

    def longest(self, now: float) -> Rest | None:
        """The rest that ends last, whatever it is for."""
        resting = [rest for rest in self._by_model.values() if rest.until > now]
        return max(resting, key=lambda rest: rest.until, default=None)

    def refused(self, failure: Unserved, model: str, now: float) -> bool:
        """Rest, if this failure is about the key. Returns whether it is."""
        asked_s = failure.retry_after_s
        match failure:
            case CredentialRejected():
                scope = model if failure.http_status == 403 else EVERYTHING
                state, rest_s = KeyState.REJECTED, self._rejected_s(scope, now)
            case ProviderLimited():
                scope, state = model, KeyState.LIMITED
                rest_s = LIMITED_S if asked_s is None else asked_s
            case QuotaExhausted():
                scope, state = EVERYTHING, KeyState.LIMITED
                rest_s = QUOTA_S if asked_s is None else max(asked_s, QUOTA_S)
            case _:
                return False
        until = now + min(rest_s, MOST_S)
        before = self._by_model.get(scope)
        # A shorter rest never replaces a longer one: calls that were sent before it end later.
        if before is None or before.cause is None or before.until <= until:
            self._keep(scope, Rest(state=state, since=now, until=until, cause=type(failure)))
        return True

    def told(self, wait_s: float, model: str, now: float) -> None:
        """Rest for this model, since the provider says that a limit is used up for so long."""
        if self.keeping(model, now) is None:
            until = now + min(wait_s, MOST_S)
            self._keep(model, Rest(state=KeyState.LIMITED, since=now, until=until, cause=None))

    def accepted(self, model: str) -> None:
        """The provider took the key: what was rejected is no more. A limit goes by time alone."""
        if not self._by_model:
            return
        for scope in (EVERYTHING, model):
            rest = self._by_model.get(scope)
            if rest is not None and rest.state is KeyState.REJECTED:
                del self._by_model[scope]

    def _rejected_s(self, scope: str, now: float) -> float:
        """Twice as long as before, if it was tried again since: many calls may fail together."""
        before = self._by_model.get(scope)
        if before is None or before.state is not KeyState.REJECTED:
            return REJECTED_S
        return (before.until - before.since) * (1 if now < before.until else 2)

    def _keep(self, scope: str, rest: Rest) -> None:
        if scope not in self._by_model and len(self._by_model) >= _SCOPES:
            first = min(self._by_model, key=lambda one: self._by_model[one].until)
            del self._by_model[first]
        self._by_model[scope] = rest
