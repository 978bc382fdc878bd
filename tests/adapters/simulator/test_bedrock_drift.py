"""The requests that the simulator takes are those of the service model, key by key."""

from __future__ import annotations

from typing import Any

import botocore.session
import msgspec
import pytest

from hexgate.adapters.simulator.bedrock import requests as wire

# Names of shapes, and the members that are not simulated: servers' own tools, citations, metadata.
PAIRS: list[tuple[type[msgspec.Struct], str, set[str]]] = [
    (wire.Message, "Message", set()),
    (
        wire.Block,
        "ContentBlock",
        {"citationsContent", "searchResult", "toolAddition", "toolRemoval"},
    ),
    (wire.Image, "ImageBlock", {"error"}),
    (wire.Video, "VideoBlock", set()),
    (wire.Audio, "AudioBlock", {"error"}),
    (wire.Document, "DocumentBlock", set()),
    (wire.Source, "ImageSource", set()),
    (wire.S3, "S3Location", set()),
    (wire.CachePoint, "CachePointBlock", set()),
    (wire.ToolUse, "ToolUseBlock", {"type"}),
    (wire.ToolResult, "ToolResultBlock", {"type"}),
    (wire.Told, "ToolResultContentBlock", {"searchResult"}),
    (wire.Reasoning, "ReasoningContentBlock", set()),
    (wire.ReasoningText, "ReasoningTextBlock", set()),
    (wire.SystemBlock, "SystemContentBlock", set()),
    (wire.InferenceConfig, "InferenceConfiguration", set()),
    (wire.Tool, "Tool", {"systemTool"}),
    (wire.ToolSpec, "ToolSpecification", set()),
    (wire.InputSchema, "ToolInputSchema", set()),
    (wire.ToolChoice, "ToolChoice", set()),
    (wire.Named, "SpecificToolChoice", set()),
    (wire.ToolConfig, "ToolConfiguration", set()),
    (wire.OutputConfig, "OutputConfig", set()),
    (wire.TextFormat, "OutputFormat", set()),
    (wire.Structure, "OutputFormatStructure", set()),
    (wire.JsonSchema, "JsonSchemaDefinition", set()),
    (wire.Guardrail, "GuardrailStreamConfiguration", set()),
    (wire.Latency, "PerformanceConfiguration", set()),
    (wire.Tier, "ServiceTier", set()),
    (wire.Prompt, "ConverseTokensRequest", set()),
    (wire.Body, "ConverseRequest", {"modelId"}),
    (wire.Count, "CountTokensRequest", {"modelId"}),
    (wire.Counted, "CountTokensInput", set()),
    (wire.Invoked, "InvokeModelTokensRequest", set()),
]


@pytest.fixture(scope="module")
def service() -> Any:
    return botocore.session.Session().get_service_model("bedrock-runtime")


@pytest.mark.parametrize(("struct", "name", "missing"), PAIRS, ids=[pair[1] for pair in PAIRS])
def test_a_request_has_the_members_of_its_shape(
    service: Any, struct: type[msgspec.Struct], name: str, missing: set[str]
) -> None:
    shape = service.shape_for(name)
    assert {*struct.__struct_encode_fields__} == {*shape.members} - missing
    required = {field.encode_name for field in msgspec.structs.fields(struct) if field.required}
    assert required >= {*shape.required_members} - {"modelId"}
