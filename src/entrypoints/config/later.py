"""Variables of features that this release does not have: said, never ignored in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hexgate.entrypoints.config.variables import Variables

_LATER = (
    (
        r"DAILY_BUDGET_USD",
        "budgets are not supported yet and NO daily bound is enforced; "
        "MAX_COST_PER_REQUEST bounds each request",
    ),
)
OFF = frozenset({"", "0", "false", "no", "off"})
"""What a switch says that asks for nothing."""


def unsupported(variables: Variables, used: set[str]) -> Iterator[str]:
    """One notice per feature, naming the variables that ask for it; never their values.

    A switch that is off asks for nothing, and a variable in `used` serves the file.
    """
    names = sorted(name for name in variables.values if name not in used)
    for pattern, why in _LATER:
        found = [name for name in names if re.fullmatch(pattern, name)]
        found = [name for name in found if variables.get(name).lower() not in OFF]
        if found:
            yield f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} set; {why}"
