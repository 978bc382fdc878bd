"""AdminService.ExplainRoute: the dry run of a request."""

from __future__ import annotations

from hexgate.application.explain import Considered, Explain
from hexgate.application.requests import ChatRequest
from hexgate.entrypoints.grpc import parse, render, wishes
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.entrypoints.grpc.targets import BREAKERS
from hexgate.v1 import admin_service_pb2 as pb
from hexgate.v1 import error_pb2

_NONE = error_pb2.ERROR_REASON_UNSPECIFIED


class ExplainMethods:
    """Where a request would go, and why."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def explain_route(
        self, request: pb.ExplainRouteRequest, scope: Scope[pb.ExplainRouteResponse]
    ) -> pb.ExplainRouteResponse:
        """Nothing is sent, and nothing is counted."""
        if request.tenant not in ("", TENANT):
            found = (
                f"is {request.tenant[:64]!r}; this server knows {TENANT!r} alone, leave it empty"
            )
            raise parse.invalid("tenant", found, "UNKNOWN")
        asked = ChatRequest(
            call_id="",
            tenant=TENANT,
            spec=parse.spec(request.spec),
            options=wishes.options(request.options),
            deadline=scope.deadline,
        )
        explained = await self._explain(asked)
        return pb.ExplainRouteResponse(
            candidates=map(_candidate, explained.candidates),
            rejected=map(_candidate, explained.rejected),
        )


def _candidate(one: Considered) -> pb.RouteCandidate:
    refusal = one.refusal
    return pb.RouteCandidate(
        target=f"{one.hop.provider}/{one.hop.model}",
        score=one.score,
        estimated_cost_nanos=one.cost_nanos or 0,
        price_unknown=one.cost_nanos is None,
        explanation=one.why,
        rejection=_NONE if refusal is None else render.reason(refusal.reason),
        breaker=BREAKERS[one.breaker.state],
        limits=[
            pb.LimitStatus(dimension=left.dimension, limit=left.limit, remaining=left.remaining)
            for left in one.limits
        ],
    )
