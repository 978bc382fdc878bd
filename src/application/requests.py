"""What the edge hands to a use case."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.call import Options
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call as it arrived. `deadline` is on the clock's monotonic scale, in seconds."""

    call_id: str
    tenant: str
    spec: Spec | EmbedSpec
    options: Options
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest(Request):
    """Asks for a completion."""

    spec: Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest(Request):
    """Asks for embeddings."""

    spec: EmbedSpec
