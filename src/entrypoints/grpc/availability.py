"""The standard health service tells which providers are there, and which services can work."""

from __future__ import annotations

from grpc_health.v1 import health, health_pb2

from hexgate.application.vitals import Vitals
from hexgate.entrypoints.grpc import services

# Without any provider these have nothing to work with. The server as a whole, which is the empty
# name, stays healthy: restarting it would bring no provider back.
NEED_PROVIDERS = (services.COMPLETION.full_name, services.EMBEDDING.full_name)
_Status = health_pb2.HealthCheckResponse


class Availability:
    """Compares what was told with what is, and tells what has changed.

    A provider is out when an operator took it out of rotation or it fails its probes. It goes by
    the name `provider/<name>` on the admin port; the services that need one, on both ports.
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
        up = {f"provider/{name}": self._vitals.available(name) for name in self._providers}
        working = not up or any(up.values())
        for name, serving in (up | dict.fromkeys(NEED_PROVIDERS, working)).items():
            if self._told.get(name) is serving:
                continue
            status = _Status.SERVING if serving else _Status.NOT_SERVING
            if name in NEED_PROVIDERS:
                await self._public.set(name, status)
            await self._admin.set(name, status)
            self._told[name] = serving
