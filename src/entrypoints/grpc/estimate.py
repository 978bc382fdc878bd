"""CompletionService.EstimateCost: what a request would cost."""

from __future__ import annotations

from hexgate.application.estimate import EstimateCost
from hexgate.application.requests import ChatRequest
from hexgate.entrypoints.grpc import parse, render, wishes
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.v1 import completion_service_pb2 as pb


class EstimateMethods:
    """Estimates, by the code that holds money for calls."""

    def __init__(self, estimate: EstimateCost) -> None:
        self._estimate = estimate

    async def estimate_cost(
        self, request: pb.EstimateCostRequest, scope: Scope[pb.EstimateCostResponse]
    ) -> pb.EstimateCostResponse:
        """Nothing is sent, and nothing is counted."""
        found = self._estimate(
            ChatRequest(
                call_id="",
                tenant=TENANT,
                spec=parse.spec(request.spec),
                options=wishes.options(request.options),
                deadline=scope.deadline,
            )
        )
        return pb.EstimateCostResponse(
            input_tokens=found.tokens.likely,
            low_output_tokens=found.fewest,
            high_output_tokens=found.most,
            low=render.cost(found.low),
            high=render.cost(found.high),
            confidence=found.confidence,
            provider=found.hop.provider,
            provider_model=found.hop.model,
        )
