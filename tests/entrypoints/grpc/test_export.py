"""ExportUsage: a file in pieces, whose sums are those of the report."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc import aio

from hexgate.adapters.ledger.memory import MemoryLedger
from hexgate.application.usage import EXPORT_PAGE
from hexgate.client import explain
from hexgate.domain.errors import StoreUnavailable
from hexgate.domain.ledger import Entry
from hexgate.domain.price import Cost
from hexgate.domain.report import Query
from hexgate.entrypoints.grpc.export import FIELDS
from hexgate.entrypoints.grpc.usage import PIECE_BYTES
from hexgate.entrypoints.lines import harmless
from hexgate.ports.store import Store
from hexgate.v1 import usage_service_pb2 as pb
from tests.contracts.ledger import FULL_INTENT, FULL_SETTLEMENT, START
from tests.entrypoints.grpc.books import ENGINES, busy, done, opened, period, told, under_way
from tests.entrypoints.grpc.conftest import Serve

if TYPE_CHECKING:
    from hexgate.v1.usage_service_pb2_grpc import UsageServiceAsyncStub


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store of each kind."""
    async with opened(request.param, tmp_path) as found:
        yield found


async def pieces(
    stub: UsageServiceAsyncStub, into: list[bytes] | None = None, **asked: Any
) -> list[bytes]:
    """A file, as it comes."""
    request = pb.ExportUsageRequest(**{"period": period(), **asked})
    found = [] if into is None else into
    async for piece in stub.ExportUsage(request, timeout=30):
        found.append(piece.data)
    return found


def rows_of(file: list[bytes]) -> list[dict[str, Any]]:
    """The rows of JSON lines."""
    return [json.loads(line) for line in b"".join(file).splitlines()]


WHOLE_ROW = {
    "response_id": FULL_INTENT.call_id,
    "start_time": "2025-11-21T04:40:00.123456Z",
    "end_time": "2025-11-21T04:40:00.456789Z",
    "duration_s": 0.333333,
    "time_to_first_token_s": 0.25,
    "state": "failed",
    "failure": "STREAM_INTERRUPTED",
    "requested_model": "fast",
    "provider": "openai",
    "provider_model": "gpt-4o",
    "attempt_count": 2,
    "streamed": False,
    "input_tokens": 46,
    "output_tokens": 19,
    "cache_read_tokens": 2,
    "cache_write_tokens": 7,
    "cache_write_1h_tokens": 4,
    "reasoning_tokens": 6,
    "audio_input_tokens": 23,
    "audio_output_tokens": 14,
    "image_input_tokens": 13,
    "usage_estimated": True,
    "currency_code": "USD",
    "total_nanos": 9_007_199_254_740_996,
    "input_nanos": 9_007_199_254_740_993,
    "output_nanos": 2,
    "wasted_nanos": 1,
    "price_version": "",
    "cost_estimated": False,
    "price_unknown": False,
    "session_id": FULL_INTENT.session_id,
    "agent_id": "x",
    "end_user_id": "u",
    "api_key": "key-1",
    "labels": {"team": "search", "env": "d\u00e9v"},
}


async def test_a_row_has_everything_under_the_names_of_the_contract(
    served: Serve, store: Store
) -> None:
    await done(
        store,
        FULL_INTENT.call_id,
        **{
            name: getattr(one, name)
            for one in (FULL_INTENT, FULL_SETTLEMENT)
            for name in ("labels", "session_id", "attempts", "usage", "failure", "ended_at")
            if hasattr(one, name)
        },
        state=FULL_SETTLEMENT.state,
        cost=Cost(input_nanos=9_007_199_254_740_993, output_nanos=2, wasted_nanos=1),
        first_token_at=START + 0.25,
        agent_id="x",
        end_user_id="u",
        api_key="key-1",
    )
    async with told(served, store) as stub:
        (row,) = rows_of(await pieces(stub))
    assert row == WHOLE_ROW
    assert tuple(row) == FIELDS


