"""The providers as they are, before any policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from hexgate.ports.keys import Keyring
from hexgate.ports.probe import Probe
from hexgate.ports.provider import Fitting, Provider


class Leaf(Provider, Probe, Fitting, Protocol):
    """A provider as it is, before any policy, which can also be asked whether it would answer, and
    whether it could.
    """


@dataclass(frozen=True, slots=True)
class Leaves:
    """Every configured provider, by name, and the keys of those that have some."""

    by_name: Mapping[str, Leaf]
    rings: Mapping[str, Keyring] = field(default_factory=lambda: MappingProxyType({}))
