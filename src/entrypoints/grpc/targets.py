"""The methods of AdminService about targets."""

from __future__ import annotations

from hexgate.application.targets import Targets
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.v1 import admin_service_pb2 as pb


class TargetMethods:
    """Health of targets, and their place in rotation."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def list_targets(
        self, request: pb.ListTargetsRequest, scope: Scope[pb.ListTargetsResponse]
    ) -> pb.ListTargetsResponse:
        """One page."""
        raise NotImplementedError

    async def set_target_state(
        self, request: pb.SetTargetStateRequest, scope: Scope[pb.SetTargetStateResponse]
    ) -> pb.SetTargetStateResponse:
        """Take a target out of rotation, or put it back."""
        raise NotImplementedError
