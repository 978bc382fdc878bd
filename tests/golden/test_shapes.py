"""The blocks of the invoices have the shape that the vendors' own packages know."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from google.protobuf import json_format
from ollama import ChatResponse
from pydantic import BaseModel

from hexgate.adapters.providers.transports import vertex_codec
from tests.golden import wires
from tests.golden.invoice import Invoice
from tests.golden.test_invoices import INVOICES
from tests.golden.wires import Block

TYPES = {
    wires.OPENAI: "openai.types.CompletionUsage",
    wires.AZURE: "openai.types.CompletionUsage",
    wires.XAI: "openai.types.CompletionUsage",
    wires.OPENAI_EMBEDDINGS: "openai.types.create_embedding_response.Usage",
    wires.ANTHROPIC: "anthropic.types.Usage",
    wires.CLAUDE_ON_VERTEX: "anthropic.types.Usage",
    wires.COHERE: "cohere.types.Usage",
    wires.COHERE_EMBEDDINGS: "cohere.types.ApiMetaBilledUnits",
    wires.GEMINI: "google.genai.types.GenerateContentResponseUsageMetadata",
    wires.VERTEX: "google.genai.types.GenerateContentResponseUsageMetadata",
}


def of(*kinds: wires.Wire) -> pytest.MarkDecorator:
    """The invoices of these wires."""
    chosen = [invoice for invoice in INVOICES if invoice.wire in kinds]
    return pytest.mark.parametrize("invoice", chosen, ids=str)


def strangers(value: object, path: str = "") -> Iterator[str]:
    """What a package's model holds that it has no field for."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{name}" for name in value.model_extra or ())
        for name, inner in value:
            yield from strangers(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from strangers(inner, path)


@of(*TYPES)
def test_the_vendors_package_knows_every_field(invoice: Invoice) -> None:
    module, _, name = TYPES[invoice.wire].rpartition(".")
    kind: type[BaseModel] = getattr(importlib.import_module(module), name)
    assert not [*strangers(kind.model_validate(invoice.said))]


@of(wires.BEDROCK)
def test_the_model_of_the_service_knows_every_field(invoice: Invoice) -> None:
    description: Any = Loader().load_service_model("bedrock-runtime", "service-2")
    shape = ServiceModel(description).shape_for("TokenUsage")
    report = ParamValidator().validate(invoice.said, shape)
    assert not report.has_errors(), report.generate_report()
    assert set(invoice.said) <= set(shape.members)  # type: ignore[attr-defined] # a structure


@of(wires.OLLAMA)
def test_the_client_of_ollama_knows_every_field(invoice: Invoice) -> None:
    assert set(invoice.said) <= set(ChatResponse.model_fields)


@of(wires.VERTEX)
def test_over_grpc_the_same_is_said(invoice: Invoice) -> None:
    types: Any = pytest.importorskip("google.cloud.aiplatform_v1.types")
    message = types.UsageMetadata.pb(types.UsageMetadata())
    json_format.ParseDict(invoice.said, message)
    said = vertex_codec.said(message)
    assert isinstance(said, dict)
    block: Block = dict(said)
    assert invoice.wire.read(invoice.model, block) == invoice.usage
