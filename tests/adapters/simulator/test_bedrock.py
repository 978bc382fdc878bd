"""The Bedrock wire, with AWS's own client as the judge of all that is said."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped] # ships no types
import botocore.exceptions
import botocore.session
import pytest
from botocore.config import Config
from botocore.validate import ParamValidator

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, PNG, SCHEMA

USER: Any = [{"role": "user", "content": [{"text": "Tell me of the sea."}]}]
TOOLS: Any = {
    "tools": [{"toolSpec": {"name": name, "inputSchema": {"json": SCHEMA}}} for name in NAMES]
}


@pytest.fixture(scope="module")
def aws() -> boto3.Session:
    """Loads the service models once; its credentials are given, not found."""
    return boto3.Session("AKIDEXAMPLE", "simulated", region_name="us-east-1")


def opened(aws: boto3.Session, name: str, sim: Simulator, **credential: str) -> Iterator[Any]:
    config = Config(retries={"total_max_attempts": 1}, read_timeout=10, connect_timeout=5)
    client = aws.client(name, endpoint_url=sim.bedrock_url, config=config, **credential)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def runtime(aws: boto3.Session, sim: Simulator) -> Iterator[Any]:
    yield from opened(aws, "bedrock-runtime", sim)


@pytest.fixture
def control(aws: boto3.Session, sim: Simulator) -> Iterator[Any]:
    yield from opened(aws, "bedrock", sim)


async def converse(client: Any, model: str = "sim-echo", messages: Any = USER, **more: Any) -> Any:
    return await asyncio.to_thread(client.converse, modelId=model, messages=messages, **more)


async def stream(client: Any, model: str = "sim-echo", messages: Any = USER, **more: Any) -> Any:
    """Every event, as name and content."""

    def run() -> list[tuple[str, Any]]:
        answer = client.converse_stream(modelId=model, messages=messages, **more)
        with contextlib.closing(answer["stream"]) as events:
            return [item for each in events for item in each.items()]

    return await asyncio.to_thread(run)


def content(answer: Any) -> list[Any]:
    found: list[Any] = answer["output"]["message"]["content"]
    return found


async def test_a_whole_answer_has_all_that_is_required(runtime: Any) -> None:
    answer = await converse(runtime)
    assert answer["output"]["message"] == {
        "role": "assistant",
        "content": [{"text": "Tell me of the sea."}],
    }
    assert answer["stopReason"] == "end_turn"
    assert answer["usage"] == {
        "inputTokens": 5,
        "outputTokens": 5,
        "totalTokens": 10,
        "cacheReadInputTokens": 0,
        "cacheWriteInputTokens": 0,
        "cacheDetails": [],
    }
    assert answer["metrics"]["latencyMs"] > 0
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36


async def test_a_stream_says_what_the_whole_answer_says(runtime: Any) -> None:
    whole = await converse(runtime, "sim-story")
    events = await stream(runtime, "sim-story")
    names = [name for name, _ in events]
    assert (names[0], names[-3:]) == (
        "messageStart",
        ["contentBlockStop", "messageStop", "metadata"],
    )
    assert set(names[1:-3]) == {"contentBlockDelta"}
    text = "".join(each["delta"]["text"] for name, each in events if name == "contentBlockDelta")
    assert content(whole) == [{"text": text}]
    assert events[-1][1]["usage"] == whole["usage"]
    assert events[-2][1] == {"stopReason": "end_turn"}


async def test_tools_are_called_together_and_their_results_reported(runtime: Any) -> None:
    first = await converse(runtime, "sim-tools", toolConfig=TOOLS)
    assert first["stopReason"] == "tool_use"
    calls = [block["toolUse"] for block in content(first) if "toolUse" in block]
    assert [call["name"] for call in calls] == list(NAMES)
    assert all(set(call["input"]) == {"city", "unit", "days"} for call in calls)
    results = [
        {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": call["name"]}]}}
        for call in calls
    ]
    turns = [*USER, first["output"]["message"], {"role": "user", "content": results}]
    told = await converse(runtime, "sim-tools", turns, toolConfig=TOOLS)
    assert content(told) == [{"text": "The tools returned: weather; tides"}]


async def test_calls_are_streamed_in_fragments(runtime: Any) -> None:
    events = await stream(runtime, "sim-tools", toolConfig=TOOLS)
    starts = [each for name, each in events if name == "contentBlockStart"]
    assert [each["start"]["toolUse"]["name"] for each in starts] == list(NAMES)
    assert [each["contentBlockIndex"] for each in starts] == [1, 2]
    for start in starts:
        pieces = [
            each["delta"]["toolUse"]["input"]
            for name, each in events
            if name == "contentBlockDelta"
            and each["contentBlockIndex"] == start["contentBlockIndex"]
        ]
        assert pieces[0] == ""
        assert isinstance(json.loads("".join(pieces)), dict)


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({"toolChoice": {"any": {}}}, list(NAMES)),
        ({"toolChoice": {"tool": {"name": "tides"}}}, ["tides"]),
        ({"toolChoice": {"auto": {}}}, []),
    ],
)
async def test_choices_are_obeyed(runtime: Any, more: Any, names: list[str]) -> None:
    answer = await converse(runtime, "sim-echo", toolConfig={**TOOLS, **more})
    assert [each["toolUse"]["name"] for each in content(answer) if "toolUse" in each] == names


async def test_one_call_at_a_time_is_asked_for_in_the_familys_words(runtime: Any) -> None:
    native = {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}
    answer = await converse(
        runtime, "sim-tools", toolConfig=TOOLS, additionalModelRequestFields=native
    )
    assert [each["toolUse"]["name"] for each in content(answer)] == ["weather"]


async def test_reasoning_is_signed_and_goes_back(runtime: Any) -> None:
    think: Any = {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}
    answer = await converse(runtime, "sim-think", **think)
    said = content(answer)[0]["reasoningContent"]["reasoningText"]
    assert said["text"].startswith("Let me see.")
    assert said["signature"]
    turns = [*USER, answer["output"]["message"], *USER]
    assert (await converse(runtime, "sim-think", turns))["stopReason"] == "end_turn"
    events = await stream(runtime, "sim-think", **think)
    deltas = [each["delta"] for name, each in events if name == "contentBlockDelta"]
    thoughts = [each["reasoningContent"] for each in deltas if "reasoningContent" in each]
    assert "".join(each.get("text", "") for each in thoughts) == said["text"]
    assert thoughts[-1] == {"signature": said["signature"]}
    said["text"] += "!"
    with pytest.raises(runtime.exceptions.ValidationException):
        await converse(runtime, "sim-think", turns)


async def test_images_and_documents_are_seen(runtime: Any) -> None:
    blocks = [
        {"text": "See"},
        {"image": {"format": "png", "source": {"bytes": PNG}}},
        {"document": {"format": "pdf", "name": "a", "source": {"bytes": b"%PDF"}}},
    ]
    answer = await converse(runtime, "sim-vision", [{"role": "user", "content": blocks}])
    (block,) = content(answer)
    assert "image/png, 48 bytes" in block["text"]
    assert "application/pdf, 4 bytes" in block["text"]


async def test_limits_stops_and_schemas_are_kept(runtime: Any) -> None:
    answer = await converse(runtime, inferenceConfig={"maxTokens": 2})
    assert answer["stopReason"] == "max_tokens"
    answer = await converse(
        runtime,
        inferenceConfig={"stopSequences": ["of"]},
        additionalModelResponseFieldPaths=["/stop_sequence"],
    )
    assert answer["stopReason"] == "stop_sequence"
    assert answer["additionalModelResponseFields"] == {"stop_sequence": "of"}
    structure = {"jsonSchema": {"schema": json.dumps(SCHEMA), "name": "a"}}
    shape = {"textFormat": {"type": "json_schema", "structure": structure}}
    answer = await converse(runtime, outputConfig=shape)
    assert set(json.loads(content(answer)[0]["text"])) == {"city", "unit", "days"}


async def test_prompts_are_cached_where_they_say_so(runtime: Any) -> None:
    point = {"cachePoint": {"type": "default", "ttl": "1h"}}
    system = [{"text": "Be brief. " * 20}, point]
    first = (await converse(runtime, system=system))["usage"]
    assert first["cacheDetails"] == [{"ttl": "1h", "inputTokens": first["cacheWriteInputTokens"]}]
    second = (await converse(runtime, system=system))["usage"]
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"]
    assert second["cacheWriteInputTokens"] == 0
    assert second["totalTokens"] == first["totalTokens"]


async def test_tokens_are_counted(runtime: Any) -> None:
    def count(**asked: Any) -> int:
        found: int = runtime.count_tokens(modelId="sim-echo", input=asked)["inputTokens"]
        return found

    assert await asyncio.to_thread(count, converse={"messages": USER}) == 5
    assert await asyncio.to_thread(count, invokeModel={"body": b"12345"}) == 2


async def test_models_and_profiles_are_listed_as_the_service_model_has_them(control: Any) -> None:
    def listed() -> tuple[list[Any], list[Any], list[Any], Any]:
        every = control.list_foundation_models()["modelSummaries"]
        vectors = control.list_foundation_models(byOutputModality="EMBEDDING")["modelSummaries"]
        one = control.get_foundation_model(modelIdentifier="amazon.titan-embed-text-v1")
        pages = control.get_paginator("list_inference_profiles").paginate(
            PaginationConfig={"PageSize": 4}
        )
        profiles = [each for page in pages for each in page["inferenceProfileSummaries"]]
        return every, vectors, profiles, one["modelDetails"]

    every, vectors, profiles, one = await asyncio.to_thread(listed)
    assert "sim-echo" in [each["modelId"] for each in every]
    assert 0 < len(vectors) < len(every)
    assert [each["inferenceProfileId"] for each in profiles][:2] == ["us.sim-echo", "us.sim-story"]
    assert len(profiles) == 6
    assert one["outputModalities"] == ["EMBEDDING"]


@pytest.mark.parametrize(
    "name",
    [
        "us.sim-echo",
        "arn:aws:bedrock:us-east-1::foundation-model/sim-echo",
        "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.sim-echo",
    ],
)
async def test_a_model_is_found_by_profile_and_arn(runtime: Any, name: str) -> None:
    assert content(await converse(runtime, name)) == [{"text": "Tell me of the sea."}]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("limited", 429, "ThrottlingException"),
        ("error-500", 500, "InternalServerException"),
        ("error-503", 503, "ServiceUnavailableException"),
        ("unauthorized", 403, "UnrecognizedClientException"),
        ("forbidden", 403, "AccessDeniedException"),
        ("quota", 400, "ServiceQuotaExceededException"),
        ("model-gone", 404, "ResourceNotFoundException"),
        ("context-too-long", 400, "ValidationException"),
        ("error-502", 502, "502"),
    ],
)
async def test_errors_have_the_codes_of_aws(
    runtime: Any, fault: str, status: int, code: str
) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        await converse(runtime, f"fault-{fault}")
    response: Any = caught.value.response
    assert response["Error"]["Code"] == code
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status


async def test_an_exception_may_come_within_a_stream(runtime: Any) -> None:
    with pytest.raises(botocore.exceptions.EventStreamError) as caught:
        await stream(runtime, "fault-error-after-output")
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "modelStreamErrorException"


async def test_a_key_called_invalid_is_refused(aws: boto3.Session, sim: Simulator) -> None:
    keys = {"aws_access_key_id": "invalid", "aws_secret_access_key": "x"}
    for client in opened(aws, "bedrock-runtime", sim, **keys):
        with pytest.raises(botocore.exceptions.ClientError, match="UnrecognizedClientException"):
            await converse(client)


async def test_a_model_that_is_not_there_is_refused(runtime: Any) -> None:
    with pytest.raises(runtime.exceptions.ValidationException, match="identifier is invalid"):
        await converse(runtime, "llama")


async def invoke(client: Any, model: str, **body: Any) -> tuple[Any, Any]:
    """The answer and its headers."""

    def run() -> tuple[Any, Any]:
        answer = client.invoke_model(
            modelId=model, body=json.dumps(body), contentType="application/json"
        )
        return json.loads(answer["body"].read()), answer["ResponseMetadata"]["HTTPHeaders"]

    return await asyncio.to_thread(run)


async def test_every_family_embeds_in_its_own_words(runtime: Any) -> None:
    found, _ = await invoke(runtime, "amazon.titan-embed-text-v1", inputText="12345")
    assert found["inputTextTokenCount"] == 2
    assert len(found["embedding"]) == 64
    found, _ = await invoke(
        runtime, "amazon.titan-embed-text-v2:0", inputText="a", dimensions=256, normalize=True
    )
    assert len(found["embedding"]) == 256
    image = base64.b64encode(PNG).decode()
    found, _ = await invoke(runtime, "amazon.titan-embed-image-v1", inputImage=image)
    assert len(found["embedding"]) == 64
    found, headers = await invoke(
        runtime, "cohere.embed-english-v3", texts=["1234", "b"], input_type="search_query"
    )
    assert len(found["embeddings"]) == 2
    assert headers["x-amzn-bedrock-input-token-count"] == "2"
    found, _ = await invoke(
        runtime,
        "us.cohere.embed-v4:0",
        inputs=[{"content": [{"type": "text", "text": "a"}]}],
        input_type="clustering",
        embedding_types=["float"],
        output_dimension=512,
    )
    assert len(found["embeddings"]["float"][0]) == 512
    text = {"truncationMode": "NONE", "value": "a"}
    params = {"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 384, "text": text}
    found, _ = await invoke(
        runtime,
        "amazon.nova-2-multimodal-embeddings-v1:0",
        taskType="SINGLE_EMBEDDING",
        singleEmbeddingParams=params,
    )
    assert len(found["embeddings"][0]["embedding"]) == 384


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("sim-echo", {"inputText": "a"}),
        ("amazon.titan-embed-text-v1", {"inputText": "a", "dimensions": 256}),
        ("amazon.titan-embed-text-v1", {"inputText": ""}),
        ("amazon.titan-embed-image-v1", {}),
        ("cohere.embed-english-v3", {"texts": ["a"]}),
        ("cohere.embed-english-v3", {"texts": ["a"] * 97, "input_type": "clustering"}),
        ("cohere.embed-english-v3", {"images": ["a"], "input_type": "image"}),
        ("cohere.embed-english-v3", {"input_type": "clustering"}),
        ("amazon.nova-2-multimodal-embeddings-v1:0", {"taskType": "SINGLE_EMBEDDING"}),
    ],
)
async def test_what_no_family_takes_is_refused(runtime: Any, name: str, body: Any) -> None:
    with pytest.raises(runtime.exceptions.ValidationException):
        await invoke(runtime, name, **body)


async def test_what_boto_sends_is_what_its_service_model_has(runtime: Any, sim: Simulator) -> None:
    blocks = [{"text": "a"}, {"image": {"format": "png", "source": {"bytes": PNG}}}]
    await converse(
        runtime,
        messages=[{"role": "user", "content": blocks}],
        toolConfig=TOOLS,
        system=[{"text": "a"}],
    )
    received: Any = sim.requests[-1].body
    image = received["messages"][0]["content"][1]["image"]
    image["source"]["bytes"] = base64.b64decode(image["source"]["bytes"])
    service = botocore.session.Session().get_service_model("bedrock-runtime")
    shape: Any = service.operation_model("Converse").input_shape
    report = ParamValidator().validate({"modelId": "sim-echo", **received}, shape)
    assert not report.has_errors(), report.generate_report()