def test_the_contract_names_every_field() -> None:
    proto = Path(__file__).parents[3] / "protos" / "hexgate" / "v1"
    text = (proto / "usage_service.proto").read_text() + (proto / "accounting.proto").read_text()
    assert [name for name in FIELDS if name not in text] == []


async def test_what_is_not_known_is_null_and_empty_and_never_zero(
    served: Serve, store: Store
) -> None:
    await done(store, "free", cost=Cost(input_nanos=5, unknown=True))
    await under_way(store, "lost")
    await store.sweep(START + 3600)
    async with told(served, store) as stub:
        free, lost = sorted(rows_of(await pieces(stub)), key=lambda row: str(row["response_id"]))
        table = b"".join(await pieces(stub, format=pb.EXPORT_FORMAT_CSV)).decode()
    assert (free["total_nanos"], free["input_nanos"], free["price_unknown"]) == (None, None, True)
    assert (free["failure"], free["time_to_first_token_s"]) == (None, None)
    assert (lost["state"], lost["total_nanos"], lost["failure"]) == ("unknown", 500, None)
    assert (lost["end_time"], lost["duration_s"]) == (None, None)
    cells = {row["response_id"]: row for row in csv.DictReader(io.StringIO(table, newline=""))}
    assert (cells["free"]["total_nanos"], cells["free"]["price_unknown"]) == ("", "true")
    assert (cells["lost"]["end_time"], cells["lost"]["total_nanos"]) == ("", "500")


async def test_the_sums_of_a_file_are_those_of_the_report(served: Serve, store: Store) -> None:
    await busy(store, 80)
    async with told(served, store) as stub:
        rows = rows_of(await pieces(stub))
        request = pb.SummarizeUsageRequest(period=period())
        (total,) = (await stub.SummarizeUsage(request, timeout=10)).summaries
    assert len(rows) == total.call_count == 64
    assert sum(row["total_nanos"] or 0 for row in rows) == total.cost.total_nanos > 2**53
    assert sum(row["output_tokens"] for row in rows) == total.usage.output_tokens
    assert sum(row["price_unknown"] for row in rows) == total.unpriced_call_count > 0
    assert [row["start_time"] for row in rows] == sorted(
        (row["start_time"] for row in rows), reverse=True
    )


async def test_both_forms_and_the_list_tell_of_the_same_calls(served: Serve, store: Store) -> None:
    await busy(store, 3 * EXPORT_PAGE + 7)
    request = pb.ListUsageRecordsRequest(period=period(), page_size=1000)
    async with told(served, store) as stub:
        rows = rows_of(await pieces(stub))
        table = b"".join(await pieces(stub, format=pb.EXPORT_FORMAT_CSV)).decode()
        listed = (await stub.ListUsageRecords(request, timeout=10)).records
    cells = list(csv.DictReader(io.StringIO(table, newline="")))
    ended = [one for one in listed if one.state != pb.CALL_STATE_PENDING]
    assert [row["response_id"] for row in rows] == [one.response_id for one in ended]
    assert [row["response_id"] for row in cells] == [one.response_id for one in ended]
    for row, cell, one in zip(rows, cells, ended, strict=True):
        assert cell["agent_id"] == harmless(row["agent_id"]) == harmless(one.agent_id)
        assert json.loads(cell["labels"]) == row["labels"] == dict(one.labels)
        assert cell["start_time"] == row["start_time"]
        assert row["start_time"].rstrip("Z")[:-6] in one.start_time.ToJsonString()
        assert cell["total_nanos"] == str("" if row["price_unknown"] else one.cost.total_nanos)


@pytest.mark.parametrize("form", [pb.EXPORT_FORMAT_CSV, pb.EXPORT_FORMAT_JSON_LINES])
async def test_pieces_end_where_lines_end_and_have_a_bound(
    served: Serve, store: Store, form: pb.ExportFormat.ValueType
) -> None:
    label = {"team": "x" * 200 + "\n"}
    for number in range(400):
        await done(store, f"{number:03}", at=START + number, labels=label)
    async with told(served, store) as stub:
        file = await pieces(stub, format=form)
    assert len(file) > 2
    for piece in file[:-1]:
        assert PIECE_BYTES <= len(piece) < PIECE_BYTES + 2000
    for piece in file:
        lines = list(csv.reader(io.StringIO(piece.decode(), newline="")))
        if form == pb.EXPORT_FORMAT_CSV:
            assert {len(line) for line in lines} == {len(FIELDS)}
        else:
            rows_of([piece])


