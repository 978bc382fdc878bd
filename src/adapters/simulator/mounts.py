"""Every wire, and where it is spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hexgate.adapters.simulator.anthropic.wire import Anthropic
from hexgate.adapters.simulator.ollama.wire import Ollama
from hexgate.adapters.simulator.openai.wire import OpenAI
from hexgate.adapters.simulator.wire import Wire


class Mounts:
    """The wires by the first step of the path; those under "" share what is left.

    Of these `pick` chooses, by path and headers.
    """

    def __init__(
        self, wires: Mapping[str, Wire], pick: Callable[[str, Mapping[str, str]], Wire]
    ) -> None:
        self._wires = wires
        self._pick = pick

    def wire(self, path: str, headers: Mapping[str, str]) -> tuple[Wire, str]:
        """The wire in which even a path that does not exist is refused, and the path below it."""
        step, slash, rest = path.removeprefix("/").partition("/")
        found = self._wires.get(step)
        if found is not None:
            return found, slash + rest
        return self._pick(path, headers), path


_OPENAI, _ANTHROPIC, _OLLAMA = OpenAI(), Anthropic(), Ollama()


def _pick(path: str, headers: Mapping[str, str]) -> Wire:
    """Three vendors share the root: their clients take no path in a base URL, or all the same one.

    Two of them list their models in the same place; only one of them has a version header.
    """
    if path.startswith("/api/"):
        return _OLLAMA
    listing = path.startswith("/v1/models") and "anthropic-version" in headers
    if listing or path.startswith("/v1/messages"):
        return _ANTHROPIC
    return _OPENAI


MOUNTS = Mounts({}, _pick)
