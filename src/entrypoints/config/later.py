"""Variables of features that this release does not have: said, never ignored in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hexgate.entrypoints.config.variables import Variables

_LATER = (
    (r"OPENAI_API_KEYS", "several keys are not supported yet; set OPENAI_API_KEY"),
    (r"ANTHROPIC_API_KEYS", "several keys are not supported yet; set ANTHROPIC_API_KEY"),
    (r"COHERE_API_KEYS", "several keys are not supported yet; set COHERE_API_KEY"),
    (
        r"ENABLE_LOAD_BALANCING|LOAD_BALANCING_STRATEGY",
        "load balancing is not supported yet; fallbacks are tried in order",
    ),
    (r"ENABLE_COST_OPTIMIZATION", "choosing models by cost is not supported yet"),
    (
        r"DAILY_BUDGET_USD",
        "budgets are not supported yet and NO daily bound is enforced; "
        "MAX_COST_PER_REQUEST bounds each request",
    ),
)
_OFF = frozenset({"", "0", "false", "no", "off"})


def unsupported(variables: Variables, used: set[str]) -> Iterator[str]:
    """One notice per feature, naming the variables that ask for it; never their values.

    A switch that is off asks for nothing, and a variable in `used` serves the file.
    """
    names = sorted(name for name in variables.values if name not in used)
    for pattern, why in _LATER:
        found = [name for name in names if re.fullmatch(pattern, name)]
        found = [name for name in found if variables.get(name).lower() not in _OFF]
        if found:
            yield f"{', '.join(found)} {'is' if len(found) == 1 else 'are'} set; {why}"
