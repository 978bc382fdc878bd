"""From a request to a call: checked, routed, bounded and priced, before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

from hexgate.application.bounds import affords_two, tighter
from hexgate.application.defaults import Defaults
from hexgate.application.plan import Plan
from hexgate.application.requests import ChatRequest, EmbedRequest, Request
from hexgate.application.router import Router
from hexgate.domain.answer import Warned
from hexgate.domain.attempts import Attempts
from hexgate.domain.budget import Budget
from hexgate.domain.call import CacheMode, Call, ChatCall, EmbedCall, Hold, Hop, Options
from hexgate.domain.estimate import Tokens
from hexgate.domain.spec import Spec
from hexgate.domain.validation import validate
from hexgate.ports.clock import Clock

C = TypeVar("C", bound=Call)


class Prepare:
    """Turns requests into calls. Raises Rejected errors; touches nothing but memory."""

    def __init__(self, router: Router, clock: Clock, defaults: Defaults) -> None:
        self._router = router
        self._clock = clock
        self._defaults = defaults

    def chat(self, request: ChatRequest) -> ChatCall:
        """The call for a completion, with its hops in order."""
        request = self._named(request)
        validate(request.spec, request.options)
        tokens = Tokens.of(request.spec)
        plan = self._router.plan(request, tokens)
        return self._chat(request, plan, tokens)

    def dry(self, request: ChatRequest) -> tuple[Plan, ChatCall | None]:
        """What `chat` would find now, without counting; no call where every target is ruled out."""
        request = self._named(request)
        validate(request.spec, request.options)
        tokens = Tokens.of(request.spec)
        plan = self._router.plan(request, tokens, peek=True)
        return plan, self._chat(request, plan, tokens) if plan.hops else None

    def embed(self, request: EmbedRequest) -> EmbedCall:
        """The call for embeddings, with its hops in order. The default model writes: it is no help
        here.
        """
        validate(request.spec, request.options)
        tokens = Tokens.of(request.spec)
        plan = self._router.plan(request, tokens)
        return self._call(EmbedCall, request, plan, tokens)

    def cheaper(self, call: C, budget: Budget) -> C | None:
        """See Cheaper. Vectors of two models do not compare, so embeddings go nowhere else."""
        spec = call.spec
        if not isinstance(spec, Spec):
            return None
        request = ChatRequest(
            call_id=call.call_id,
            tenant=call.tenant,
            spec=spec,
            options=call.options,
            deadline=call.deadline,
        )
        tokens = Tokens(call.input_tokens, call.most_input_tokens)
        plan = self._router.listed(request, tokens, budget.cheaper)
        if not plan.hops:
            return None
        first = plan.hops[0]
        return replace(
            call,
            model=first.model,
            max_output_tokens=first.max_output_tokens,
            timeouts=first.timeouts,
            hops=plan.hops,
            hold=Hold(),
            hedge_after_s=0.0,
            warnings=(*_rest(call), *_clamped(spec, first), *_downgraded(budget, call, first)),
            # Whoever asks once there is money again shall not find the lesser answer.
            options=replace(call.options, cache_mode=CacheMode.BYPASS),
        )

    def _named(self, request: ChatRequest) -> ChatRequest:
        if request.spec.model or not self._defaults.model:
            return request
        return replace(request, spec=replace(request.spec, model=self._defaults.model))

    def _chat(self, request: ChatRequest, plan: Plan, tokens: Tokens) -> ChatCall:
        spec = request.spec
        strangers = _strangers(spec, self._router.providers) if spec.provider_options else ()
        call = self._call(ChatCall, request, plan, tokens, strangers)
        clamped = tuple(_clamped(spec, call.hops[0]))
        return replace(call, warnings=(*clamped, *call.warnings)) if clamped else call

    def _call(
        self,
        kind: type[C],
        request: Request,
        plan: Plan,
        tokens: Tokens,
        warnings: Iterable[Warned] = (),
    ) -> C:
        """A call of this kind: routed, priced and bounded."""
        if not plan.hops:
            raise plan.refusal(request.spec.model)
        first, options = plan.hops[0], request.options
        hedge_after_s, skipped = self._hedge(request, plan, tokens)
        return kind(
            call_id=request.call_id,
            tenant=request.tenant,
            model=first.model,
            spec=request.spec,
            options=options,
            deadline=request.deadline,
            max_output_tokens=first.max_output_tokens,
            attempts=Attempts(self._attempts(options)),
            timeouts=first.timeouts,
            input_tokens=tokens.likely,
            most_input_tokens=tokens.most,
            hops=plan.hops,
            hedge_after_s=hedge_after_s,
            warnings=(*warnings, *skipped),
            started=self._clock.monotonic(),
            started_at=self._clock.now(),
        )

    def _hedge(
        self, request: Request, plan: Plan, tokens: Tokens
    ) -> tuple[float, tuple[Warned, ...]]:
        """When a second attempt starts, and what the caller is told if there is to be none."""
        asked = request.options.hedge_after_s
        after_s = plan.hedge_after_s if asked is None else asked
        if not after_s:
            return 0.0, ()
        bound = tighter(request.options, self._defaults.max_cost_nanos)
        if affords_two(plan.hops, request, bound, tokens.most):
            return after_s, ()
        return 0.0, (_NO_HEDGE,) if asked else ()

    def _attempts(self, options: Options) -> int:
        """A caller may lower the gateway's budget, never raise it."""
        most = self._defaults.max_attempts
        return most if options.max_attempts is None else min(most, options.max_attempts)


_CLAMPED = "PARAM_CLAMPED"
_NO_HEDGE = Warned(
    "HEDGE_SKIPPED",
    "the bound on money does not hold for two attempts together, so there is no second one",
    "options.routing.hedge_after",
)


def _downgraded(budget: Budget, call: Call, given: Hop) -> Iterator[Warned]:
    asked = call.hops[0]
    if (asked.provider, asked.model) != (given.provider, given.model):
        yield Warned(
            "MODEL_DOWNGRADED",
            f"too little is left of the budget {budget.name} for {asked.provider}/{asked.model}: "
            f"the call goes to {given.provider}/{given.model}",
            "spec.model",
        )
    if call.options.hedge_after_s and call.hedge_after_s:
        yield Warned(
            "HEDGE_SKIPPED",
            "a call that a budget sends to a cheaper model has no second attempt beside it",
            "options.routing.hedge_after",
        )


def _rest(call: Call) -> Iterator[Warned]:
    """What the caller is told of, but for what is particular to the target."""
    return (warned for warned in call.warnings if warned.code != _CLAMPED)


def _clamped(spec: Spec, hop: Hop) -> Iterator[Warned]:
    wanted = spec.params.max_output_tokens
    if wanted is not None and wanted > hop.max_output_tokens:
        yield Warned(
            _CLAMPED,
            f"{hop.model} writes at most {hop.max_output_tokens} tokens; {wanted} was asked",
            "spec.params.max_output_tokens",
        )


def _strangers(spec: Spec, providers: Mapping[str, str]) -> Iterator[Warned]:
    for name in spec.provider_options:
        if name not in providers:
            yield Warned(
                "UNKNOWN_PROVIDER",
                f"no provider is called {name[:32]!r}, so its options are for nobody",
                "spec.provider_options",
            )
