"""From a Document to Settings, or to everything that is wrong with it."""

from __future__ import annotations

import difflib

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hexgate.entrypoints.config import schema
from hexgate.entrypoints.config.document import Document, Tree
from hexgate.entrypoints.config.errors import ConfigError, Problem, quoted
from hexgate.entrypoints.config.secrets import OTHERS, SECRETS
from hexgate.entrypoints.kinds import KINDS
from hexgate.entrypoints.references import Key, dangling
from hexgate.entrypoints.settings import Settings


def validate(document: Document) -> Settings:
    """Check a document whole. Raises ConfigError with every problem, those of reading first."""
    try:
        settings = Settings.model_validate(document.tree)
    except ValidationError as error:
        details = error.errors(include_input=False)
        problems = [_problem(d, document) for d in details if not _echo(d, details)]
        # Not `from error`: it still holds what was given to it, keys included.
        known = {problem.key for problem in problems}
        problems += [problem for problem in _dangling(document) if problem.key not in known]
    else:
        problems = []
    problems = document.problems + [p for p in problems if not document.judged(p.key)]
    if problems:
        raise ConfigError(sorted(problems, key=_order))
    return settings


def _order(problem: Problem) -> tuple[str, int]:
    file, _, line = problem.place.where.rpartition(":")
    return (file, int(line)) if line.isdigit() else ("", 0)


def _echo(detail: ErrorDetails, details: list[ErrorDetails]) -> bool:
    """Whether something is only too short because what is in it was refused, which is said."""
    loc = detail["loc"]
    inside = (other["loc"] for other in details if len(other["loc"]) > len(loc))
    return detail["type"] == "too_short" and any(key[: len(loc)] == loc for key in inside)


def _dangling(document: Document) -> list[Problem]:
    """Names of what does not exist: the models look for them only when all else is well."""
    return [
        Problem(
            document.place(key), document.exact(key), f"{_found(key, document)}, expected {what}"
        )
        for key, what in dangling(document.tree)
    ]


def _problem(detail: ErrorDetails, document: Document) -> Problem:
    loc = detail["loc"]
    key = _key(loc)
    return Problem(document.place(key), document.exact(key), _message(detail, loc, key, document))


def _key(loc: Key) -> Key:
    """The location as the file knows it: without the kind of a provider, and without "[key]"."""
    if len(loc) > 2 and loc[0] == "providers" and loc[2] in (*KINDS, "[key]"):
        loc = (*loc[:2], *loc[3:])
    return tuple(part for part in loc if part != "[key]")


def _message(detail: ErrorDetails, loc: Key, key: Key, document: Document) -> str:
    found = _found(key, document)
    match detail["type"]:
        case "missing":
            meaning = schema.at(loc).get("description") or schema.accepts(loc)
            return f"is missing, expected: {meaning}"
        case "extra_forbidden":
            return _unknown(str(key[-1]), schema.keys(loc[:-1]))
        case "union_tag_not_found":
            return f"kind is missing, expected one of: {', '.join(KINDS)}"
        case "union_tag_invalid":
            kind = document.find((*key, "kind"))
            shown = _found((*key, "kind"), document)
            return f"{shown} as kind, expected one of: {', '.join(KINDS)}{_hint(str(kind), KINDS)}"
        case "expected":
            mapping = isinstance(document.find(key), dict)
            return f"expected {detail['msg']}" if mapping else f"{found}, expected {detail['msg']}"
        case "decimal_max_places":
            return f"{found}, expected at most {detail['ctx']['decimal_places']} decimals"
    if loc[-1:] == ("[key]",):
        return f"found the name {quoted(str(key[-1]))}, expected {schema.key_phrase(loc[:-2])}"
    hint = _hint(str(document.find(key)), list(map(str, schema.at(loc).get("enum", ()))))
    return f"{found}, expected {schema.accepts(loc)}{hint}"


def _found(key: Key, document: Document) -> str:
    """What stands there: never what a variable held, never what may be a secret."""
    match document.find(key):
        case None:
            return "found nothing"
        case dict() as value:
            return "found a mapping" if value else "found an empty mapping"
        case list() as value:
            return "found a list" if value else "found an empty list"
        case text:
            written = document.written.get(document.exact(key), text)
            kind = document.find((*key[:2], "kind"))
            return f"found {quoted(written)}" if _public(key, written, kind) else "found text"


def _public(key: Key, text: str, kind: Tree) -> bool:
    """Whether it cannot be a secret, even one in the wrong place."""
    loc = (*key[:2], str(kind), *key[2:]) if key[:1] == ("providers",) and len(key) > 2 else key
    node = schema.at(loc)
    scalar = "discriminator" not in node and node.get("type") not in ("object", "array")
    secret = key in OTHERS or bool(set(SECRETS) & set(key))
    return scalar and not secret and not set("@?") & set(text)


def _unknown(name: str, known: tuple[str, ...]) -> str:
    return f"unknown key, expected one of: {', '.join(known)}{_hint(name, known)}"


def _hint(text: str, known: tuple[str, ...] | list[str]) -> str:
    close = difflib.get_close_matches(text, known, 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
