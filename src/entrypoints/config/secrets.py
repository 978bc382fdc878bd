"""Keys that are kept elsewhere: {env: NAME}, {file: path}, and key files that stay files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hexgate.entrypoints.config.document import Document, Tree
from hexgate.entrypoints.references import Key

SECRETS = ("api_key", "api_keys", "access_key_id", "secret_access_key", "session_token")
"""What of a provider is secret, and may be kept elsewhere."""

OTHERS: tuple[Key, ...] = (
    ("ledger", "url"),
    ("alerts", "webhook", "url"),
    ("alerts", "webhook", "secret"),
)
"""What else is secret, and may be kept elsewhere: addresses hold passwords and tokens."""

KEY_FILE = "credentials_file"
"""What names a key file that the vendor's own library reads."""

_MAX_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")


def fetch(document: Document, variables: Mapping[str, str], folder: Path) -> None:
    """Put the keys themselves where references stand; `folder` is where relative paths start.

    What was written is never repeated in a problem: it may be a key in the wrong place.
    """
    for name, provider in _providers(document):
        for kept in SECRETS:
            key, found = ("providers", name, kept), provider.get(kept)
            if isinstance(found, dict):
                provider[kept] = _value(document, key, found, variables, folder)
            elif isinstance(found, list):
                for place, one in enumerate(found):
                    if isinstance(one, dict):
                        found[place] = _value(document, (*key, place), one, variables, folder)
    for other in OTHERS:
        section, name = document.find(other[:-1]), str(other[-1])
        if isinstance(section, dict) and isinstance(found := section.get(name), dict):
            section[name] = _value(document, other, found, variables, folder)


def locate(document: Document, folder: Path) -> None:
    """Make the paths of key files whole, and sure that they can be read; `folder` is as above."""
    for name, provider in _providers(document):
        if isinstance(path := provider.get(KEY_FILE), str) and path:
            try:
                (folder / path).open("rb").close()
            except (OSError, ValueError) as error:
                document.problem(("providers", name, KEY_FILE), _unusable(error))
            else:
                provider[KEY_FILE] = str(folder / path)


def _providers(document: Document) -> Iterator[tuple[str, dict[str, Tree]]]:
    providers = document.tree.get("providers")
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        if isinstance(provider, dict):
            yield name, provider


def _value(
    document: Document,
    key: Key,
    reference: Mapping[str, Tree],
    variables: Mapping[str, str],
    folder: Path,
) -> str | None:
    match list(reference.items()):
        case [("env", str(name))]:
            document.names.add(name)
            if name in variables:
                return variables[name].strip()
            shown = name if _NAME.fullmatch(name) else "that it names"
            document.problem(key, f"the environment variable {shown} is not set; set it")
        case [("file", str(path))]:
            try:
                return _content(folder / path)
            except (OSError, ValueError) as error:
                document.problem(key, _unusable(error))
        case _:
            document.problem(key, "found a mapping, expected text, {env: NAME} or {file: path}")
    return None


def _unusable(error: OSError | ValueError) -> str:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return f"the file that it names cannot be used: {why}"


def _content(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError("it is larger than 64 KiB")
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        # The error itself holds the bytes of the key.
        raise ValueError("it is not UTF-8") from None
