"""The simulator: one server on the loopback interface that speaks every wire."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.simulator import models, spoil
from hexgate.adapters.simulator.dice import Dice
from hexgate.adapters.simulator.faults import OK, Fault, Plan, all_named, planned
from hexgate.adapters.simulator.memory import Memory
from hexgate.adapters.simulator.mounts import MOUNTS
from hexgate.adapters.simulator.routes import Route, Visit, find
from hexgate.adapters.simulator.sending import Outgoing, Sender, Sent, close, reset
from hexgate.adapters.simulator.wire import Error, Exchange, Origin, Refused, Wire, Wrong, key_of
from hexgate.domain.json import Json
from hexgate.ports.clock import Clock

T = TypeVar("T")
_REMEMBERED = 1000  # requests, and disconnects that nobody has asked for
_MAX_BODY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came: header names are lower case, `body` is None where it was no JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    at: float  # monotonic


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The client closed its connection before the answer was complete; `at` is monotonic."""

    path: str
    at: float


class Simulator:
    """A provider that needs no key of any worth, and fails when told to.

    Behaviour of a request for an answer: what its key was given to do; else the next entry of the
    script if there is one; else the fault in the model's name; else, for a share of `fault_rate`,
    one of `faults` (by default those that end at once), chosen by `seed`. Requests that are not
    good are refused before any of that, and listings fail only by a key that is refused. What hangs
    does so for `hang_s` at most.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        fault_rate: float = 0.0,
        faults: Iterable[Fault | str] = (),
        pace_s: float = 0.0,
        hang_s: float = 60.0,
        drip_s: float = 0.25,
        giant_bytes: int = 64 << 20,
        clock: Clock | None = None,
    ) -> None:
        if not 0 <= fault_rate <= 1:
            raise ValueError(f"fault_rate is {fault_rate}; give a share between 0 and 1")
        self._seed = seed
        self._host = host
        self._port = port
        self._fault_rate = fault_rate
        self._faults = all_named(faults)
        self._pace_s = pace_s
        self._clock: Clock = clock or SystemClock()
        self._sender = Sender(
            hang_s=hang_s, drip_s=drip_s, giant_bytes=giant_bytes, silent=self._silent
        )
        self._dice = Dice(f"faults {seed}")
        self._memory = Memory()
        self._script: deque[Plan] = deque()
        self._keys: dict[str, Plan] = {}
        self._number = 0
        self._requests: deque[Received] = deque(maxlen=_REMEMBERED)
        self._arrivals: asyncio.Queue[Received] = asyncio.Queue(_REMEMBERED)
        self._disconnects: asyncio.Queue[Disconnect] = asyncio.Queue(_REMEMBERED)
        self._silences: asyncio.Queue[str] = asyncio.Queue(_REMEMBERED)
        self._handlers: dict[asyncio.Task[object], web.Request] = {}
        self._stopping = False
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._handle)
        # Cancelling the handler is how a client's leaving is seen at once.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=30.0
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner, self._stopping = runner, False

    async def stop(self) -> None:
        """Close every connection, hanging ones too, and stop listening. May be called twice."""
        runner, self._runner = self._runner, None
        self._stopping = True
        for task in tuple(self._handlers):
            task.cancel()
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end. Raises RuntimeError before `start`."""
        if self._runner is None or not self._runner.addresses:
            raise RuntimeError("the simulator does not listen; await start() first")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def urls(self) -> dict[str, str]:
        """The base URL for each kind of provider."""
        return {
            "openai": self.openai_url,
            "anthropic": self.anthropic_url,
            "azure": self.azure_url,
            "cohere": self.cohere_url,
            "gemini": self.gemini_url,
            "vertex": self.vertex_url,
            "bedrock": self.bedrock_url,
            "ollama": self.ollama_url,
        }

    @property
    def openai_url(self) -> str:
        """The base URL for OpenAI's client."""
        return self.url + "/v1"

    @property
    def azure_url(self) -> str:
        """The endpoint for Azure's client."""
        return self.url + "/azure"

    @property
    def anthropic_url(self) -> str:
        """The base URL for Anthropic's client."""
        return self.url

    @property
    def bedrock_url(self) -> str:
        """The endpoint URL for both of AWS's clients, that of models and that of their lists."""
        return self.url + "/bedrock"

    @property
    def gemini_url(self) -> str:
        """The base URL for Google's client, as it speaks to the Developer API."""
        return self.url + "/gemini"

    @property
    def vertex_url(self) -> str:
        """The base URL for Google's client, as it speaks to Vertex AI."""
        return self.url + "/vertex"

    @property
    def ollama_url(self) -> str:
        """The base URL for Ollama's client."""
        return self.url

    @property
    def cohere_url(self) -> str:
        """The base URL for Cohere's client."""
        return self.url + "/cohere"

    @property
    def requests(self) -> Sequence[Received]:
        """The last thousand requests, oldest first, refused ones included."""
        return self._requests

    def script(self, plans: Iterable[Plan | Fault | str | None]) -> None:
        """Plan the next requests for an answer, in order: faults or names; `ok` or None for good.

        Replaces what is left of an earlier script. Raises ValueError for a name that is unknown.
        """
        self._script = deque(map(planned, plans))

    def script_key(self, key: str, plan: Plan | Fault | str | None) -> None:
        """Plan every request that carries this key, until told otherwise; None lets it be.

        Raises ValueError for a name that is unknown.
        """
        if plan is None:
            self._keys.pop(key, None)
        else:
            self._keys[key] = planned(plan)

    async def next_request(self) -> Received:
        """Wait for the next request that this method has not returned yet, oldest first."""
        return await self._arrivals.get()

    async def next_disconnect(self) -> Disconnect:
        """Wait for the next client that leaves before its answer is complete, oldest first."""
        return await self._disconnects.get()

    async def next_silence(self) -> None:
        """Wait for the next answer that hangs: all that comes before was sent."""
        await self._silences.get()

    async def idle(self) -> None:
        """Wait until nothing is under way: each request is answered, or its client has left."""
        while self._handlers:
            await asyncio.wait(tuple(self._handlers))

    def reset_all(self) -> None:
        """End every connection whose answer is under way, with a TCP reset."""
        for request in self._handlers.values():
            reset(request)

    def close_all(self) -> None:
        """End every connection whose answer is under way, in the ordinary way."""
        for request in self._handlers.values():
            close(request)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers[task] = request
        try:
            return await self._served(request)
        except asyncio.CancelledError:
            self._left(request)
            raise
        except ConnectionError:
            self._left(request)
            return Sent()
        finally:
            del self._handlers[task]

    async def _served(self, request: web.Request) -> web.StreamResponse:
        self._number += 1
        token = Dice(f"origin {self._seed} {self._number}").token(24)
        origin = Origin(self._number, token, self._clock.now())
        headers = {name.lower(): value for name, value in request.headers.items()}
        wire, path = MOUNTS.wire(request.rel_url.raw_path, headers)
        try:
            body = await self._read(request, headers)
            route, names = _route(wire, request.method, path)
            wire.admit(headers)
            if request.method == "POST":
                _check_type(headers)
            visit = Visit(request.method, path, body, headers, request.query, names)
            if route.say is None:
                return await self._answer(request, wire, wire.read(visit, origin), origin)
            if route.fails:
                return await self._vectors(request, wire, route.say(visit), visit, origin)
            keyed = self._keys.get(key_of(headers), OK)
            if (refusal := spoil.refusal(keyed.fault, origin.now, stream=False)) is not None:
                raise refusal
            return _json(Error(200, route.say(visit), wire.headers(None, origin)))
        except Refused as refused:
            return _json(wire.error(refused, origin))

    async def _read(self, request: web.Request, headers: Mapping[str, str]) -> bytes:
        at = self._clock.monotonic()
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise Refused(Wrong.TOO_LARGE) from None
        seen = Received(request.method, request.path, headers, _parsed(body), at)
        self._requests.append(seen)
        _push(self._arrivals, seen)
        return body

    async def _answer(
        self, request: web.Request, wire: Wire, exchange: Exchange, origin: Origin
    ) -> web.StreamResponse:
        ask, plan = exchange.ask, self._plan(exchange.ask.model, request.headers)
        refusal = spoil.refusal(plan.fault, origin.now, stream=exchange.stream)
        if refusal is not None:
            refusal.stream = exchange.stream
            raise refusal
        good = replace(models.answer(ask, self._seed), cached=wire.cached(self._memory, ask))
        answer = spoil.changed(good, plan)
        if exchange.stream:
            events = list(exchange.events(answer))
        else:
            events = spoil.halves(exchange.whole(answer))
        pace_s = models.pace_s(ask.model)
        out = Outgoing(
            wire=wire,
            headers=wire.headers(answer, origin),
            script=spoil.scripted(events, plan, wire, stream=exchange.stream),
            stream=exchange.stream,
            fault=plan.fault,
            pace_s=self._pace_s if pace_s is None else pace_s,
        )
        return await self._sender.send(request, out)

    async def _vectors(
        self, request: web.Request, wire: Wire, body: bytes, visit: Visit, origin: Origin
    ) -> web.StreamResponse:
        plan = self._plan(_model(visit), visit.headers)
        refusal = spoil.refusal(plan.fault, origin.now, stream=False)
        if refusal is not None:
            raise refusal
        out = Outgoing(
            wire=wire,
            headers=wire.headers(None, origin),
            script=spoil.scripted(spoil.halves(body), plan, wire, stream=False),
            stream=False,
            fault=plan.fault,
        )
        return await self._sender.send(request, out)

    def _plan(self, model: str, headers: Mapping[str, str]) -> Plan:
        if (keyed := self._keys.get(key_of(headers))) is not None:
            return keyed
        if self._script:
            return self._script.popleft()
        if name := models.fault_name(model):
            return planned(name)
        if self._fault_rate and self._dice.chance(self._fault_rate):
            return Plan(self._dice.one(self._faults))
        return OK

    def _silent(self, request: web.Request) -> None:
        _push(self._silences, request.path)

    def _left(self, request: web.Request) -> None:
        if not self._stopping:
            _push(self._disconnects, Disconnect(request.path, self._clock.monotonic()))


def _model(visit: Visit) -> str:
    """The model of a request for vectors: in the path, or in the body."""
    body = _parsed(visit.body)
    named = visit.names.get("model") or (body.get("model") if isinstance(body, dict) else "")
    return named if isinstance(named, str) else ""


def _push(queue: asyncio.Queue[T], item: T) -> None:
    """Add to a bounded queue; the oldest item makes room."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)


def _route(wire: Wire, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
    route, names = find(wire.routes, method, path)
    if route is None:
        raise Refused(Wrong.NO_METHOD if names else Wrong.NO_ROUTE, headers=names)
    return route, names


def _check_type(headers: Mapping[str, str]) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        text = f"Unsupported content type: '{kind[:64]}'. Only 'application/json' is accepted."
        raise Refused(Wrong.INVALID, text)


def _parsed(body: bytes) -> Json:
    try:
        parsed: Json = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return parsed


def _json(error: Error) -> web.Response:
    headers = {"Content-Type": "application/json", **error.headers}
    return web.Response(body=error.body, status=error.status, headers=headers)
