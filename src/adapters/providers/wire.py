"""The seam between a dialect and a transport."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from hexgate.domain.answer import Chunk, Completion, Warned
from hexgate.domain.call import ChatCall, EmbedCall, Timeouts
from hexgate.domain.chat import Media
from hexgate.domain.embed import Embedded
from hexgate.domain.errors import GatewayError
from hexgate.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What a dialect wants sent: `payload` as JSON, to the base URL plus `path`.

    A path that is a URL of its own is used as it is. A GET has no payload.
    """

    path: str
    payload: JsonObject = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()  # settings that were dropped or changed on the way
    headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["POST", "GET"] = "POST"


@dataclass(frozen=True, slots=True)
class WireResponse:
    """A whole answer. Header names are found in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WireStream(Protocol):
    """The answer to a streamed request: the status is known, the body is still coming."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The response's headers, names are found in lower case."""
        ...

    async def read(self, within_s: float | None = None) -> bytes:
        """Whatever has arrived, at least one byte; empty at the end of the body.

        Raises Unreachable when the connection breaks, TimedOut (phase between_tokens) when nothing
        arrives for `within_s`, by default `between_tokens_s`, and TimedOut (phase attempt) when
        `attempt_s` have passed since the request was sent.
        """
        ...

    async def aclose(self) -> None:
        """Close: the connection goes back to the pool only if the body was read to its end."""
        ...


class Transport(Protocol):
    """I/O and credentials. No retry, no redirect, no timeout but the ones given.

    Both methods raise Unreachable and TimedOut (phases connect, first_token); an answer with any
    status is returned, because only the dialect knows what it means. Bodies above the configured
    bound raise BadResponse. Cancelling closes the connection at once.
    """

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        """Send and read the whole answer."""
        ...

    async def open(self, request: WireRequest, timeouts: Timeouts) -> WireStream:
        """Send and return as soon as the headers are here."""
        ...


class Credential(Protocol):
    """What proves to a provider who asks, where that is more than a header that never changes."""

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers that one request needs. Raises CredentialRejected or Unreachable.

        Whatever blocks runs in a thread, and a token is fetched once for all who wait for it.
        """
        ...


class Inlining(Protocol):
    """Turns links into bytes, for providers that take bytes alone."""

    async def inlined(self, call: ChatCall, fetches: Callable[[Media], bool]) -> ChatCall:
        """The call with the bytes of every link that `fetches` does not say the provider fetches.

        Raises InvalidRequest, naming the field, for one that cannot be had.
        """
        ...


class Reader(Protocol):
    """Reads one stream: bytes in, chunks out. Any split of the bytes gives the same chunks.

    Adjacent text deltas that arrive in one `feed` are merged into one chunk. Neither method
    raises: what came before a failure is returned, and the failure is in `failure`.
    """

    @property
    def failure(self) -> GatewayError | None:
        """What ended the answer after the last chunks: an error event, or bytes without sense."""
        ...

    def feed(self, data: bytes) -> Sequence[Chunk]:
        """Chunks completed by these bytes."""
        ...

    def end(self) -> Sequence[Chunk]:
        """The body has ended: the last chunks. Without the terminal marker that is a failure."""
        ...


class Dialect(Protocol):
    """One wire format: pure functions of a call. Never raises but GatewayErrors."""

    def request(self, call: ChatCall, *, stream: bool) -> WireRequest:
        """Translate; raises Unsupported, naming the field, for what cannot be said or dropped."""
        ...

    def fetches(self, media: Media) -> bool:
        """Whether the provider fetches this link itself; else the gateway does, where it may."""
        ...

    def check(self) -> WireRequest:
        """A request that costs nothing and that only a good credential gets a 2xx for."""
        ...

    def completion(self, response: WireResponse) -> Completion:
        """Translate a whole answer with a 2xx status; raises BadResponse, or what it reports."""
        ...

    def reader(self) -> Reader:
        """A fresh machine for one stream."""
        ...

    def error(self, response: WireResponse) -> GatewayError:
        """Translate an answer with any other status: one class of the tree, by status and code."""
        ...

    def request_id(self, headers: Mapping[str, str]) -> str:
        """The provider's own request identifier, or empty."""
        ...


@runtime_checkable
class Polyglot(Dialect, Protocol):
    """A dialect that leaves some models to others. What is about no model, such as a check, is its
    own.
    """

    def for_model(self, model: str) -> Dialect:
        """Who speaks for this model: asked once for each call, the same for the same name."""
        ...


class Embeddings(Protocol):
    """How one wire embeds: pure functions of a call. Never raises but GatewayErrors."""

    def requests(self, call: EmbedCall) -> Sequence[WireRequest]:
        """As few requests as the wire takes, in the order of the inputs.

        Raises Unsupported, naming the field, for what cannot be said.
        """
        ...

    def vectors(self, responses: Sequence[WireResponse]) -> Embedded:
        """Translate the whole answers, all with a 2xx status; raises BadResponse."""
        ...
