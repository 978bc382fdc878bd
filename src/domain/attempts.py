"""What was tried of one call, and how much more may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hexgate.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One provider call. `failure` is the reason of the error, empty on success.

    `hop` is the place of its target among the call's. `billed` is what is known, or presumed, to
    have been billed for an attempt that gave no answer; None is nothing that is known of. A
    `hedged` one ran beside another.
    """

    provider: str
    model: str
    failure: str = ""
    http_status: int = 0
    duration_s: float = 0.0
    request_id: str = ""
    hedged: bool = False
    hop: int = 0
    billed: Usage | None = None


class Attempts:
    """Every attempt of one call, and the one budget that retries, fallbacks and hedges share.

    `done` is in order, the one that was answered last.
    """

    __slots__ = ("_left", "_taken", "done")

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._taken = 0
        self.done: list[Attempt] = []

    @property
    def left(self) -> int:
        """How many more attempts may be made."""
        return self._left

    def take(self) -> bool:
        """Use one attempt of the budget; False when none is left."""
        if self._left <= 0:
            return False
        self._left -= 1
        self._taken += 1
        return True

    def give_back(self) -> None:
        """What was taken was not used: nothing was sent."""
        self._left += 1
        self._taken -= 1

    def lend(self) -> Attempts:
        """All that is left, for a leg that runs beside; `done` is shared.

        One stays where no attempt is under way: whoever is about to make it has asked already.
        """
        kept = min(self._left, 0 if self._taken > len(self.done) else 1)
        lent = Attempts(self._left - kept)
        lent.done = self.done
        self._left = kept
        return lent

    def join(self, other: Attempts) -> None:
        """Take over what the other has left."""
        self._left += other._left
        other._left = 0

    def answering(self, *, hedged: bool) -> int | None:
        """The place of the attempt whose answer a leg has now; None where its answer was none."""
        for place in reversed(range(len(self.done))):
            one = self.done[place]
            if one.hedged is hedged and not one.failure:
                return place
        return None

    def broke(self, failure: str, billed: Usage | None = None, *, hedged: bool) -> Attempt | None:
        """What a leg was answered was none, or not whole: its attempt, which now says so."""
        place = self.answering(hedged=hedged)
        if place is None:
            return None
        self.done[place] = broken = replace(self.done[place], failure=failure, billed=billed)
        return broken

    def answered(self, attempt: Attempt) -> None:
        """What was taken for a failure is the answer after all, and so the last."""
        self.done[:] = [one for one in self.done if one is not attempt]
        self.done.append(replace(attempt, failure="", billed=None))
