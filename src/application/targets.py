"""What operators see and want of targets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from statistics import median

from hexgate.application.check import unknown_provider
from hexgate.application.vitals import ALL, Vital, Vitals
from hexgate.domain.catalog import Target
from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.health import TargetHealth, TargetState, Wish
from hexgate.ports.breaker import Breaker
from hexgate.ports.clock import Clock

MAX_MODEL_CHARS = 256


class Targets:
    """Lists targets with their health, and takes them out of rotation and back."""

    def __init__(
        self,
        providers: tuple[str, ...],
        configured: tuple[Target, ...],
        vitals: Vitals,
        breaker: Breaker,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._vitals = vitals
        self._breaker = breaker
        self._clock = clock
        self._always = {(one.provider, one.model) for one in configured}
        self._always |= {(name, ALL) for name in providers}

    def page(self, after: str, size: int) -> tuple[TargetHealth, ...]:
        """The first `size` targets, by name, whose names come after this one.

        They are every provider, every configured target, every one that was called lately and every
        one that something is wished of.
        """
        keys = {"/".join(key): key for key in (*self._always, *self._vitals.seen())}
        names = sorted(name for name in keys if name > after)[:size]
        models: dict[str, list[Vital]] = {}
        for provider, _, vital in self._vitals.called():
            models.setdefault(provider, []).append(vital)
        return tuple(self._health(*keys[name], models) for name in names)

    def one(self, name: str) -> TargetHealth:
        """How `provider/model` or `provider/*` stands.

        Raises UnknownProvider, and InvalidRequest for a name of another form.
        """
        provider, model = self._parsed(name)
        vitals = [vital for owner, _, vital in self._vitals.called() if owner == provider]
        return self._health(provider, model, {provider: vitals})

    def set(self, name: str, state: TargetState, ttl_s: float | None, reason: str) -> TargetHealth:
        """Wish this of `provider/model` or `provider/*`, for so long; how it stands then.

        Raises as `one` does, and InvalidRequest when too many wishes stand.
        """
        provider, model = self._parsed(name)
        until = None if ttl_s is None else self._clock.monotonic() + ttl_s
        self._vitals.set(provider, model, Wish(state=state, until=until, reason=reason))
        return self.one(name)

    def _parsed(self, name: str) -> tuple[str, str]:
        provider, slash, model = name.partition("/")
        # A pattern such as gpt-* would be taken for a model of that name, to no effect.
        odd = model != ALL and any(one == ALL or one.isspace() for one in model)
        if not slash or odd or not 0 < len(model) <= MAX_MODEL_CHARS:
            text = f"is {name[:64]!r}; expected provider/model, or provider/* for all of its models"
            raise InvalidRequest(f"target {text}", (Violation("target", text, "MALFORMED"),))
        if provider not in self._providers:
            raise unknown_provider(provider, self._providers)
        return provider, model

    def _health(self, provider: str, model: str, models: dict[str, list[Vital]]) -> TargetHealth:
        wish = self._vitals.wish(provider, model)
        whole = model == ALL
        name = f"{provider}/{model}"
        known = models.get(provider, []) if whole else [self._vitals.known(provider, model)]
        vitals = [one for one in known if one is not None]
        last = max(vitals, key=lambda one: one.failed_at, default=None)
        now = self._clock.monotonic()
        return TargetHealth(
            name=name,
            state=wish.state,
            enable_at=None if wish.until is None else self._clock.now() + wish.until - now,
            reason=wish.reason,
            breaker=None if whole else self._breaker.status(name),
            unhealthy=not self._vitals.healthy(provider),
            active=sum(one.active for one in vitals),
            attempts=sum(one.attempts for one in vitals),
            failures=sum(one.failures for one in vitals),
            failure="" if last is None else last.failure,
            latency_s=_longest(vitals),
            first_token_s=_median(vitals),
        )


def _longest(vitals: Iterable[Vital]) -> float | None:
    known = (one.latency_s() for one in vitals)
    return max((one for one in known if one is not None), default=None)


def _median(vitals: Iterable[Vital]) -> float | None:
    firsts = list(chain.from_iterable(one.firsts for one in vitals))
    return median(firsts) if firsts else None
