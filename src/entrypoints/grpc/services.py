"""Which methods each service has here, and how they are registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc import aio

from hexgate.entrypoints.grpc import later
from hexgate.entrypoints.grpc.admin import AdminMethods
from hexgate.entrypoints.grpc.boundary import Boundary
from hexgate.entrypoints.grpc.completion import CompletionMethods
from hexgate.entrypoints.grpc.embedding import EmbeddingMethods
from hexgate.entrypoints.grpc.estimate import EstimateMethods
from hexgate.entrypoints.grpc.explain import ExplainMethods
from hexgate.entrypoints.grpc.keys import KeyMethods
from hexgate.entrypoints.grpc.targets import TargetMethods
from hexgate.entrypoints.grpc.usage import UsageMethods
from hexgate.v1 import (
    admin_service_pb2,
    completion_service_pb2,
    embedding_service_pb2,
    model_service_pb2,
    prompt_service_pb2,
    usage_service_pb2,
)

COMPLETION: ServiceDescriptor = completion_service_pb2.DESCRIPTOR.services_by_name[
    "CompletionService"
]
EMBEDDING: ServiceDescriptor = embedding_service_pb2.DESCRIPTOR.services_by_name["EmbeddingService"]
USAGE: ServiceDescriptor = usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"]
ADMIN: ServiceDescriptor = admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"]
PUBLIC: tuple[ServiceDescriptor, ...] = (
    COMPLETION,
    EMBEDDING,
    model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
    USAGE,
    prompt_service_pb2.DESCRIPTOR.services_by_name["PromptService"],
)
# grpc's own type of a handler is invariant in both messages, so a table of them has no other type.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def completion(
    boundary: Boundary, methods: CompletionMethods, estimate: EstimateMethods
) -> Mapping[str, Handler]:
    """The methods of CompletionService that exist."""
    pb = completion_service_pb2
    return {
        "Complete": boundary.unary(methods.complete, pb.CompleteRequest),
        "EstimateCost": boundary.unary(estimate.estimate_cost, pb.EstimateCostRequest),
        "StreamComplete": boundary.stream(methods.stream_complete, pb.StreamCompleteRequest),
    }


def embedding(boundary: Boundary, methods: EmbeddingMethods) -> Mapping[str, Handler]:
    """The methods of EmbeddingService."""
    return {"Embed": boundary.unary(methods.embed, embedding_service_pb2.EmbedRequest)}


def usage(boundary: Boundary, methods: UsageMethods) -> Mapping[str, Handler]:
    """The methods of UsageService."""
    pb = usage_service_pb2
    return {
        "SummarizeUsage": boundary.unary(methods.summarize_usage, pb.SummarizeUsageRequest),
        "ListUsageRecords": boundary.unary(methods.list_usage_records, pb.ListUsageRecordsRequest),
        "ExportUsage": boundary.stream(methods.export_usage, pb.ExportUsageRequest),
        "ListBudgets": boundary.unary(methods.list_budgets, pb.ListBudgetsRequest),
    }


def admin(
    boundary: Boundary,
    methods: AdminMethods,
    targets: TargetMethods,
    keys: KeyMethods,
    explain: ExplainMethods,
) -> Mapping[str, Handler]:
    """The methods of AdminService that exist."""
    pb = admin_service_pb2
    return {
        "ListTargets": boundary.unary(targets.list_targets, pb.ListTargetsRequest),
        "SetTargetState": boundary.unary(targets.set_target_state, pb.SetTargetStateRequest),
        "ExplainRoute": boundary.unary(explain.explain_route, pb.ExplainRouteRequest),
        "ListProviderKeys": boundary.unary(keys.list_provider_keys, pb.ListProviderKeysRequest),
        "ReplaceProviderKeys": boundary.unary(
            keys.replace_provider_keys, pb.ReplaceProviderKeysRequest
        ),
        "GetServerInfo": boundary.unary(methods.get_server_info, pb.GetServerInfoRequest),
        "CheckProvider": boundary.unary(methods.check_provider, pb.CheckProviderRequest),
    }


def register(
    server: aio.Server,
    boundary: Boundary,
    service: ServiceDescriptor,
    methods: Mapping[str, Handler],
) -> None:
    """Serve a service whole: the methods given, and a clear refusal for the rest."""
    handlers = {
        method.name: methods.get(method.name) or refusal(boundary, method)
        for method in service.methods
    }
    generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
    server.add_generic_rpc_handlers((generic,))


def refusal(boundary: Boundary, method: MethodDescriptor) -> Handler:
    """What stands in for a method that is not there yet."""
    request = message_factory.GetMessageClass(method.input_type)
    if method.server_streaming:
        return boundary.stream(later.stream(method), request)
    return boundary.unary(later.unary(method), request)
