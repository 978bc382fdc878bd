"""A YAML file as a Document: line marks, one value per key, ${VARIABLES} expanded after parsing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from hexgate.entrypoints.config.document import Document, Tree
from hexgate.entrypoints.config.errors import ConfigError, Place, Problem
from hexgate.entrypoints.references import Key

MAX_BYTES = 1 << 20
MAX_NODES = 50_000  # aliases can make much out of little
MAX_DEPTH = 16

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{")
_MERGE = "tag:yaml.org,2002:merge"
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value")
)
_QUOTED = re.compile(r"'[^'\s][^']+'|\"[^\"]{2,}\"")


def read(file: Path, variables: Mapping[str, str]) -> Document:
    """Read a file of at most 1 MiB.

    Raises ConfigError when it cannot be read or is not YAML; whatever else is wrong is noted in
    the document, so that it can be reported together with what the models refuse.
    """
    document = Document(Place(f"{file}:1"))
    node = _compose(file, _text(file))
    if node is None:
        return document
    tree = _Reader(str(file), document, variables).value(node, ())
    if isinstance(tree, dict):
        # A section whose every line is commented out is a section left at its defaults.
        document.tree = {k: v for k, v in tree.items() if v is not None}
    elif not document.problems:
        document.problem((), "expected a mapping of sections such as providers and models")
    return document


def _text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _unusable(f"{file}", "found more than 1 MiB, expected a configuration file")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise _unusable(f"{file}", f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _unusable(f"{file}:{line}", "found bytes that are not UTF-8") from None


def _compose(file: Path, text: str) -> yaml.Node | None:
    try:
        _measure(file, text)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        # The parser may quote what it stumbled over, which may be a key.
        problem = _QUOTED.sub("…", error.problem or "it cannot be parsed")
        around = "".join(text.splitlines()[max(0, line - 2) : line])
        hint = '; within { } and [ ] a variable needs quotes: "${NAME}"' if "${" in around else ""
        raise _unusable(f"{file}:{line}", f"is not YAML: {problem}{hint}") from None
    except yaml.reader.ReaderError as error:
        raise _unusable(f"{file}", f"is not YAML: {error.reason}") from None


def _measure(file: Path, text: str) -> None:
    # Composing recurses in C without a bound, so a deep file would end the process.
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _unusable(f"{file}:{line}", f"is nested deeper than {MAX_DEPTH} levels")


def _unusable(where: str, message: str) -> ConfigError:
    return ConfigError([Problem(Place(where), (), message)])


class _Reader:
    """Turns nodes into a tree, noting lines and problems on the way."""

    def __init__(self, file: str, document: Document, variables: Mapping[str, str]) -> None:
        self._file = file
        self._document = document
        self._variables = variables
        self._nodes = 0

    def value(self, node: yaml.Node, key: Key) -> Tree:
        """Any node, as plain data."""
        self._nodes += 1
        self._document.places.setdefault(key, self._place(node))
        if self._nodes > MAX_NODES:
            raise _unusable(self._file, f"has more than {MAX_NODES} values, aliases expanded")
        if len(key) > MAX_DEPTH:
            # Deeper than the text itself: an alias inside its own anchor.
            self._document.problem(key, "contains itself")
            return None
        if node.tag not in _TAGS:
            self._document.problem(key, "found a tag (!…), expected plain values")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*key, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _scalar(self, node: yaml.Node, key: Key) -> str | None:
        # Numbers and booleans stay text: prices keep their decimals, and a model may be called
        # 1.10 or no. The models turn text into what they need.
        if node.tag == "tag:yaml.org,2002:null":
            return None
        return self._expanded(str(node.value), key)

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Tree]:
        found: dict[str, Tree] = {}
        for name, value in self._own(node, key):
            text = str(name.value)
            inner = (*key, text)
            if text in found:
                first = self._document.places[inner].where.rpartition(":")[2]
                message = f"is given twice; the first is in line {first}"
                self._document.problems.append(Problem(self._place(name), inner, message))
            else:
                found[text] = self._entry(name, value, inner)
        for name, value in self._merged(node, key, set()):
            text = str(name.value)
            if text not in found:
                found[text] = self._entry(name, value, (*key, text))
        return found

    def _entry(self, name: yaml.Node, value: yaml.Node, key: Key) -> Tree:
        self._document.places[key] = self._place(name)
        return self.value(value, key)

    def _own(self, node: yaml.MappingNode, key: Key) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode):
                message = "found a list or mapping as a key, expected text"
                self._document.problems.append(Problem(self._place(name), key, message))
            elif name.tag != _MERGE:
                yield name, value

    def _merged(
        self, node: yaml.MappingNode, key: Key, seen: set[int]
    ) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        """What `<<` brings in, nearest first."""
        seen.add(id(node))
        for name, value in node.value:
            if name.tag != _MERGE:
                continue
            for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if not isinstance(source, yaml.MappingNode):
                    message = "<< found something else, expected an alias of a mapping"
                    self._document.problems.append(Problem(self._place(name), key, message))
                elif id(source) not in seen:
                    yield from self._own(source, key)
                    yield from self._merged(source, key, seen)

    def _expanded(self, text: str, key: Key) -> str:
        if "$" not in text:
            return text
        missing: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            name, default = match.groups()
            if name is None:
                if match[0] == "$$":
                    return "$"
                missing.append("found ${, expected ${NAME}, ${NAME:-default}, or $${ for the text")
                return ""
            self._document.names.add(name)
            value = self._variables.get(name)
            if default is not None:
                return value or default
            if value is None:
                missing.append(
                    f"the environment variable {name} is not set; set it, "
                    f"or write ${{{name}:-default}}"
                )
                return ""
            return value

        result = _VARIABLE.sub(replaced, text)
        self._document.written[key] = text
        for message in dict.fromkeys(missing):
            self._document.problem(key, message)
        return result

    def _place(self, node: yaml.Node) -> Place:
        return Place(f"{self._file}:{node.start_mark.line + 1}")
