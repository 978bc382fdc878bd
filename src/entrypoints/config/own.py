"""The variables that are the gateway's own: HEXGATE_*."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from hexgate.entrypoints.config.document import Document
from hexgate.entrypoints.config.errors import Problem
from hexgate.entrypoints.config.variables import Variables

CONFIG = "HEXGATE_CONFIG"
OVERRIDES: Mapping[str, tuple[str, str]] = {
    "HEXGATE_LISTEN": ("server", "listen"),
    "HEXGATE_ADMIN_LISTEN": ("server", "admin_listen"),
    "HEXGATE_LEDGER_PATH": ("ledger", "path"),
    "HEXGATE_LOG_LEVEL": ("log", "level"),
}
"""What wins over the file, and the setting that each variable makes."""

# Kubernetes tells every pod about its services. Beside one that is called hexgate, or hexgate-…,
# these are set, and nobody mistyped anything.
_SERVICE = re.compile(
    r"HEXGATE_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_PORT = re.compile(r"HEXGATE_(\w+_)?PORT")
_LINK = re.compile(r"(tcp|udp|sctp)://")


def override(document: Document, variables: Variables) -> None:
    """Put the settings of these variables over what the document says."""
    for name, key in OVERRIDES.items():
        if value := variables.get(name):
            document.put(key, value, variables.place(name))


def strangers(variables: Variables) -> list[Problem]:
    """Every HEXGATE_ variable that means nothing: most likely a typing error."""
    known = (CONFIG, *OVERRIDES)
    problems = []
    for name, value in variables.values.items():
        if name.startswith("HEXGATE_") and name not in known and not _of_service(name, value):
            close = difflib.get_close_matches(name, known, 1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            message = f"unknown variable, expected one of: {', '.join(known)}{hint}"
            problems.append(Problem(variables.place(name), (), message))
    return problems


def _of_service(name: str, value: str) -> bool:
    return bool(_SERVICE.fullmatch(name) or (_PORT.fullmatch(name) and _LINK.match(value)))
