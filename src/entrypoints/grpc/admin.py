"""AdminService: what operators ask of one process."""

from __future__ import annotations

import hexgate
from hexgate.application.check import Check
from hexgate.entrypoints.grpc import render
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.running import Calls
from hexgate.v1 import admin_service_pb2 as pb

# What a client may count on here and not in every release of the contract.
FEATURES = (
    "check-provider",
    "embeddings",
    "explain-route",
    "hedging",
    "provider-keys",
    "restart-stream",
    "target-states",
    "usage-reports",
)


class AdminMethods:
    """The methods of AdminService that this server implements."""

    def __init__(self, calls: Calls, check: Check, config_revision: str, started_at: float) -> None:
        self._calls = calls
        self._check = check
        self._config_revision = config_revision
        self._started_at = started_at

    async def get_server_info(
        self, _request: pb.GetServerInfoRequest, _scope: Scope[pb.GetServerInfoResponse]
    ) -> pb.GetServerInfoResponse:
        """Version, configuration and load. The asking call is counted too."""
        active, streams = self._calls.counts()
        response = pb.GetServerInfoResponse(
            version=hexgate.__version__,
            config_revision=self._config_revision,
            features=FEATURES,
            active_call_count=active - streams,
            active_stream_count=streams,
        )
        render.stamp(self._started_at, response.start_time)
        return response

    async def check_provider(
        self, request: pb.CheckProviderRequest, scope: Scope[pb.CheckProviderResponse]
    ) -> pb.CheckProviderResponse:
        """Whether a provider answers and accepts its key; why it does not is an answer too."""
        checked = await self._check(request.provider, scope.deadline)
        response = pb.CheckProviderResponse(
            ok=checked.failure is None, duration=render.duration(checked.duration_s)
        )
        if checked.failure is not None:
            response.failure = render.reason(checked.failure.reason)
            response.message = checked.failure.message
        return response
