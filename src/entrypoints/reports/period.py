"""The moments that people write on a command line."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

_AGO = re.compile(r"(\d{1,6})([mhdw])")
_UNIT_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Unclear(ValueError):
    """A word of the command line that means nothing; the message names it and what is expected."""


def moment(option: str, text: str, now: float) -> float:
    """Seconds since the epoch: so long before `now`, or a date or time, in UTC unless it says
    otherwise. Raises Unclear.
    """
    if found := _AGO.fullmatch(text):
        return max(0.0, now - int(found[1]) * _UNIT_S[found[2]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Unclear(
            f"{option}: found {text!r}; expected how long ago (30m, 24h, 7d, 2w), "
            "a date (2026-11-01) or a time (2026-11-01T08:00:00Z)"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def stamp(at: float) -> Timestamp:
    """The same moment for the gateway, to the microsecond."""
    whole = math.floor(at)
    return Timestamp(seconds=whole, nanos=int((at - whole) * 1e6) * 1000)


def told(at: float) -> str:
    """The same moment for people, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
