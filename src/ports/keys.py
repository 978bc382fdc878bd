"""The gateway's keys at one provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hexgate.domain.keys import KeyStatus


class Keyring(Protocol):
    """Several keys of one provider: the calls are spread over those that do not rest."""

    def status(self) -> tuple[KeyStatus, ...]:
        """How each key stands, in the order in which they were given."""
        ...

    async def replace(self, keys: Sequence[str]) -> tuple[KeyStatus, ...]:
        """Use these keys from now on, and no others; calls under way keep theirs.

        All of them or, where this raises, none. A key that stays keeps its state. This process
        alone knows of it: at its next start it reads its configuration again. Raises
        InvalidRequest, without the keys, for none at all, for more than 100, for one twice, and for
        one that cannot be sent.
        """
        ...
