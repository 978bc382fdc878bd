"""Whether a request may go to a target, and what is particular to it there."""

from __future__ import annotations

from hexgate.application.bounds import refusal, tighter
from hexgate.application.budgets import NO_BUDGETS, Budgets
from hexgate.application.defaults import Defaults
from hexgate.application.requests import Request
from hexgate.application.vitals import Vitals
from hexgate.domain.call import Hop, Options, Timeouts
from hexgate.domain.catalog import ModelCard, Target
from hexgate.domain.errors import GatewayError, NoEligibleTarget, TargetDisabled
from hexgate.domain.estimate import Tokens
from hexgate.domain.fallback import Rule
from hexgate.domain.health import TargetState
from hexgate.domain.spec import Spec

_TIMEOUTS = Timeouts()


class Screen:
    """Makes hops, and rules out those that the caller, an operator or a bound does not allow."""

    def __init__(self, vitals: Vitals, defaults: Defaults, budgets: Budgets = NO_BUDGETS) -> None:
        self._vitals = vitals
        self._defaults = defaults
        self._budgets = budgets

    def hop(self, request: Request, card: ModelCard, rule: Rule | None = None) -> Hop:
        """This request at the target of a card."""
        target = card.target
        limits = self._defaults.timeouts.get(target.provider, _TIMEOUTS)
        return Hop(
            provider=target.provider,
            model=target.model,
            max_output_tokens=self._longest(request, card),
            context_tokens=card.context_tokens,
            price=card.price,
            timeouts=limits.tightened(request.options.timeouts),
            rule=rule,
        )

    def refusal(self, request: Request, hop: Hop, tokens: Tokens) -> GatewayError | None:
        """Why this request, of so many input tokens, may not go there; None where it may."""
        options = request.options
        if options.allowed_providers or options.denied_providers:
            excluded = _excluded(hop, options)
            if excluded is not None:
                return excluded
        if not self._vitals.quiet:
            withdrawn = self._withdrawn(hop)
            if withdrawn is not None:
                return withdrawn
        return refusal(
            hop,
            request,
            tighter(options, self._defaults.max_cost_nanos),
            tokens,
            budgeted=self._budgets.priced_alone(options),
        )

    def _longest(self, request: Request, card: ModelCard) -> int:
        """The longest answer that one attempt may give, in tokens. Embedding writes none."""
        spec, defaults = request.spec, self._defaults
        if not isinstance(spec, Spec):
            return 0
        wanted = spec.params.max_output_tokens
        if wanted is None:
            tools = defaults.max_output_tokens_with_tools
            wanted = tools if spec.tools else defaults.max_output_tokens
        return min(wanted, card.max_output_tokens) if card.max_output_tokens else wanted

    def _withdrawn(self, hop: Hop) -> TargetDisabled | None:
        state = self._vitals.wish(hop.provider, hop.model).state
        if state is TargetState.ENABLED:
            return None
        target = str(Target(hop.provider, hop.model))
        return TargetDisabled(
            f"an operator has taken {target} out of rotation: it is {state.value}",
            metadata={"provider": hop.provider, "model": target, "constraint": "target_state"},
        )


def _excluded(hop: Hop, options: Options) -> NoEligibleTarget | None:
    """Why the caller does not want this provider, if so."""
    if options.allowed_providers and hop.provider not in options.allowed_providers:
        constraint = "allowed_providers"
    elif hop.provider in options.denied_providers:
        constraint = "denied_providers"
    else:
        return None
    target = str(Target(hop.provider, hop.model))
    return NoEligibleTarget(
        f"{target} is excluded by options.routing.{constraint}",
        metadata={"model": target, "constraint": constraint},
    )
