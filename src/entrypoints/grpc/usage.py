"""UsageService: what was used, call by call and in sums, and what is left of budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from hexgate.application.usage import NOW, UsageReports
from hexgate.domain.report import Query
from hexgate.entrypoints.grpc import paging, parse, records
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.entrypoints.grpc.completion import TENANT
from hexgate.entrypoints.grpc.export import FIELDS, row
from hexgate.entrypoints.lines import CsvLines, JsonLines
from hexgate.v1 import usage_service_pb2 as pb

PIECE_BYTES = 64 << 10

_FORMATS: Mapping[int, Callable[[Sequence[str]], JsonLines | CsvLines]] = {
    pb.EXPORT_FORMAT_UNSPECIFIED: JsonLines,
    pb.EXPORT_FORMAT_JSON_LINES: JsonLines,
    pb.EXPORT_FORMAT_CSV: CsvLines,
}


class LastGroup(NamedTuple):
    """The last of a page, in a token. `end` is that of the period, which may have been "now"."""

    end: float
    values: tuple[str, ...]


class LastCall(NamedTuple):
    """The last of a page, in a token; `end` as above."""

    end: float
    started_at: float
    call_id: str


class LastAccount(NamedTuple):
    """The last of a page, in a token."""

    budget: str
    subject: str


class UsageMethods:
    """The methods of UsageService."""

    def __init__(self, reports: UsageReports) -> None:
        self._reports = reports

    async def summarize_usage(
        self, request: pb.SummarizeUsageRequest, _scope: Scope[pb.SummarizeUsageResponse]
    ) -> pb.SummarizeUsageResponse:
        """One page of groups."""
        last = paging.position(request, LastGroup)
        query = _query(request.period, request.filter, last)
        by, after = tuple(request.group_by), last and last.values
        page = await self._reports.summarize(query, by, after, request.page_size)
        response = pb.SummarizeUsageResponse(
            summaries=[records.summary(by, group) for group in page.items]
        )
        if page.more:
            mark = LastGroup(page.end, page.items[-1].values)
            response.next_page_token = paging.token(request, mark)
        return response

    async def list_usage_records(
        self, request: pb.ListUsageRecordsRequest, _scope: Scope[pb.ListUsageRecordsResponse]
    ) -> pb.ListUsageRecordsResponse:
        """One page of calls, newest first."""
        last = paging.position(request, LastCall)
        query = _query(request.period, request.filter, last)
        query = replace(query, call_id=request.response_id)
        before = last and (last.started_at, last.call_id)
        page = await self._reports.records(query, before, request.page_size)
        response = pb.ListUsageRecordsResponse(records=map(records.record, page.items))
        if page.more:
            intent = page.items[-1].intent
            mark = LastCall(page.end, intent.started_at, intent.call_id)
            response.next_page_token = paging.token(request, mark)
        return response

    async def export_usage(
        self, request: pb.ExportUsageRequest, scope: Scope[pb.ExportUsageResponse]
    ) -> None:
        """The file in pieces. Nothing is sent before the request is known to be good."""
        lines = parse.known("format", request.format, _FORMATS)(FIELDS)
        query = _query(request.period, request.filter)
        piece = bytearray(lines.head())
        async for entries in self._reports.ended(query):
            for entry in entries:
                assert entry.settlement is not None
                piece += lines.line(row(entry.intent, entry.settlement))
                if len(piece) >= PIECE_BYTES:
                    await scope.write(pb.ExportUsageResponse(data=bytes(piece)))
                    piece.clear()
        if piece:
            await scope.write(pb.ExportUsageResponse(data=bytes(piece)))

    async def list_budgets(
        self, request: pb.ListBudgetsRequest, _scope: Scope[pb.ListBudgetsResponse]
    ) -> pb.ListBudgetsResponse:
        """One page of accounts, in the order of the budgets."""
        after = paging.position(request, LastAccount)
        page = await self._reports.budgets(after, request.page_size)
        response = pb.ListBudgetsResponse(budgets=map(records.budget, page.items))
        if page.more:
            last = page.items[-1]
            mark = LastAccount(last.budget.name, last.subject)
            response.next_page_token = paging.token(request, mark)
        return response


def _query(
    period: pb.Period, wish: pb.UsageFilter, last: LastGroup | LastCall | None = None
) -> Query:
    """What is asked for; on later pages with the end that the first one had."""
    end = _seconds(period.end_time) if period.HasField("end_time") else NOW
    return Query(
        tenant=TENANT,
        start=_seconds(period.start_time) if period.HasField("start_time") else 0.0,
        end=last.end if last else end,
        provider=wish.provider,
        model=wish.provider_model,
        session_id=wish.session_id,
        agent_id=wish.agent_id,
        end_user_id=wish.end_user_id,
        api_key=wish.api_key,
        labels=dict(wish.labels),
    )


def _seconds(moment: Timestamp) -> float:
    return moment.seconds + moment.nanos / 1e9
