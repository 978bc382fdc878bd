"""What is found at which path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. `names` are the named steps of its path, decoded; header names are lower case.

    `path` begins below where the wire is mounted and is as it came, not decoded.
    """

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Route:
    """What a method gives at the paths that match: bodies of JSON, or where `say` is None answers.

    A pattern is matched against the whole path, still encoded, so that a slash in a name is none.
    """

    method: str
    pattern: re.Pattern[str]
    say: Callable[[Visit], bytes] | None = None
    fails: bool = False  # what is said can go wrong as answers can


def answers(path: str) -> Route:
    """Answers of models are given for a POST to this path, a pattern."""
    return Route("POST", re.compile(path))


def gives(method: str, path: str, say: Callable[[Visit], bytes]) -> Route:
    """`say` has what this path, a pattern, gives."""
    return Route(method, re.compile(path), say)


def embeds(path: str, say: Callable[[Visit], bytes]) -> Route:
    """`say` has the vectors that a POST to this path, a pattern, gives."""
    return Route("POST", re.compile(path), say, fails=True)


def find(routes: Sequence[Route], method: str, path: str) -> tuple[Route | None, Mapping[str, str]]:
    """The route of a path and its names; no route but names that tell the allowed method under
    `allow` where only the method is wrong, and no names where there is no such path.
    """
    wrong: dict[str, str] = {}
    for route in routes:
        if match := route.pattern.fullmatch(path):
            if route.method == method:
                return route, {key: unquote(name) for key, name in match.groupdict("").items()}
            wrong = {"allow": route.method}
    return None, wrong
