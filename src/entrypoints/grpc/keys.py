"""The methods of AdminService about the gateway's keys at its providers."""

from __future__ import annotations

from hexgate.application.keys import Keys
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.v1 import admin_service_pb2 as pb


class KeyMethods:
    """Keys, by the prefix of their hash alone."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def list_provider_keys(
        self, request: pb.ListProviderKeysRequest, scope: Scope[pb.ListProviderKeysResponse]
    ) -> pb.ListProviderKeysResponse:
        """Every key of one provider, or of all."""
        raise NotImplementedError

    async def replace_provider_keys(
        self, request: pb.ReplaceProviderKeysRequest, scope: Scope[pb.ReplaceProviderKeysResponse]
    ) -> pb.ReplaceProviderKeysResponse:
        """Use these keys from now on."""
        raise NotImplementedError
