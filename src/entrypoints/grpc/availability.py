"""The standard health service tells which providers are there, and whether services may be used."""

from __future__ import annotations

from grpc_health.v1 import health, health_pb2

from hexgate.application.vitals import Vitals
from hexgate.entrypoints.grpc import services

# Without a provider in rotation these refuse every call. The server as a whole, which is the empty
# name, stays healthy: restarting it would bring no provider back.
NEED_PROVIDERS = (services.COMPLETION.full_name, services.EMBEDDING.full_name)
_Status = health_pb2.HealthCheckResponse


class Availability:
    """Compares what was told with what is, and tells what has changed.

    A provider is out when an operator took it out of rotation or it fails its probes. It goes by
    the name `provider/<name>` on the admin port. The services that need one are told on both ports,
    and are out only when operators took every provider out: one that fails its probes is still
    tried, and clients that go by this would take a false alarm for an outage of the gateway.
    """

    def __init__(
        self,
        vitals: Vitals,
        providers: tuple[str, ...],
        public: health.aio.HealthServicer,
        admin: health.aio.HealthServicer,
    ) -> None:
        self._vitals = vitals
        self._providers = providers
        self._public = public
        self._admin = admin
        self._told: dict[str, bool] = dict.fromkeys(NEED_PROVIDERS, True)

    async def update(self) -> None:
        """Tell what has changed since the last time; services were told to be serving."""
        vitals = self._vitals
        vitals.expire()
        states = dict.fromkeys(NEED_PROVIDERS, any(map(vitals.in_rotation, self._providers)))
        for provider in self._providers:
            up = vitals.in_rotation(provider) and vitals.healthy(provider)
            states[f"provider/{provider}"] = up
        for name, serving in states.items():
            if self._told.get(name) is serving:
                continue
            status = _Status.SERVING if serving else _Status.NOT_SERVING
            if name in NEED_PROVIDERS:
                await self._public.set(name, status)
            await self._admin.set(name, status)
            self._told[name] = serving
