"""Counters of alerts, as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from hexgate.adapters.alerts.metrics import AlertMetrics
from hexgate.domain.budget import Alert
from hexgate.ports.herald import Witness
from tests.contracts.herald import ALERT, WitnessContract


class TestAlertMetrics(WitnessContract):
    def make(self) -> Witness:
        return AlertMetrics(CollectorRegistry())

    def broken(self) -> Witness:
        return AlertMetrics(CollectorRegistry())  # it has no outlet that could fail


def counted(registry: CollectorRegistry) -> set[str]:
    """The lines with counts in them."""
    text = generate_latest(registry).decode()
    return {line for line in text.splitlines() if "_total{" in line}


def test_alerts_are_counted_by_budget_and_share() -> None:
    registry = CollectorRegistry()
    metrics = AlertMetrics(registry)
    for alert in (ALERT, ALERT, replace(ALERT, threshold_nanos=1000)):
        metrics.raised(alert)
    assert counted(registry) == {
        'hexgate_budget_alerts_total{budget="daily",percent="80"} 2.0',
        'hexgate_budget_alerts_total{budget="daily",percent="100"} 1.0',
    }


def test_tries_that_failed_are_counted_by_budget() -> None:
    registry = CollectorRegistry()
    metrics = AlertMetrics(registry)
    metrics.undelivered(ALERT, "HTTP 500", for_good=False)
    metrics.undelivered(ALERT, "HTTP 500", for_good=True)
    assert counted(registry) == {
        'hexgate_budget_alerts_undelivered_total{budget="daily"} 2.0',
    }


def test_neither_accounts_nor_reasons_are_labels() -> None:
    """There is no bound on them."""
    registry = CollectorRegistry()
    metrics = AlertMetrics(registry)
    for agent in range(50):
        alert = replace(ALERT, account=f"agents|2026-11|agent:{agent}")
        metrics.raised(alert)
        metrics.undelivered(alert, f"HTTP {agent}", for_good=False)
    assert len(counted(registry)) == 2


@pytest.mark.parametrize(
    ("alert", "percent"),
    [
        (replace(ALERT, threshold_nanos=333_333, limit_nanos=1_000_000), "33.33"),
        (replace(ALERT, threshold_nanos=1, limit_nanos=10**6), "0.0001"),
        (replace(ALERT, threshold_nanos=0, limit_nanos=0), "100"),
    ],
)
def test_a_share_is_told_in_percent(alert: Alert, percent: str) -> None:
    registry = CollectorRegistry()
    AlertMetrics(registry).raised(alert)
    assert counted(registry) == {
        f'hexgate_budget_alerts_total{{budget="daily",percent="{percent}"}} 1.0'
    }
