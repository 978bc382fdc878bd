"""Where one call may go, in order, and where it may not."""

from __future__ import annotations

from dataclasses import dataclass

from hexgate.domain.call import Hop
from hexgate.domain.errors import (
    GatewayError,
    NoEligibleTarget,
    PriceUnknown,
    SpendLimitExceeded,
)

_NAMED = 4  # refusals whose messages are repeated in the one for all


@dataclass(frozen=True, slots=True)
class RuledOut:
    """A target that the call may not go to, and why."""

    hop: Hop
    error: GatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where a call may go, in order. `notes`, one for each hop, are there in a dry run alone.

    `hedge_after_s` is the route's own; 0 is never.
    """

    hops: tuple[Hop, ...]
    ruled_out: tuple[RuledOut, ...] = ()
    notes: tuple[str, ...] = ()
    hedge_after_s: float = 0.0

    def refusal(self, name: str) -> GatewayError:
        """What a caller who asked for this name is told when no hop is left.

        That is NoEligibleTarget, unless the same bound on money is the reason everywhere.
        """
        errors = tuple(one.error for one in self.ruled_out)
        if {type(error) for error in errors} in ({PriceUnknown}, {SpendLimitExceeded}):
            return errors[0]
        said = [error.message for error in errors[:_NAMED]]
        if len(errors) > _NAMED:
            said.append(f"and {len(errors) - _NAMED} more")
        constraints = dict.fromkeys(
            error.metadata.get("constraint", error.reason) for error in errors
        )
        return NoEligibleTarget(
            f"no target of {name[:64]!r} may be used: {'; '.join(said)}",
            errors,
            metadata={"model": name, "constraint": ", ".join(constraints)},
        )
