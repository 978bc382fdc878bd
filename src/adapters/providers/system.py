"""Instructions, for wires that have one place for them, before the conversation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import Message, Role, Text


def in_front(messages: Sequence[Message], lacking: Lacking) -> Iterator[tuple[Text, str]]:
    """The texts of all system messages, each with its path. They lead wherever they stood, which is
    said; what is no text is refused.
    """
    talked = False
    for i, message in enumerate(messages):
        at = f"spec.messages[{i}]"
        if message.role is not Role.SYSTEM:
            talked = True
            continue
        if talked:
            said = "a system message after the first turn was moved to the front"
            lacking.warn("SYSTEM_MOVED", said, at)
        for j, part in enumerate(message.parts):
            if isinstance(part, Text):
                yield part, f"{at}.parts[{j}]"
            else:
                lacking.refuse(f"{at}.parts[{j}]", "system messages other than text")
