"""The methods of AdminService about the gateway's keys at its providers."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from hexgate.application.keys import Keys
from hexgate.domain.keys import KeyState, KeyStatus
from hexgate.entrypoints.grpc import render
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.v1 import admin_service_pb2 as pb

_STATES: Mapping[KeyState, pb.KeyState.ValueType] = {
    KeyState.ACTIVE: pb.KEY_STATE_ACTIVE,
    KeyState.LIMITED: pb.KEY_STATE_LIMITED,
    KeyState.REJECTED: pb.KEY_STATE_REJECTED,
}


class KeyMethods:
    """Keys, by the prefix of their hash alone."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._log = structlog.get_logger("hexgate.audit")

    async def list_provider_keys(
        self, request: pb.ListProviderKeysRequest, _scope: Scope[pb.ListProviderKeysResponse]
    ) -> pb.ListProviderKeysResponse:
        """Every key of one provider, or of all that have keys."""
        found = self._keys.all(request.provider)
        return pb.ListProviderKeysResponse(keys=[_key(name, status) for name, status in found])

    async def replace_provider_keys(
        self, request: pb.ReplaceProviderKeysRequest, scope: Scope[pb.ReplaceProviderKeysResponse]
    ) -> pb.ReplaceProviderKeysResponse:
        """Use these keys from now on. At its next start the server reads its configuration again.

        Calls under way keep theirs, and a key that stays keeps its state. The audit log is told
        hashes alone.
        """
        name = request.provider
        found = await self._keys.replace(name, request.keys)
        hashes = [status.hash_prefix for status in found]
        self._log.info(
            "provider keys replaced", provider=name, keys=hashes, request_id=scope.request_id
        )
        return pb.ReplaceProviderKeysResponse(keys=[_key(name, status) for status in found])


def _key(provider: str, status: KeyStatus) -> pb.ProviderKey:
    key = pb.ProviderKey(
        provider=provider, hash_prefix=status.hash_prefix, state=_STATES[status.state]
    )
    if status.retry_at is not None:
        render.stamp(status.retry_at, key.retry_time)
    if status.used_at is not None:
        render.stamp(status.used_at, key.used_time)
    return key
