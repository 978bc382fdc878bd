"""What was said in one call: the request, and the answer as far as it was delivered."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.answer import Finish
from hexgate.domain.call import Options
from hexgate.domain.chat import Part
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.price import Cost
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One call, from its request to its end, whatever end that was.

    `spec.model` is as requested; `provider` and `model` are where it was answered, tried last or
    was to go, empty where it was refused before. `parts` are those of the answer; vectors are none.
    `failure` is the reason of the error, CANCELLED where the caller left, empty when answered.
    `usage` and `cost` are None where they were not known when the end was told.
    """

    call_id: str
    tenant: str
    started_at: float  # epoch
    duration_s: float
    spec: Spec | EmbedSpec
    options: Options
    streamed: bool = False
    cached: bool = False
    provider: str = ""
    model: str = ""
    parts: tuple[Part, ...] = ()
    finish: Finish | None = None
    failure: str = ""
    usage: Usage | None = None
    cost: Cost | None = None
