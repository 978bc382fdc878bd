"""From reports to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from hexgate.application.usage import Standing
from hexgate.domain.budget import MILLION, AtLimit, Window
from hexgate.domain.ledger import CallState, Entry, Settlement
from hexgate.domain.report import Group
from hexgate.entrypoints.grpc import render
from hexgate.v1 import accounting_pb2, error_pb2
from hexgate.v1 import usage_service_pb2 as pb

_STATES = {one: pb.CallState.Value(f"CALL_STATE_{one.name}") for one in CallState}
_WINDOWS = {one: pb.BudgetWindow.Value(f"BUDGET_WINDOW_{one.name}") for one in Window}
_ACTIONS = {one: pb.BudgetAction.Value(f"BUDGET_ACTION_{one.name}") for one in AtLimit}
REASONS: Mapping[str, error_pb2.ErrorReason.ValueType] = {
    name.removeprefix("ERROR_REASON_"): value for name, value in error_pb2.ErrorReason.items()
}
"""Reasons by their names on the wire. A row may hold another word, such as that of a sweep."""


def summary(by: tuple[str, ...], group: Group) -> pb.UsageSummary:
    """Totals of one group."""
    found = group.totals
    proto = pb.UsageSummary(
        group=dict(zip(by, group.values, strict=True)),
        call_count=found.calls,
        failed_call_count=found.failed,
        cancelled_call_count=found.cancelled,
        unknown_call_count=found.unknown,
        unpriced_call_count=found.unpriced,
        estimated_call_count=found.estimated,
        usage=render.usage(found.usage),
        cost=render.cost(found.cost),
    )
    proto.cost.price_unknown = 0 < found.calls == found.unpriced
    return proto


def record(entry: Entry) -> pb.UsageRecord:
    """One call."""
    intent = entry.intent
    proto = pb.UsageRecord(
        response_id=intent.call_id,
        requested_model=intent.requested_model,
        state=_STATES[entry.state],
        session_id=intent.session_id,
        agent_id=intent.agent_id,
        end_user_id=intent.end_user_id,
        api_key=intent.api_key,
        labels=intent.labels,
        streamed=intent.streamed,
    )
    render.stamp(intent.started_at, proto.start_time)
    if entry.settlement is None:
        proto.cost.currency_code = render.CURRENCY
        proto.cost.total_nanos = intent.hold_nanos
        proto.cost.estimated = True
        proto.cost.price_unknown = not intent.price_known
    else:
        _outcome(entry.settlement, intent.started_at, proto)
    return proto


def _outcome(settlement: Settlement, started_at: float, into: pb.UsageRecord) -> None:
    into.usage.CopyFrom(render.usage(settlement.usage))
    into.cost.CopyFrom(render.cost(settlement.cost))
    into.failure = REASONS.get(settlement.failure, error_pb2.ERROR_REASON_UNSPECIFIED)
    into.route.CopyFrom(
        accounting_pb2.Route(
            provider=settlement.provider,
            provider_model=settlement.model,
            attempts=[render.attempt(one) for one in settlement.attempts],
        )
    )
    if settlement.state is not CallState.UNKNOWN:  # nobody saw that one end
        into.duration.CopyFrom(render.duration(settlement.ended_at - started_at))
    if settlement.first_token_at is not None:
        waited_s = settlement.first_token_at - started_at
        into.time_to_first_token.CopyFrom(render.duration(waited_s))


def budget(standing: Standing) -> pb.Budget:
    """One account of a budget."""
    of = standing.budget
    proto = pb.Budget(
        name=of.name,
        currency_code=render.CURRENCY,
        limit_nanos=of.limit_nanos,
        spent_nanos=standing.spent_nanos,
        reserved_nanos=standing.held_nanos,
        window=_WINDOWS[of.window],
        scope=standing.subject,
        action=_ACTIONS[of.at_limit],
        alert_ratios=[share / MILLION for share in of.alert_shares],
    )
    if standing.resets_at is not None:
        render.stamp(standing.resets_at, proto.reset_time)
    return proto
