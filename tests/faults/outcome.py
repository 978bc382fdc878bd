"""What is expected of a whole call: from how one attempt ends, and what the gateway may then do."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from hexgate.adapters.simulator import Fault
from tests.faults.ends import FINE, End
from tests.faults.places import Place
from tests.faults.rows import Row

FIRST, BACKUP = "first", "backup"
Tried: TypeAlias = "tuple[str, str]"
"""An attempt: at which provider, and the reason of its failure, or empty."""


class Mode(enum.Enum):
    """What the gateway is told to do when a target fails."""

    ALONE = "alone"
    AGAIN = "tried-again"
    LISTED = "with-a-fallback"
    RULED = "by-a-rule"
    PASSED = "past-every-other-rule"
    RESTARTED = "restarted-at-a-fallback"  # the caller asked for RESTART_STREAM
    BEGUN_ANEW = "restarted-where-it-was"  # the same, without a fallback


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the call ends, what was tried for it, and whether the stream began anew."""

    end: End
    tried: tuple[Tried, ...]
    restarted: bool = False


_BROKEN = (Mode.ALONE, Mode.AGAIN, Mode.LISTED, Mode.RULED, Mode.RESTARTED, Mode.BEGUN_ANEW)


def expected(row: Row, mode: Mode, end: End) -> Outcome:
    """What becomes of a call whose attempts at `first` end so."""
    failed, answered = (FIRST, end.attempt), (FIRST, "")
    if row.struck < row.keys:
        return Outcome(end=FINE, tried=(*(failed,) * row.struck, answered))
    tried = (failed,) * row.keys
    if moves(mode, end):
        return Outcome(end=FINE, tried=(*tried, (BACKUP, "")), restarted=end.broken)
    if mode is Mode.BEGUN_ANEW and end.broken:
        return Outcome(end=FINE, tried=(*tried, answered), restarted=True)
    if mode is Mode.AGAIN and end.again:
        # An address does not mend; any other fault strikes once.
        heals = not isinstance(row.made, Place)
        return Outcome(end=FINE if heals else end, tried=(failed, answered if heals else failed))
    return Outcome(end=end, tried=(answered,) if end.fine else tried)


def moves(mode: Mode, end: End) -> bool:
    """Whether the fallback of this mode takes over from an attempt that ended so."""
    match mode:
        case Mode.RULED:
            return bool(end.on)
        case Mode.LISTED:
            return end.listed
        case Mode.RESTARTED:
            return end.listed or end.broken
        case _:
            return False


def modes(row: Row, end: End) -> tuple[Mode, ...]:
    """The modes in which a row shows something."""
    if row.keys > 1:
        return (Mode.ALONE, Mode.LISTED)
    if end.broken:
        # A provider that is slow all the time breaks the new beginning as well.
        return _BROKEN if isinstance(row.made, Fault) else _BROKEN[:-1]
    found = [Mode.ALONE, Mode.LISTED]
    if end.on:
        found += [Mode.RULED, Mode.PASSED]
    # A wait that is asked for need not be waited for more than once.
    if not end.fine and (row.asks_s is None or row.made is Fault.LIMITED_SECONDS):
        found.append(Mode.AGAIN)
    return tuple(found)
