"""How targets are ordered where variables alone say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hexgate.entrypoints.config.document import Document
from hexgate.entrypoints.config.errors import quoted
from hexgate.entrypoints.config.variables import Variables

BALANCE, HOW, CHEAPEST = (
    "ENABLE_LOAD_BALANCING",
    "LOAD_BALANCING_STRATEGY",
    "ENABLE_COST_OPTIMIZATION",
)
STRATEGY = ("routing", "strategy")
STRATEGIES: Mapping[str, str] = {
    "round_robin": "round_robin",
    "weighted": "weighted",
    "least_loaded": "least_loaded",
    "least_connections": "least_loaded",
    "latency": "latency",
    "latency_based": "latency",
    "cost": "cost",
    "cost_based": "cost",
}
"""What may be asked for, and the strategy that it is."""

OFF = frozenset({"", "0", "false", "no", "off"})
"""What a switch says that asks for nothing."""

_ON = frozenset({"1", "true", "yes", "on"})


def balance(document: Document, variables: Variables, notice: Callable[[str], None]) -> None:
    """Set the strategy that the variables ask for; switches that are off ask for nothing."""
    if _on(BALANCE, document, variables):
        _strategy(document, variables)
    elif variables.get(HOW) and not variables.get(BALANCE):
        notice(f"{HOW} is not used without {BALANCE}; set both")
    if not _on(CHEAPEST, document, variables):
        return
    other = document.find(STRATEGY)
    if other not in (None, "cost"):
        notice(
            f"{CHEAPEST} wins over {HOW if variables.get(HOW) else BALANCE}: "
            f"targets are ordered by cost, not by {other}; unset one of them"
        )
    document.put(STRATEGY, "cost", variables.place(CHEAPEST))


def _strategy(document: Document, variables: Variables) -> None:
    wish = variables.get(HOW) or "round_robin"
    strategy = STRATEGIES.get(wish.lower().replace("-", "_"))
    if strategy:
        named = HOW if variables.get(HOW) else BALANCE
        document.put(STRATEGY, strategy, variables.place(named))
        return
    message = f"found {quoted(wish)}, expected one of: {', '.join(STRATEGIES)}"
    document.problem(STRATEGY, message, variables.place(HOW))


def _on(name: str, document: Document, variables: Variables) -> bool:
    value = variables.get(name).lower()
    if value not in OFF | _ON:
        message = f"found {quoted(variables.get(name))}, expected true or false"
        document.problem(STRATEGY, message, variables.place(name))
    return value in _ON
