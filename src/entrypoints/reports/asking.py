"""What to ask of a gateway, and how it answers: all pages of a report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from grpc import aio

from hexgate.client import explain
from hexgate.entrypoints.reports.period import Unclear, moment, stamp, told
from hexgate.v1 import usage_service_pb2 as pb

if TYPE_CHECKING:
    from hexgate.v1.usage_service_pb2_grpc import UsageServiceAsyncStub

PAGE = 1000
_LONGER = {"user": "end_user", "key": "api_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which calls, as the command line says it; what is empty matches all."""

    since: str
    until: str = ""
    provider: str = ""
    model: str = ""
    session: str = ""
    user: str = ""
    agent: str = ""
    key: str = ""
    labels: tuple[str, ...] = ()

    def period(self, now: float) -> pb.Period:
        """With an end, so that a report can say it. Raises Unclear."""
        end = moment("--until", self.until, now) if self.until else now
        start = moment("--since", self.since, now)
        return pb.Period(start_time=stamp(start), end_time=stamp(end))

    def filter(self) -> pb.UsageFilter:
        """Raises Unclear."""
        return pb.UsageFilter(
            provider=self.provider,
            provider_model=self.model,
            session_id=self.session,
            end_user_id=self.user,
            agent_id=self.agent,
            api_key=self.key,
            labels=dict(map(_label, self.labels)),
        )


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise Unclear(f"--label: found {text!r}; expected key=value")
    return key, value


def dimensions(words: Iterable[str]) -> tuple[str, ...]:
    """What to split by, as the gateway calls it."""
    split = (one.strip() for word in words for one in word.split(","))
    return tuple(_LONGER.get(one, one) for one in split if one)


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks one gateway about the calls of one period that match. Raises AioRpcError."""

    stub: UsageServiceAsyncStub
    period: pb.Period
    matching: pb.UsageFilter
    timeout_s: float

    @property
    def title(self) -> str:
        """The period, for people."""
        start, end = self.period.start_time, self.period.end_time
        return f"{told(start.ToSeconds())} to {told(end.ToSeconds())} UTC"

    async def summaries(self, by: tuple[str, ...]) -> list[pb.UsageSummary]:
        """Every group."""
        found: list[pb.UsageSummary] = []
        request = pb.SummarizeUsageRequest(
            period=self.period, filter=self.matching, group_by=by, page_size=PAGE
        )
        while True:
            page = await self.stub.SummarizeUsage(request, timeout=self.timeout_s)
            found += page.summaries
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return found

    async def newest(self, most: int) -> pb.ListUsageRecordsResponse:
        """The newest calls, at most so many or one page; 0 is a page."""
        request = pb.ListUsageRecordsRequest(
            period=self.period, filter=self.matching, page_size=min(most or PAGE, PAGE)
        )
        return await self.stub.ListUsageRecords(request, timeout=self.timeout_s)

    async def export(self, form: pb.ExportFormat.ValueType) -> AsyncIterator[bytes]:
        """A file of all calls that have ended, in pieces."""
        request = pb.ExportUsageRequest(period=self.period, filter=self.matching, format=form)
        async for piece in self.stub.ExportUsage(request, timeout=self.timeout_s):
            yield piece.data


async def budgets(stub: UsageServiceAsyncStub, timeout_s: float) -> list[pb.Budget]:
    """Every account of every budget."""
    found: list[pb.Budget] = []
    request = pb.ListBudgetsRequest(page_size=PAGE)
    while True:
        page = await stub.ListBudgets(request, timeout=timeout_s)
        found += page.budgets
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return found


def problem(address: str, error: aio.AioRpcError) -> str:
    """What went wrong, in one line."""
    found = explain(error)
    if found.code is grpc.StatusCode.UNAVAILABLE and not found.reason:
        return f"no gateway answers at {address}: start `hexgate serve`, or name it by --address"
    return " ".join(str(found).split())
