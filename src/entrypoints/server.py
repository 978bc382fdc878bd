"""The server's life: what it opens, in which order it starts, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import signal
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass

import structlog
from google.protobuf.descriptor import ServiceDescriptor
from grpc import aio
from grpc_health.v1 import health

from hexgate.adapters.alerts.nobody import Nobody
from hexgate.adapters.observers.off import Off
from hexgate.adapters.uuid7 import uuid7
from hexgate.application.probing import Probing
from hexgate.entrypoints.container import Container
from hexgate.entrypoints.grpc import listen, services
from hexgate.entrypoints.grpc.admin import AdminMethods
from hexgate.entrypoints.grpc.availability import Availability
from hexgate.entrypoints.grpc.boundary import Boundary
from hexgate.entrypoints.grpc.completion import CompletionMethods
from hexgate.entrypoints.grpc.embedding import EmbeddingMethods
from hexgate.entrypoints.grpc.estimate import EstimateMethods
from hexgate.entrypoints.grpc.explain import ExplainMethods
from hexgate.entrypoints.grpc.keys import KeyMethods
from hexgate.entrypoints.grpc.running import Calls
from hexgate.entrypoints.grpc.targets import TargetMethods
from hexgate.entrypoints.grpc.usage import UsageMethods
from hexgate.entrypoints.leaves import Leaves
from hexgate.entrypoints.resources import (
    CannotStart,
    open_interactions,
    open_leaves,
)
from hexgate.entrypoints.settings import Server, Settings
from hexgate.entrypoints.stores import open_herald, open_ledger
from hexgate.entrypoints.upkeep import upkeep
from hexgate.ports.clock import Clock
from hexgate.ports.herald import Herald
from hexgate.ports.interactions import Interactions
from hexgate.ports.store import Store

WATCH_S = 1.0
# Time for the errors of interrupted calls to reach their callers before connections close.
FAREWELL_S = 2.0

_log = structlog.get_logger("hexgate.server")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running server. Addresses are host:port, with the real port where 0 was asked; that of
    the metrics is empty where there are none.
    """

    address: str
    admin_address: str
    metrics_address: str
    calls: Calls
    about_providers: tuple[asyncio.Task[None], ...]
    _servers: tuple[aio.Server, ...]
    _health: tuple[health.aio.HealthServicer, ...]
    _drain_s: float

    async def drain(self) -> None:
        """End well: say so, refuse new calls, let running ones finish, cut off the rest."""
        # First, so that nobody says afterwards that a service can work again.
        await _stopped(self.about_providers)
        for servicer in self._health:
            await servicer.enter_graceful_shutdown()
        self.calls.stop_admitting()
        if not await self.calls.drained(self._drain_s):
            self.calls.interrupt_all()
            await self.calls.drained(FAREWELL_S)
        await self.calls.released()
        for server in self._servers:
            await server.stop(FAREWELL_S)
        # grpc does not wait for the tasks of aborted calls; pools must outlive them.
        await self.calls.drained(FAREWELL_S)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Gateway]:
    """Open everything that is configured and serve; on exit drain, then close in reverse."""
    async with AsyncExitStack() as stack:
        ledger = await open_ledger(settings, stack)
        interactions = await open_interactions(settings, stack)
        leaves = await open_leaves(settings, stack)
        herald = await open_herald(settings, stack)
        gateway = serving(settings, leaves, ledger, interactions, herald)
        yield await stack.enter_async_context(gateway)


@asynccontextmanager
async def serving(
    settings: Settings,
    leaves: Leaves,
    ledger: Store,
    interactions: Interactions | None = None,
    herald: Herald | None = None,
) -> AsyncIterator[Gateway]:
    """Serve these providers and this ledger, which stay their owner's to close."""
    container = Container(
        settings=settings,
        leaves=leaves,
        ledger=ledger,
        interactions=interactions or Off(),
        herald=herald or Nobody(),
    )
    container.check_dependencies()
    clock: Clock = container.clock()
    # Else the first priced call would hold up all others for a tenth of a second.
    await asyncio.to_thread(container.catalog().load)
    calls = Calls(settings.server.max_calls)
    async with _measured(container, settings.server.metrics_listen) as metrics_address:
        gateway = await _start(settings, container, calls, clock, metrics_address)
        watch = (
            asyncio.create_task(_watch(calls, settings.server.write_timeout_s)),
            asyncio.create_task(upkeep(ledger, clock, settings.ledger.retention_days)),
            asyncio.create_task(container.alerting().run()),
        )
        # What lives as long as the process is not worth looking at again in each collection.
        gc.collect()
        gc.freeze()
        try:
            yield gateway
        finally:
            await gateway.drain()
            await _stopped(watch)
            for task in (*watch, *gateway.about_providers):
                if not task.cancelled():
                    task.result()  # raises what ended it too early


