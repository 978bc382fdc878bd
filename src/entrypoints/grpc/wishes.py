"""From protobuf to the domain: how a caller wants to be answered."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message

from hexgate.domain.call import CacheMode, FallbackMode, Objective, Options, Timeouts
from hexgate.entrypoints.grpc import parse
from hexgate.v1 import generation_pb2

_CACHE_MODES: Mapping[int, CacheMode | None] = {
    generation_pb2.CACHE_MODE_UNSPECIFIED: None,
    generation_pb2.CACHE_MODE_BYPASS: CacheMode.BYPASS,
    generation_pb2.CACHE_MODE_READ_WRITE: CacheMode.READ_WRITE,
    generation_pb2.CACHE_MODE_READ_ONLY: CacheMode.READ_ONLY,
    generation_pb2.CACHE_MODE_REFRESH: CacheMode.REFRESH,
}
_FALLBACK_MODES: Mapping[int, FallbackMode] = {
    generation_pb2.FALLBACK_MODE_UNSPECIFIED: FallbackMode.BEFORE_OUTPUT,
    generation_pb2.FALLBACK_MODE_DISABLED: FallbackMode.DISABLED,
    generation_pb2.FALLBACK_MODE_BEFORE_OUTPUT: FallbackMode.BEFORE_OUTPUT,
    generation_pb2.FALLBACK_MODE_RESTART_STREAM: FallbackMode.RESTART_STREAM,
}
_OBJECTIVES: Mapping[int, Objective | None] = {
    generation_pb2.ROUTING_OBJECTIVE_UNSPECIFIED: None,
    generation_pb2.ROUTING_OBJECTIVE_COST: Objective.COST,
    generation_pb2.ROUTING_OBJECTIVE_LATENCY: Objective.LATENCY,
    generation_pb2.ROUTING_OBJECTIVE_QUALITY: Objective.QUALITY,
}
_LATER_ROUTING = ("policy", "regions")


def options(proto: generation_pb2.CallOptions) -> Options:
    """Translate how to answer. Raises InvalidRequest and Unimplemented."""
    _refuse_later(proto)
    who, routing, spend, cache = proto.attribution, proto.routing, proto.spend, proto.cache
    return Options(
        end_user_id=who.end_user_id,
        agent_id=who.agent_id,
        session_id=who.session_id,
        labels=dict(who.labels),
        allowed_providers=tuple(routing.allowed_providers),
        denied_providers=tuple(routing.denied_providers),
        fallback_models=tuple(routing.fallback_models),
        fallback_mode=parse.known(
            "options.routing.fallback_mode", routing.fallback_mode, _FALLBACK_MODES
        ),
        max_attempts=_given(routing, "max_attempts"),
        objective=parse.known("options.routing.objective", routing.objective, _OBJECTIVES),
        preferred_models=tuple(routing.preferred_models),
        affinity_key=routing.affinity_key,
        hedge_after_s=_seconds(routing, "hedge_after", "options.routing.hedge_after"),
        max_cost_nanos=_given(spend, "max_cost_nanos"),
        max_input_price=_given(spend, "max_input_price_nanos_per_mtok"),
        max_output_price=_given(spend, "max_output_price_nanos_per_mtok"),
        cache_mode=parse.known("options.cache.mode", cache.mode, _CACHE_MODES),
        cache_ttl_s=_seconds(cache, "ttl", "options.cache.ttl"),
        cache_partition=cache.partition,
        include_raw=proto.include_raw_response,
        timeouts=_timeouts(proto.timeouts) if proto.HasField("timeouts") else None,
        max_queue_wait_s=_seconds(proto, "max_queue_wait", "options.max_queue_wait") or 0.0,
    )


def _refuse_later(proto: generation_pb2.CallOptions) -> None:
    if proto.idempotency_key:
        raise parse.later("options.idempotency_key")
    if proto.priority:
        raise parse.later("options.priority")
    if proto.cache.HasField("min_similarity"):
        raise parse.later("options.cache.min_similarity")
    for field, _ in proto.routing.ListFields():
        if field.name in _LATER_ROUTING:
            raise parse.later(f"options.routing.{field.name}")


def _given(proto: Message, name: str) -> int | None:
    """A number that may be unset, which is not the same as 0."""
    value: int = getattr(proto, name)
    return value if proto.HasField(name) else None


def _seconds(proto: Message, name: str, path: str) -> float | None:
    return parse.seconds(path, getattr(proto, name)) if proto.HasField(name) else None


def _timeouts(proto: generation_pb2.Timeouts) -> Timeouts:
    def given(name: str) -> float:
        if not proto.HasField(name):  # type: ignore[arg-type]  # the stub wants a literal
            return float("inf")
        value = parse.seconds(f"options.timeouts.{name}", getattr(proto, name))
        if value == 0:
            raise parse.invalid(f"options.timeouts.{name}", "is 0 s, expected more", "OUT_OF_RANGE")
        return value

    return Timeouts(
        connect_s=given("connect"),
        first_token_s=given("first_token"),
        between_tokens_s=given("between_tokens"),
        attempt_s=given("attempt"),
    )
