"""The configuration: a file, or the environment alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hexgate.entrypoints.config import environment, own, secrets, yaml
from hexgate.entrypoints.config.document import Document
from hexgate.entrypoints.config.environment import Notice, Probe, reachable
from hexgate.entrypoints.config.errors import ConfigError, Problem
from hexgate.entrypoints.config.validate import validate
from hexgate.entrypoints.config.variables import Variables, gather
from hexgate.entrypoints.settings import Settings


def load(
    path: Path | None,
    environ: Mapping[str, str],
    *,
    dotenv: Path | None = Path(".env"),
    probe: Probe = reachable,
    notice: Notice = lambda _: None,
) -> Settings:
    """Read the file `path`, else the file HEXGATE_CONFIG, else the environment alone.

    The file `dotenv` adds variables that `environ` does not set; `environ` is not changed.
    `notice` is told, in one line each and without secrets, what is worth knowing but no error.
    Raises ConfigError with everything that is wrong.
    """
    variables = gather(environ, dotenv)
    named = variables.get(own.CONFIG)
    file = path or (Path(named) if named else None)
    try:
        document = _document(file, variables, probe, notice)
    except ConfigError as error:
        raise ConfigError((*_outside(variables), *error.problems)) from None
    own.override(document, variables)
    document.problems.extend(_outside(variables))
    return validate(document)


def _outside(variables: Variables) -> list[Problem]:
    return [*variables.problems, *own.strangers(variables)]


def _document(file: Path | None, variables: Variables, probe: Probe, notice: Notice) -> Document:
    if file is None:
        document = environment.compose(variables, probe, notice)
        secrets.locate(document, Path())
        return document
    document = yaml.read(file, variables.values)
    secrets.fetch(document, variables.values, file.parent)
    secrets.locate(document, file.parent)
    unused = [n for n in environment.READ if variables.get(n) and n not in document.names]
    if unused:
        notice(
            f"{file} is used, so these variables are not: {', '.join(unused)}; "
            "refer to them in it as ${NAME}"
        )
    return document
