"""The methods of AdminService about targets."""

from __future__ import annotations

import base64
import binascii

import structlog

from hexgate.application.targets import Targets
from hexgate.domain.errors import InvalidRequest, Violation
from hexgate.domain.health import BreakerState, TargetHealth, TargetState
from hexgate.entrypoints.grpc import render
from hexgate.entrypoints.grpc.boundary import Scope
from hexgate.ports.clock import Clock
from hexgate.v1 import admin_service_pb2 as pb

PAGE = 100
MAX_PAGE = 1000
MAX_REASON_CHARS = 256
MAX_TTL_S = 366 * 86_400.0

_STATES = {pb.TargetState.Value(f"TARGET_STATE_{one.name}"): one for one in TargetState}
_STATE_OF = {one: value for value, one in _STATES.items()}
BREAKERS = {one: pb.BreakerState.Value(f"BREAKER_STATE_{one.name}") for one in BreakerState}


class TargetMethods:
    """Health of targets, and their place in rotation."""

    def __init__(self, targets: Targets, clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._log = structlog.get_logger("hexgate.audit")

    async def list_targets(
        self, request: pb.ListTargetsRequest, _scope: Scope[pb.ListTargetsResponse]
    ) -> pb.ListTargetsResponse:
        """One page. Its token is a name, so targets may come and go between two pages."""
        if request.page_size < 0:
            raise _invalid("page_size", f"is {request.page_size}; expected 0 to {MAX_PAGE}")
        size = min(request.page_size or PAGE, MAX_PAGE)
        found = self._targets.page(_name(request.page_token), size + 1)
        now = self._clock.now()
        return pb.ListTargetsResponse(
            targets=[status(one, now) for one in found[:size]],
            next_page_token=_token(found[size - 1].name) if len(found) > size else "",
        )

    async def set_target_state(
        self, request: pb.SetTargetStateRequest, scope: Scope[pb.SetTargetStateResponse]
    ) -> pb.SetTargetStateResponse:
        """Take a target out of rotation, or put it back; a line of the audit log tells of it."""
        state, ttl_s = _checked(request)
        before = self._targets.one(request.target)
        after = self._targets.set(request.target, state, ttl_s, request.reason)
        # A warning, so that no level of the log but the highest leaves it out.
        self._log.warning(
            "target state set",
            target=request.target,
            wish=state.value,
            old=before.state.value,
            new=after.state.value,
            ttl_s=ttl_s,
            reason=request.reason,
            request_id=scope.request_id,
        )
        return pb.SetTargetStateResponse(status=status(after, self._clock.now()))


def status(health: TargetHealth, now: float) -> pb.TargetStatus:
    """One line; `now` is since the epoch."""
    proto = pb.TargetStatus(
        target=health.name,
        state=_STATE_OF[health.state],
        active_call_count=health.active,
        unhealthy=health.unhealthy,
        reason=health.reason,
        attempt_count=health.attempts,
        failure_count=health.failures,
    )
    if health.breaker is not None:
        proto.breaker = BREAKERS[health.breaker.state]
        proto.failure_ratio = health.breaker.failure_ratio
        if health.breaker.rest_s:
            render.stamp(now + health.breaker.rest_s, proto.retry_time)
    if health.failure:
        proto.last_failure = render.reason(health.failure)
    if health.latency_s is not None:
        proto.latency.CopyFrom(render.duration(health.latency_s))
    if health.first_token_s is not None:
        proto.first_token_p50.CopyFrom(render.duration(health.first_token_s))
    if health.enable_at is not None:
        render.stamp(health.enable_at, proto.enable_time)
    return proto


def _checked(request: pb.SetTargetStateRequest) -> tuple[TargetState, float | None]:
    state = _STATES.get(request.state)
    if state is None:
        names = ", ".join(pb.TargetState.Name(value) for value in _STATES)
        raise _invalid("state", f"is {request.state}; expected one of: {names}")
    if len(request.reason) > MAX_REASON_CHARS:
        found = len(request.reason)
        raise _invalid("reason", f"has {found} characters; at most {MAX_REASON_CHARS} are allowed")
    if not request.HasField("ttl"):
        return state, None
    ttl_s = request.ttl.seconds + request.ttl.nanos / 1e9
    if not 0 < ttl_s <= MAX_TTL_S:
        raise _invalid("ttl", f"is {ttl_s:g} s; expected above 0, at most {MAX_TTL_S:g} s")
    return state, ttl_s


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name(token: str) -> str:
    try:
        return base64.b64decode(token.encode(), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError) as error:
        text = "is no page token; repeat the next_page_token of a response, or leave it empty"
        raise _invalid("page_token", text) from error


def _invalid(field: str, text: str) -> InvalidRequest:
    return InvalidRequest(f"{field} {text}", (Violation(field, text, "OUT_OF_RANGE"),))
