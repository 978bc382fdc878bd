"""Where nobody outside hears of alerts."""

from __future__ import annotations

from hexgate.adapters.alerts.nobody import Nobody
from hexgate.ports.herald import Herald
from tests.contracts.herald import HeraldContract


class TestNobody(HeraldContract):
    async def make(self) -> Herald:
        return Nobody()