def _measured(container: Container, address: str | None) -> AbstractAsyncContextManager[str]:
    """Metrics over HTTP, where they are wanted, to the end of the drain; gives their address."""
    registry = container.registry()
    if registry is None or address is None:
        return nullcontext("")
    from hexgate.entrypoints.metrics import exposed

    return exposed(registry, address)


async def _start(
    settings: Settings, container: Container, calls: Calls, clock: Clock, metrics_address: str
) -> Gateway:
    wish = settings.server
    boundary = _boundary(wish, calls, clock)
    admin = services.admin(
        boundary,
        AdminMethods(calls, container.check(), _revision(settings), clock.now()),
        TargetMethods(container.targets(), clock),
        KeyMethods(container.keys()),
        ExplainMethods(container.explain()),
    )
    options = listen.options(wish.max_request_bytes, wish.max_deadline_s)
    public_server, admin_server = aio.server(options=options), aio.server(options=options)
    offers = _offers(container, boundary)
    for service in services.PUBLIC:
        services.register(public_server, boundary, service, offers.get(service, {}))
    services.register(admin_server, boundary, services.ADMIN, admin)
    listen.add_channelz(admin_server)
    if wish.reflection:
        listen.add_reflection(public_server, services.PUBLIC)
        listen.add_reflection(admin_server, (services.ADMIN,))
    healths = listen.add_health(public_server), listen.add_health(admin_server)
    # Both ports tell of every service: a client's service config asks for the health of one and the
    # same name wherever it dials, and a name that is not known counts as unhealthy.
    offered = (*services.PUBLIC, services.ADMIN)
    for servicer in healths:
        await listen.serving(servicer, offered, yes=False)
    address = _bind(public_server, wish.listen, "server.listen")
    admin_address = _bind(admin_server, wish.admin_listen, "server.admin_listen")
    await public_server.start()
    await admin_server.start()
    for servicer in healths:
        await listen.serving(servicer, offered, yes=True)
    availability = Availability(container.vitals(), tuple(settings.providers), *healths)
    await availability.update()
    about_providers = _background(availability, container.probing())
    servers = (public_server, admin_server)
    return Gateway(
        address=address,
        admin_address=admin_address,
        metrics_address=metrics_address,
        calls=calls,
        about_providers=about_providers,
        _servers=servers,
        _health=healths,
        _drain_s=wish.drain_s,
    )


def _boundary(wish: Server, calls: Calls, clock: Clock) -> Boundary:
    return Boundary(
        calls,
        clock,
        max_request_bytes=wish.max_request_bytes,
        max_deadline_s=wish.max_deadline_s,
        default_deadline_s=wish.deadline_s,
    )


def _offers(
    container: Container, boundary: Boundary
) -> Mapping[ServiceDescriptor, Mapping[str, services.Handler]]:
    """The methods of the public services that exist."""
    completion = CompletionMethods(container.complete(), container.stream(), uuid7)
    estimate = EstimateMethods(container.estimate())
    embedding = EmbeddingMethods(container.embed(), uuid7)
    return {
        services.COMPLETION: services.completion(boundary, completion, estimate),
        services.EMBEDDING: services.embedding(boundary, embedding),
        services.USAGE: services.usage(boundary, UsageMethods(container.usage())),
    }


def _background(
    availability: Availability, probing: Probing | None
) -> tuple[asyncio.Task[None], ...]:
    """What goes on until the drain: telling which providers are there, and asking them."""
    telling = asyncio.create_task(_tell(availability))
    return (telling,) if probing is None else (telling, asyncio.create_task(probing.run()))


async def _tell(availability: Availability) -> None:
    while True:
        await asyncio.sleep(WATCH_S)
        await availability.update()


async def _stopped(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel these and wait until they are over."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _bind(server: aio.Server, address: str, key: str) -> str:
    host = address.rpartition(":")[0]
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise CannotStart(
            f"{key}: cannot listen on {address}; is another process on this port?"
        ) from error
    return f"{host}:{port}"


def _revision(settings: Settings) -> str:
    """A short hash of the configuration in force. Secrets are masked before it is taken."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]


async def _watch(calls: Calls, write_timeout_s: float) -> None:
    """Once a second: readers that stand still."""
    while True:
        await asyncio.sleep(WATCH_S)
        calls.interrupt_stalled(write_timeout_s)


Announce = Callable[[Gateway], None]


async def serve(settings: Settings, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT, then drain. A second signal cuts the drain short."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    async with running(settings) as gateway:

        def asked() -> None:
            if stop.is_set():
                gateway.calls.interrupt_all()
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            # Never KeyboardInterrupt: it would surface inside whatever runs at that moment.
            loop.add_signal_handler(number, asked)
        announce(gateway)
        await stop.wait()