async def test_a_file_without_calls_has_its_header_and_nothing_else(
    served: Serve, store: Store
) -> None:
    await under_way(store, "a")
    async with told(served, store) as stub:
        assert await pieces(stub, format=pb.EXPORT_FORMAT_CSV) == [
            (",".join(FIELDS) + "\r\n").encode()
        ]
        assert await pieces(stub) == []


async def test_a_filter_and_a_period_hold_for_a_file_as_well(served: Serve, store: Store) -> None:
    await done(store, "a", session_id="s-1")
    await done(store, "b", session_id="s-2")
    await done(store, "c", session_id="s-1", at=START - 60)
    async with told(served, store) as stub:
        asked: dict[str, Any] = {
            "filter": pb.UsageFilter(session_id="s-1"),
            "period": period(START),
        }
        rows = rows_of(await pieces(stub, **asked))
    assert [row["response_id"] for row in rows] == ["a"]


class Growing(MemoryLedger):
    """Between two pages, new calls begin and old ones end."""

    async def records(
        self, query: Query, before: tuple[float, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        found = await super().records(query, before, limit)
        if before is not None:
            number = int(before[0])
            await done(self, f"newer-{before}", at=START + 10**6 + number)
            await done(self, f"older-{before}", at=START - number % 1000)
            await done(self, f"same-{before}", at=before[0])
        return found


async def test_no_call_is_twice_or_missing_while_others_come_and_go(served: Serve) -> None:
    store = Growing()
    known = [f"{number:04}" for number in range(3 * EXPORT_PAGE)]
    for number, name in enumerate(known):
        await done(store, name, at=START + number // 5)
    async with told(served, store) as stub:
        found = [row["response_id"] for row in rows_of(await pieces(stub))]
    assert len(found) == len(set(found))
    assert set(known) <= set(found)


class Failing(MemoryLedger):
    """Cannot be read beyond its first `pages`."""

    pages = 0

    async def records(
        self, query: Query, before: tuple[float, str] | None, limit: int
    ) -> tuple[Entry, ...]:
        self.pages -= 1
        if self.pages < 0:
            raise StoreUnavailable("the ledger cannot be read", metadata={"store": "ledger"})
        return await super().records(query, before, limit)


@pytest.mark.parametrize(
    ("pages", "code"), [(0, grpc.StatusCode.UNAVAILABLE), (2, grpc.StatusCode.ABORTED)]
)
async def test_a_file_that_cannot_be_finished_ends_with_an_error(
    served: Serve, pages: int, code: grpc.StatusCode
) -> None:
    store = Failing()
    for number in range(3 * EXPORT_PAGE):
        await done(store, f"{number:03}", labels={"team": "x" * 200})
    async with told(served, store) as stub:
        store.pages = pages
        got = list[bytes]()
        with pytest.raises(aio.AioRpcError) as refused:
            await pieces(stub, into=got)
    assert (refused.value.code(), bool(got)) == (code, pages > 0)
    assert explain(refused.value).reason == "STORE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"period": period(START, START)}, "period.start_time"),
        ({"filter": pb.UsageFilter(labels={"A": "b"})}, "filter.labels"),
        ({"format": 77}, "format"),
    ],
)
async def test_what_is_wrong_is_told_before_anything_is_sent(
    served: Serve, asked: dict[str, Any], field: str
) -> None:
    async with told(served, MemoryLedger()) as stub:
        with pytest.raises(aio.AioRpcError) as refused:
            await pieces(stub, **asked)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [bad.field for bad in explain(refused.value).violations] == [field]
