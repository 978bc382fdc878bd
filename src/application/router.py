"""From a request to a plan, by configuration, the caller's wishes and signals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from types import MappingProxyType
from typing import TypeAlias

from hexgate.application.bounds import worst_cost
from hexgate.application.names import Names
from hexgate.application.plan import Plan, RuledOut
from hexgate.application.requests import Request
from hexgate.application.screen import Screen
from hexgate.application.vitals import Vitals
from hexgate.domain.balance import Candidate, Group, Member, Strategy, ranked, why
from hexgate.domain.call import FallbackMode, Hop, Objective
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.conditions import Condition
from hexgate.domain.estimate import Tokens
from hexgate.domain.fallback import FAILING, Rule
from hexgate.domain.health import BreakerState
from hexgate.domain.routing import Routes
from hexgate.domain.spec import Spec
from hexgate.ports.breaker import Breaker
from hexgate.ports.catalog import ModelCatalog
from hexgate.ports.clock import Clock

_EVERY = frozenset(Condition)
_OBJECTIVES: Mapping[Objective, Strategy] = {
    Objective.COST: Strategy.COST,
    Objective.LATENCY: Strategy.LATENCY,
    Objective.QUALITY: Strategy.QUALITY,
}
_Eligible: TypeAlias = "tuple[Member, Hop, ModelCard]"


@dataclass(slots=True)
class _Draft:
    """A plan in the making. `covered` says on what it already leads to a target."""

    request: Request
    tokens: Tokens
    peek: bool
    wished: Mapping[str, int]
    hops: list[Hop] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ruled_out: list[RuledOut] = field(default_factory=list)
    covered: dict[Target, frozenset[Condition]] = field(default_factory=dict)


class Router:
    """Says where a call may go. Touches nothing but memory. `chance` is for Names."""

    def __init__(
        self,
        routes: Routes,
        catalog: ModelCatalog,
        screen: Screen,
        breaker: Breaker,
        vitals: Vitals,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._routes = routes
        self._names = Names(routes, catalog.vendors_of, chance)
        self._catalog = catalog
        self._screen = screen
        self._breaker = breaker
        self._vitals = vitals
        self._clock = clock
        self._own = {name: _listed(targets) for name, targets in routes.own.items()}
        self._after = _listed(routes.fallbacks)
        self._chained = bool(routes.own or routes.fallbacks or routes.rules)

    @property
    def providers(self) -> Mapping[str, str]:
        """Each configured provider, and its vendor."""
        return self._routes.providers

    def plan(self, request: Request, tokens: Tokens, *, peek: bool = False) -> Plan:
        """Where this request, of so many input tokens, may go now; that may be nowhere.

        With `peek` nothing is counted. Raises UnknownModel, and InvalidRequest for a preferred
        model that is none.
        """
        name, options = request.spec.model, request.options
        named = self._names.group(name)
        wished = self._names.wished(options)
        chained = (
            self._chained or options.fallback_models
        ) and options.fallback_mode is not FallbackMode.DISABLED
        if len(named.members) == 1 and not chained and not peek:
            return self._lone(request, tokens, named)
        draft = _Draft(request, tokens, peek, wished)
        self._add(draft, named, name, "named by the caller")
        if chained:
            self._chain(draft, named)
        elif options.fallback_mode is FallbackMode.DISABLED:
            del draft.hops[1:], draft.notes[1:]
        return Plan(
            hops=tuple(draft.hops),
            ruled_out=tuple(draft.ruled_out),
            notes=tuple(draft.notes) if peek else (),
            hedge_after_s=named.hedge_after_s,
        )

    def listed(self, request: Request, tokens: Tokens, targets: tuple[Target, ...]) -> Plan:
        """The same, but to these targets alone, in their order."""
        draft = _Draft(request, tokens, peek=False, wished=_NO_WISHES)
        self._add(draft, _listed(targets), "", "")
        return Plan(hops=tuple(draft.hops), ruled_out=tuple(draft.ruled_out))

    def _lone(self, request: Request, tokens: Tokens, named: Group) -> Plan:
        """The common call: one target and nothing after it."""
        hop = self._screen.hop(request, self._catalog.card(named.members[0].target))
        error = self._screen.refusal(request, hop, tokens)
        if error is not None:
            return Plan(hops=(), ruled_out=(RuledOut(hop, error),))
        return Plan(hops=(hop,), hedge_after_s=named.hedge_after_s)

    def _chain(self, draft: _Draft, named: Group) -> None:
        """What may take over from what was named. Vectors of two models do not compare, so of
        embeddings that is only what the caller names as well.
        """
        routes, request = self._routes, draft.request
        name, others = request.spec.model, request.options.fallback_models
        writes = isinstance(request.spec, Spec)
        begins = draft.hops[0] if draft.hops else None
        first = Target(begins.provider, begins.model) if begins else named.members[0].target
        draft.covered[first] = _EVERY  # the same request would meet the same failure there
        if writes and (own := self._own.get(first.provider)):
            self._add(draft, own, "", "fallback of its provider")
        for other in others:
            # Its turns are counted apart, else the two uses of a group would take each other's.
            self._add(draft, self._names.group(other), f"then {other}", "fallback of the caller")
        if not writes:
            return
        if not others and name not in routes.aliases:
            self._add(draft, self._after, "", "fallback of every model")
        for rule in routes.rules:
            if rule.fits(name, first):
                self._add_rule(draft, rule)
        if draft.hops and draft.hops[0].rule is not None:
            _begin_by_rule(draft)

    def _add(self, draft: _Draft, group: Group, turns: str, label: str) -> None:
        """The members of a group that may be used and are not in the plan yet, in their order."""
        found: list[_Eligible] = []
        for member in group.members:
            if member.target not in draft.covered:
                draft.covered[member.target] = FAILING
                card = self._catalog.card(member.target)
                hop = self._screened(draft, self._screen.hop(draft.request, card))
                if hop is not None:
                    found.append((member, hop, card))
        if len(found) > 1:
            self._add_ranked(draft, group, found, turns, label)
        elif found:
            draft.hops.append(found[0][1])
            draft.notes.append(label)

    def _add_ranked(
        self, draft: _Draft, group: Group, found: list[_Eligible], turns: str, label: str
    ) -> None:
        """Several at once, by the group's strategy or what the caller has in mind."""
        options = draft.request.options
        asked = options.objective
        strategy = group.strategy if asked is None else _OBJECTIVES[asked]
        if strategy is Strategy.ORDER and self._stays(draft, found):
            draft.hops += [hop for _, hop, _ in found]
            return
        # A session is named for the ledger too: that alone shall not undo a wish for the fastest.
        session = "" if asked is Objective.LATENCY else options.session_id
        affinity = options.affinity_key or session
        turn = 0 if strategy is Strategy.ORDER else self._names.turn(turns, peek=draft.peek)
        hops = {member.target: hop for member, hop, _ in found}
        candidates = [self._candidate(draft, one, strategy) for one in found]
        for one in ranked(candidates, strategy, turn, affinity):
            draft.hops.append(hops[one.target])
            draft.notes.append(f"{label}; {why(one, strategy, affinity)}" if draft.peek else "")

    def _add_rule(self, draft: _Draft, rule: Rule) -> None:
        """The targets of a rule, each on those conditions on which nothing leads there yet."""
        for target in rule.to:
            covered = draft.covered.get(target, _NOTHING)
            on = rule.on - covered
            if not on:
                continue
            draft.covered[target] = covered | on
            narrowed = rule if on == rule.on else replace(rule, on=on)
            card = self._catalog.card(target)
            hop = self._screened(draft, self._screen.hop(draft.request, card, narrowed))
            if hop is not None:
                draft.hops.append(hop)
                draft.notes.append(_on(on) if draft.peek else "")

    def _screened(self, draft: _Draft, hop: Hop) -> Hop | None:
        """The hop, unless it is ruled out, which is noted."""
        error = self._screen.refusal(draft.request, hop, draft.tokens)
        if error is None:
            return hop
        draft.ruled_out.append(RuledOut(hop, error))
        draft.covered[Target(hop.provider, hop.model)] = _EVERY
        return None

    def _candidate(self, draft: _Draft, found: _Eligible, strategy: Strategy) -> Candidate:
        """The signals of a target, as far as the strategy looks at them."""
        member, hop, card = found
        active, latency_s, cost_nanos = 0, None, None
        if strategy in (Strategy.LATENCY, Strategy.LEAST_LOADED):
            vital = self._vitals.known(hop.provider, hop.model)
            if vital is not None:
                active, latency_s = vital.active, vital.expected_s(self._clock.monotonic())
        elif strategy is Strategy.COST and hop.price is not None:
            cost_nanos = worst_cost(hop, draft.tokens.likely, draft.request.spec)
        return Candidate(
            target=member.target,
            weight=member.weight,
            preferred=draft.wished.get(str(member.target)),
            resting=self._rests(hop),
            active=active,
            latency_s=latency_s,
            cost_nanos=cost_nanos,
            quality=card.quality,
        )

    def _stays(self, draft: _Draft, found: list[_Eligible]) -> bool:
        """Whether nothing would move a list: the usual alias, on a usual day."""
        if draft.peek or draft.wished:
            return False
        return not any(member.weight == 0 or self._rests(hop) for member, hop, _ in found)

    def _rests(self, hop: Hop) -> bool:
        state = self._breaker.status(f"{hop.provider}/{hop.model}").state
        return state is BreakerState.OPEN or not self._vitals.healthy(hop.provider)


def _begin_by_rule(draft: _Draft) -> None:
    """All else was ruled out: a rule stands in where it is for what ruled out the first target."""
    condition = draft.ruled_out[0].error.condition
    draft.hops = list(
        dropwhile(lambda hop: condition is None or not hop.takes_over_on(condition), draft.hops)
    )
    draft.notes = draft.notes[-len(draft.hops) :] if draft.hops else []


def _listed(targets: Iterable[Target]) -> Group:
    return Group(members=tuple(map(Member, targets)))


def _on(conditions: Iterable[Condition]) -> str:
    return f"by a rule, on {', '.join(sorted(one.value for one in conditions))}"


_NOTHING: frozenset[Condition] = frozenset()
_NO_WISHES: Mapping[str, int] = MappingProxyType({})
