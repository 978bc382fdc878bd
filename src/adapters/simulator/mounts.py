"""Every wire, and where it is spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hexgate.adapters.simulator.anthropic.vertex import ClaudeOnVertex
from hexgate.adapters.simulator.anthropic.wire import Anthropic
from hexgate.adapters.simulator.azure.wire import Azure
from hexgate.adapters.simulator.bedrock.wire import Bedrock
from hexgate.adapters.simulator.cohere.wire import Cohere
from hexgate.adapters.simulator.gemini.vertex import Vertex
from hexgate.adapters.simulator.gemini.wire import Gemini
from hexgate.adapters.simulator.ollama.wire import Ollama
from hexgate.adapters.simulator.openai.wire import OpenAI
from hexgate.adapters.simulator.wire import Wire


class Mounts:
    """The wires by the first step of the path, and among what is left `pick` chooses, by path and
    headers. `within` are guests of a mount: a piece that the path below it has, and the wire.
    """

    def __init__(
        self,
        wires: Mapping[str, Wire],
        pick: Callable[[str, Mapping[str, str]], Wire],
        within: Mapping[str, tuple[str, Wire]],
    ) -> None:
        self._wires = wires
        self._pick = pick
        self._within = within

    def wire(self, path: str, headers: Mapping[str, str]) -> tuple[Wire, str]:
        """The wire in which even a path that does not exist is refused, and the path below it."""
        step, slash, rest = path.removeprefix("/").partition("/")
        piece, guest = self._within.get(step, ("", None))
        found = guest if guest is not None and piece in rest else self._wires.get(step)
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


_WITHIN = {"vertex": ("/publishers/anthropic/", ClaudeOnVertex())}
MOUNTS = Mounts(
    {
        "azure": Azure(),
        "bedrock": Bedrock(),
        "cohere": Cohere(),
        "gemini": Gemini(),
        "vertex": Vertex(),
    },
    _pick,
    _WITHIN,
)
