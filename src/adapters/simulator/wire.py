"""The seam between the server and the wires it speaks."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hexgate.adapters.simulator.answer import Answer
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.memory import Cached, Memory
from hexgate.adapters.simulator.routes import Route, Visit


class Wrong(enum.Enum):
    """Why a request is refused; each wire has its own status and body for it."""

    INVALID = enum.auto()
    UNAUTHORIZED = enum.auto()
    FORBIDDEN = enum.auto()
    NO_MODEL = enum.auto()
    NO_ROUTE = enum.auto()
    NO_METHOD = enum.auto()
    TOO_LARGE = enum.auto()
    NOT_JSON = enum.auto()
    TOO_LONG = enum.auto()
    FILTERED = enum.auto()
    LIMITED = enum.auto()
    QUOTA = enum.auto()
    SPEND_LIMIT = enum.auto()
    E500 = enum.auto()
    E502 = enum.auto()
    E503 = enum.auto()
    E504 = enum.auto()
    E529 = enum.auto()


class Refused(Exception):
    """A request that is not answered. `param` and `code` are the wire's own words."""

    def __init__(
        self,
        wrong: Wrong,
        message: str = "",
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message or wrong.name)
        self.wrong = wrong
        self.message = message
        self.param = param
        self.code = code
        self.headers = dict(headers or {})
        self.stream = False  # whether a good answer would have been streamed


class Mark(enum.Enum):
    """What an event is to the faults."""

    OTHER = enum.auto()
    PIECE = enum.auto()  # a piece of output
    FINISH = enum.auto()  # says why the answer ended
    END = enum.auto()  # the terminal marker


@dataclass(frozen=True, slots=True)
class Event:
    """Bytes that are sent together."""

    data: bytes
    mark: Mark = Mark.OTHER


@dataclass(frozen=True, slots=True)
class Origin:
    """What makes each answer one of a kind."""

    number: int  # of the request, from 1
    token: str  # 24 letters and digits
    now: float  # seconds since the epoch


class Exchange(Protocol):
    """A request that was found good, and how to answer it."""

    @property
    def ask(self) -> Ask:
        """What is asked."""
        ...

    @property
    def stream(self) -> bool:
        """Whether the answer shall be streamed."""
        ...

    def whole(self, answer: Answer) -> bytes:
        """The answer as one body."""
        ...

    def events(self, answer: Answer) -> Iterator[Event]:
        """The answer as it is streamed, terminal marker included."""
        ...


@dataclass(frozen=True, slots=True)
class Error:
    """An error as a wire says it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Wire(Protocol):
    """One vendor's way to speak."""

    @property
    def stream_type(self) -> str:
        """The media type of a stream."""
        ...

    @property
    def routes(self) -> Sequence[Route]:
        """What is found where, below the place where the wire is mounted; the first match wins."""
        ...

    def admit(self, headers: Mapping[str, str]) -> None:
        """Check the credential and the wire's own headers (lower case). Raises Refused."""
        ...

    def read(self, visit: Visit, origin: Origin, /) -> Exchange:
        """Check and understand a request for an answer. Raises Refused."""
        ...

    def cached(self, memory: Memory, ask: Ask, /) -> Cached:
        """What the prompt cache does for this prompt."""
        ...

    def headers(self, answer: Answer | None, origin: Origin, /) -> dict[str, str]:
        """The headers of an answer; without one, of an error or a listing."""
        ...

    def error(self, refused: Refused, origin: Origin, /) -> Error:
        """A refusal as this wire says it."""
        ...

    def error_event(self) -> bytes:
        """An error in the middle of a stream."""
        ...

    def broken_event(self) -> bytes:
        """An event whose JSON is broken."""
        ...

    def padding(self) -> tuple[bytes, bytes]:
        """The head of a line of a stream, and a whole line, for bodies without end."""
        ...


def key_of(headers: Mapping[str, str]) -> str:
    """The key that a request carries, in whichever header; empty for none. Found in lower case."""
    for name in ("api-key", "x-api-key", "x-goog-api-key"):
        if key := headers.get(name):
            return key
    return headers.get("authorization", "").partition(" ")[2].strip()
