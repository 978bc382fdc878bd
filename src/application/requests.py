"""What the edge hands to a use case."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.call import Options
from hexgate.domain.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call as it arrived. `deadline` is on the clock's monotonic scale, in seconds."""

    call_id: str
    tenant: str
    spec: Spec
    options: Options
    deadline: float
