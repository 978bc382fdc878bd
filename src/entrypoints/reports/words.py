"""Amounts and names as people read them. Money is exact: integers and decimals, never a float."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

NANOS = 9
_CENTS = 2


def places(amounts: Iterable[int]) -> int:
    """How many decimals of a dollar say all of these, in nano-USD, exactly; at least two."""
    most = _CENTS
    for nanos in amounts:
        digits = f"{abs(nanos) % 10**NANOS:0{NANOS}d}".rstrip("0")
        most = max(most, len(digits))
    return most


def dollars(nanos: int, decimals: int = 0) -> str:
    """Nano-USD as dollars, exactly, with at least so many decimals."""
    shown = max(decimals, places((nanos,)))
    sign = "-" if nanos < 0 else ""
    return f"{sign}${Decimal(abs(nanos)).scaleb(-NANOS):,.{shown}f}"


def clean(text: str) -> str:
    """The same without what a terminal would act on; `(none)` where there is nothing."""
    shown = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
    return shown or "(none)"
