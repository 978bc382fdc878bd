"""Settings before they are checked: a tree of text that knows where each piece came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from hexgate.entrypoints.config.errors import Place, Problem
from hexgate.entrypoints.references import Key

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree] | None"


@dataclass(slots=True)
class Document:
    """A tree whose scalars are text, exactly as written: the models give them their types.

    `places` says where a key came from, `written` what stood there before variables were
    expanded. `names` are the variables that were used. `problems` came up while reading; where
    they left a value unknown its key is in `spoiled`, and nothing more is said about it.
    """

    origin: Place
    tree: dict[str, Tree] = field(default_factory=dict)
    places: dict[Key, Place] = field(default_factory=dict)
    written: dict[Key, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    spoiled: set[Key] = field(default_factory=set)

    def place(self, key: Key) -> Place:
        """Where a key came from, or the nearest key around it."""
        key = self.exact(key)
        for end in range(len(key), -1, -1):
            if key[:end] in self.places:
                return self.places[key[:end]]
        return self.origin

    def problem(self, key: Key, message: str, place: Place | None = None) -> None:
        """Note a problem that leaves the value at `key` unknown."""
        self.problems.append(Problem(place or self.place(key), key, message))
        self.spoiled.add(key)

    def judged(self, key: Key) -> bool:
        """Whether enough was said about a key, or what is around it."""
        return any(key[:end] in self.spoiled for end in range(len(key) + 1))

    def exact(self, key: Key) -> Key:
        """The key as written: text may stand for a list or a section, and a list for a section."""
        return self._walk(key)[0]

    def find(self, key: Key) -> Tree:
        """What stands at a key, as it is written, or None."""
        return self._walk(key)[1]

    def _walk(self, key: Key) -> tuple[Key, Tree]:
        node: Tree = self.tree
        written: list[str | int] = []
        for part in key:
            if isinstance(node, str):
                break
            if isinstance(node, list) and isinstance(part, str):
                continue
            written.append(part)
            if isinstance(node, dict) and isinstance(part, str):
                node = node.get(part)
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                node = node[part]
            else:
                node = None
        return tuple(written), node

    def put(self, key: tuple[str, ...], value: Tree, place: Place) -> None:
        """Set a value from elsewhere, unless what is around it is not a mapping."""
        node = self.tree
        for part in key[:-1]:
            inner = node.setdefault(part, {})
            if not isinstance(inner, dict):
                return
            node = inner
        node[key[-1]] = value
        self.places[key] = place
        self.written.pop(key, None)
