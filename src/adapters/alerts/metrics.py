"""Counters of what happens to budgets, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from hexgate.domain.budget import Alert


class AlertMetrics:
    """A Witness. Labels are names of the configuration, so there is a bound on them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._raised = Counter(
            "hexgate_budget_alerts",
            "Accounts that reached a share of their budget's limit.",
            ("budget", "percent"),
            registry=registry,
        )
        self._undelivered = Counter(
            "hexgate_budget_alerts_undelivered",
            "Tries to deliver an alert that failed.",
            ("budget",),
            registry=registry,
        )

    def raised(self, alert: Alert) -> None:
        """See Witness."""
        percent = 100 * alert.threshold_nanos / alert.limit_nanos if alert.limit_nanos else 100
        self._raised.labels(_budget(alert), f"{percent:.4g}").inc()

    def undelivered(self, alert: Alert, why: str, *, for_good: bool) -> None:  # noqa: ARG002 # see Witness
        """See Witness."""
        self._undelivered.labels(_budget(alert)).inc()


def _budget(alert: Alert) -> str:
    return alert.account.split("|", 1)[0]
