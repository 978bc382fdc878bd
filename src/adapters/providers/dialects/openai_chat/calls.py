"""The tool calls of one streamed answer, put together from their fragments.

Theory of operation. Fragments name their call by an index and mostly come one call after the
other; then each goes out as it comes. A server may also mix the fragments of several calls. Parts
may not be mixed, so when a call begins while the arguments of the one before are no complete
object, it and all later ones are held back until no more fragments can come.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from hexgate.adapters.providers.dialects.openai_chat import answer
from hexgate.adapters.providers.dialects.openai_chat.structs import Body
from hexgate.adapters.providers.dialects.openai_chat.structs import ToolCall as Fragment
from hexgate.adapters.providers.failures import bad
from hexgate.adapters.providers.parts import Parts

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True, eq=False)
class Call:
    """One call and the fragments of its arguments so far."""

    call_id: str
    name: str
    held: bool = False
    said: list[str] = field(default_factory=list)

    def complete(self) -> bool:
        """Whether the arguments are a whole object, after which no more can follow."""
        try:
            _OBJECT.decode("".join(self.said))
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return False
        return True


class Calls:
    """Writes the calls of one answer of `provider` to `parts`."""

    def __init__(self, provider: str, parts: Parts) -> None:
        self._provider = provider
        self._parts = parts
        self._known: dict[int, Call] = {}  # by the wire's index; the latest, where one is repeated
        self._count = 0
        self._last = -1  # the index of the latest fragment
        self._open: Call | None = None
        self._held: list[Call] = []

    def take(self, fragment: Fragment, body: Body) -> None:
        """The next fragment; `body` is the answer's first chunk. Raises BadResponse."""
        function = fragment.function
        name = (function.name if function else None) or ""
        call = self._same(fragment)
        if call is None:
            if not name:
                raise bad(self._provider, "began a tool call without a name")
            call = self._begin(Call(answer.call_id(body, self._count, fragment), name))
        elif name not in ("", call.name):
            raise bad(self._provider, "sent a fragment of a tool call out of order")
        if function and function.arguments:
            self._more(call, function.arguments)

    def settle(self) -> None:
        """No call grows any more: what was held back goes out."""
        for call in self._held:
            self._parts.call(call.call_id, call.name)
            self._parts.arguments("".join(call.said))
            call.held = False
        self._held.clear()
        self._open = None

    def _same(self, fragment: Fragment) -> Call | None:
        """The call of a fragment, None for a new one. Some servers give every call the same index,
        or none, but then each its own id.
        """
        if fragment.index is not None:
            self._last = fragment.index
        call = self._known.get(self._last)
        if call is None or not fragment.id or fragment.id == call.call_id:
            return call
        if fragment.index is None:
            self._last += 1
        return None

    def _begin(self, call: Call) -> Call:
        self._last = max(self._last, 0)
        self._known[self._last] = call
        self._count += 1
        if self._held or (self._open is not None and not self._open.complete()):
            call.held = True
            self._held.append(call)
        else:
            self._open = call
            self._parts.call(call.call_id, call.name)
        return call

    def _more(self, call: Call, arguments: str) -> None:
        if not call.held:
            if call is not self._open:
                raise bad(self._provider, "sent a fragment of a tool call out of order")
            self._parts.arguments(arguments)
        call.said.append(arguments)
