"""The environment, with the .env file under it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from hexgate.entrypoints.config.errors import Place, Problem


@dataclass(frozen=True, slots=True)
class Variables:
    """Names and values. An empty value is the same as none, except to ${NAME} in a file."""

    values: Mapping[str, str]
    places: Mapping[str, Place] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def get(self, name: str) -> str:
        """The value without space around it, or an empty text."""
        return self.values.get(name, "").strip()

    def place(self, name: str) -> Place:
        """Where a variable was set."""
        return self.places.get(name) or Place("environment", name)

    def is_extra(self, name: str) -> bool:
        """Whether a variable comes from a file, so that nobody else in the process sees it."""
        return name in self.places


def gather(environ: Mapping[str, str], dotenv: Path | None) -> Variables:
    """The variables of `environ`, and those of the file `dotenv` that `environ` does not set.

    Values of the file are taken literally: nothing is expanded in them. A file that does not exist
    is no problem; one that cannot be read or parsed is.
    """
    values: dict[str, str] = {}
    places: dict[str, Place] = {}
    problems: list[Problem] = []
    for binding in parse_stream(io.StringIO(_text(dotenv, problems))):
        where = f"{dotenv}:{binding.original.line}"
        if binding.error:
            problems.append(Problem(Place(where), (), "expected NAME=value or a comment"))
        elif binding.key and binding.value is not None and binding.key not in environ:
            values[binding.key] = binding.value
            places[binding.key] = Place(where, binding.key)
    return Variables({**values, **environ}, places, tuple(problems))


def _text(file: Path | None, problems: list[Problem]) -> str:
    if file is None:
        return ""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        problems.append(Problem(Place(str(file)), (), f"cannot be read: {error.strerror}"))
    except UnicodeDecodeError:
        problems.append(Problem(Place(str(file)), (), "found bytes that are not UTF-8"))
    return ""
