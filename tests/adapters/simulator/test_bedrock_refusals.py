"""What Bedrock refuses: who does not sign, and what makes no sense."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from hexgate.adapters.simulator import Simulator
from tests.adapters.simulator.asked import NAMES, SCHEMA

USER: Any = [{"role": "user", "content": [{"text": "Tell me of the sea."}]}]
TOOLS: Any = {
    "tools": [{"toolSpec": {"name": name, "inputSchema": {"json": SCHEMA}}} for name in NAMES]
}
BEARER = {"Authorization": "Bearer key"}
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/bedrock/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, Signature=" + "0" * 64
)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(http: aiohttp.ClientSession, url: str, body: Any, headers: Any) -> tuple[int, str]:
    """The status and the code."""
    async with http.post(url, json=body, headers=headers) as response:
        await response.read()
        code = response.headers.get("x-amzn-ErrorType", "")
        return response.status, code.partition(":")[0]


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Basic YTpi"}, "IncompleteSignatureException"),
        ({"Authorization": "Bearer invalid"}, "UnrecognizedClientException"),
        ({"Authorization": SIGNED}, "InvalidSignatureException"),
        (
            {"Authorization": SIGNED, "x-amz-date": "20261121T000000Z"},
            "InvalidSignatureException",
        ),
        (
            {
                "Authorization": SIGNED.replace("/bedrock/", "/s3/"),
                "x-amz-date": "20261120T000000Z",
            },
            "InvalidSignatureException",
        ),
        (
            {
                "Authorization": SIGNED.replace("content-type;host", "host;content-type"),
                "x-amz-date": "20261120T000000Z",
            },
            "InvalidSignatureException",
        ),
        (
            {
                "Authorization": SIGNED.replace("x-amz-date", "x-amz-date;x-not-sent"),
                "x-amz-date": "20261120T000000Z",
            },
            "InvalidSignatureException",
        ),
        (
            {"Authorization": SIGNED.replace("0" * 64, "zz"), "x-amz-date": "20261120T000000Z"},
            "IncompleteSignatureException",
        ),
    ],
)
async def test_who_asks_must_say_so_properly(
    sim: Simulator, http: aiohttp.ClientSession, headers: dict[str, str], code: str
) -> None:
    url = f"{sim.bedrock_url}/model/sim-echo/converse"
    assert await post(http, url, {"messages": USER}, headers) == (403, code)
    good = {"Authorization": SIGNED, "x-amz-date": "20261120T000000Z"}
    for fine in (good, BEARER):
        assert await post(http, url, {"messages": USER}, fine) == (200, "")


TEXT: Any = {"text": "a"}
CALL: Any = {"toolUse": {"toolUseId": "c", "name": "weather", "input": {}}}
DONE: Any = {"toolResult": {"toolUseId": "c", "content": []}}
DOCUMENT: Any = {"document": {"format": "txt", "name": "a", "source": {"bytes": "YQ=="}}}


def user(*blocks: Any) -> Any:
    return {"role": "user", "content": [*blocks]}


def model(*blocks: Any) -> Any:
    return {"role": "assistant", "content": [*blocks]}


REFUSED: dict[str, Any] = {
    "unknown": {"x": 1},
    "no messages": {"messages": []},
    "first": {"messages": [model(TEXT)]},
    "alternation": {"messages": [user(TEXT), user(TEXT)]},
    "blank": {"messages": [user({"text": " "})]},
    "union": {"messages": [user({"text": "a", "cachePoint": {"type": "default"}})]},
    "no config": {"messages": [user(TEXT), model(CALL), user(DONE)]},
    "no result": {"messages": [user(TEXT), model(CALL), user(TEXT)], "toolConfig": TOOLS},
    "no call": {"messages": [user(DONE)], "toolConfig": TOOLS},
    "no end": {"messages": [user(TEXT), model(CALL)], "toolConfig": TOOLS},
    "results first": {
        "messages": [user(TEXT), model(CALL), user(TEXT, DONE)],
        "toolConfig": TOOLS,
    },
    "twice": {
        "messages": [user(TEXT), model(CALL, CALL), user(DONE, DONE)],
        "toolConfig": TOOLS,
    },
    "document alone": {"messages": [user(DOCUMENT)]},
    "same name": {"messages": [user(TEXT, DOCUMENT, DOCUMENT)]},
    "call by the user": {"messages": [user(CALL)], "toolConfig": TOOLS},
    "image by the model": {"messages": [user(TEXT), model(DOCUMENT)]},
    "base64": {"messages": [user({"image": {"format": "png", "source": {"bytes": "?"}}})]},
    "signature": {
        "messages": [
            user(TEXT),
            model({"reasoningContent": {"reasoningText": {"text": "a", "signature": "b"}}}),
        ]
    },
    "heat": {"inferenceConfig": {"temperature": 1.5}},
    "choice": {"toolConfig": {**TOOLS, "toolChoice": {"tool": {"name": "x"}}}},
    "two choices": {
        "toolConfig": {**TOOLS, "toolChoice": {"any": {}}},
        "additionalModelRequestFields": {"tool_choice": {"type": "any"}},
    },
    "choice of nothing": {"additionalModelRequestFields": {"tool_choice": {"type": "any"}}},
    "schema": {
        "outputConfig": {
            "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "["}}}
        }
    },
    "budget": {
        "inferenceConfig": {"maxTokens": 1000},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    },
    "points": {"system": [{"text": "a"}, *[{"cachePoint": {"type": "default"}}] * 5]},
    "metadata": {"requestMetadata": {"a": "ü"}},
    "limit in other words": {"additionalModelRequestFields": {"max_tokens": 3}},
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused(
    sim: Simulator, http: aiohttp.ClientSession, case: str
) -> None:
    url, body = f"{sim.bedrock_url}/model/sim-echo/converse", {"messages": USER, **REFUSED[case]}
    assert await post(http, url, body, BEARER) == (400, "ValidationException")
