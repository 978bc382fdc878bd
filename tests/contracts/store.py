"""What every engine of a ledger must do: all of it."""

from __future__ import annotations

from tests.contracts.accounts import AccountsContract
from tests.contracts.alerts import AlertsContract
from tests.contracts.ledger import LedgerContract
from tests.contracts.reports import ReportsContract


class StoreContract(LedgerContract, AccountsContract, AlertsContract, ReportsContract):
    """Subclasses override `ledger` with an empty store that has room for 1000 rows."""
