"""Everything that the engine of a ledger is."""

from __future__ import annotations

from typing import Protocol

from hexgate.ports.accounts import Accounts, Alerts
from hexgate.ports.ledger import Ledger
from hexgate.ports.reports import Reports


class Store(Ledger, Reports, Accounts, Alerts, Protocol):
    """One store of truth: calls, accounts, alerts and sums change together."""
