"""What names stand for, and whose turn it is, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from hexgate.domain.balance import Group
from hexgate.domain.call import Options
from hexgate.domain.errors import Violation
from hexgate.domain.routing import Routes, VendorsOf
from hexgate.domain.validation import refused

V = TypeVar("V")
# What is kept of names: callers choose them, so there is no end of them, nor of their length.
MAX_NAMES = 4096
MAX_CHARS = 512
_NO_WISHES: Mapping[str, int] = MappingProxyType({})


class Names:
    """The routes, with what was found in them once.

    `chance`, 0 to 1, is where turns begin, so that replicas do not go round in step.
    """

    def __init__(self, routes: Routes, vendors_of: VendorsOf, chance: Callable[[], float]) -> None:
        self._routes = routes
        self._vendors_of = vendors_of
        self._start = int(chance() * (1 << 32))
        self._turns: dict[str, int] = {}
        self._groups: dict[str, Group] = {}

    def group(self, name: str) -> Group:
        """See Routes."""
        group = self._groups.get(name)
        if group is None:
            group = self._routes.group(name, self._vendors_of)
            _keep(self._groups, name, group)
        return group

    def turn(self, name: str, *, peek: bool) -> int:
        """The number of this call among those to a name; with `peek` it is not counted."""
        turn = self._turns.get(name, self._start)
        if not peek:
            _keep(self._turns, name, turn + 1)
        return turn

    def wished(self, options: Options) -> Mapping[str, int]:
        """The caller's preferred targets by name, and their places.

        Raises InvalidRequest for names that can be no target's.
        """
        names = options.preferred_models
        if not names:
            return _NO_WISHES
        unknown = [
            Violation(
                f"options.routing.preferred_models[{index}]",
                f"expected provider/model with one of: {', '.join(self._routes.providers)}",
                "UNKNOWN",
            )
            for index, name in enumerate(names)
            if not self._routes.has(name)
        ]
        if unknown:
            raise refused(*unknown)
        return {name: names.index(name) for name in names}


def _keep(memo: dict[str, V], name: str, value: V) -> None:
    """Remember, unless the name is very long; the oldest makes room."""
    if len(name) > MAX_CHARS:
        return
    if name not in memo and len(memo) >= MAX_NAMES:
        del memo[next(iter(memo))]
    memo[name] = value
