"""The port every model vendor is reached through."""

from __future__ import annotations

from typing import Protocol, Self

from hexgate.domain.answer import Chunk, Completion
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.embed import Embedded


class Stream(Protocol):
    """Chunks in order, `Finished` last. Whoever holds it must aclose() it, read or unread.

    Iteration ends after `Finished`, or raises a GatewayError: a stream that ends without the
    provider's terminal marker is an error, never an end.
    """

    @property
    def request_id(self) -> str:
        """The provider's own identifier of the request, or empty."""
        ...

    def __aiter__(self) -> Self:
        """The stream itself."""
        ...

    async def __anext__(self) -> Chunk:
        """The next chunk."""
        ...

    async def aclose(self) -> None:
        """Close the provider's connection at once, unless the answer was read to its end."""
        ...


class Provider(Protocol):
    """Answers calls. Cancelling a method closes the provider's connection at once."""

    async def complete(self, call: ChatCall) -> Completion:
        """Answer in one piece, or raise a GatewayError."""
        ...

    async def open(self, call: ChatCall) -> Stream:
        """Start an answer; returns once the first output has arrived.

        Returning commits to this provider, so whatever goes wrong before the first output is
        raised here, where another target can still take over.
        """
        ...

    async def embed(self, call: EmbedCall) -> Embedded:
        """Turn every input into a vector, all or none, or raise a GatewayError.

        Raises Unsupported where the provider has no embeddings.
        """
        ...


class Fitting(Protocol):
    """Tells beforehand whether a provider could be asked."""

    def fits(self, call: ChatCall) -> None:
        """Return, or raise the Unsupported that asking would raise. Sends and fetches nothing.

        Returning promises nothing where that depends on what a link leads to.
        """
        ...
