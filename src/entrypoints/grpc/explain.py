"""AdminService.ExplainRoute: the dry run of a request."""

from __future__ import annotations

from hexgate.application.explain import Explain
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.v1 import admin_service_pb2 as pb


class ExplainMethods:
    """Where a request would go, and why."""

    def __init__(self, explain: Explain) -> None:
        self._explain = explain

    async def explain_route(
        self, request: pb.ExplainRouteRequest, scope: Scope[pb.ExplainRouteResponse]
    ) -> pb.ExplainRouteResponse:
        """Nothing is sent, and nothing is counted."""
        raise NotImplementedError
