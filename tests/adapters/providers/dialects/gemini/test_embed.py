"""Vectors: what is asked for on each wire, and how it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.ai.generativelanguage_v1beta import BatchEmbedContentsRequest
from google.protobuf import json_format

from hexgate.adapters.providers.dialects.gemini import GeminiEmbeddings, VertexEmbeddings
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import EmbedCall, Options
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import Embedded, EmbedSpec, Purpose
from hexgate.domain.errors import BadResponse, Unsupported
from hexgate.domain.usage import Usage

OLD, ONE, NEW = "text-embedding-005", "gemini-embedding-001", "gemini-embedding-2"
PNG = Media("image/png", Inline(b"\x89PNG"))


def embed(model: str, *inputs: Any, **spec: Any) -> EmbedCall:
    given = tuple(each if isinstance(each, tuple) else (each,) for each in inputs)
    return EmbedCall(
        call_id="call-1",
        tenant="acme",
        model=model,
        spec=EmbedSpec(model=model, inputs=given, **spec),
        options=Options(),
        deadline=1e9,
        attempts=Attempts(1),
    )


def developer(call: EmbedCall) -> list[WireRequest]:
    requests = list(GeminiEmbeddings("gemini").requests(call))
    for request in requests:
        json_format.ParseDict(
            request.payload, BatchEmbedContentsRequest.pb(BatchEmbedContentsRequest())
        )
    return requests


def vertex(call: EmbedCall) -> list[WireRequest]:
    return list(VertexEmbeddings("vertex", "p", "l").requests(call))


def test_the_developer_api_takes_a_hundred_at_once() -> None:
    texts = [Text(str(i)) for i in range(201)]
    requests = developer(embed(ONE, *texts, dimensions=8, purpose=Purpose.QUERY))
    assert [request.path for request in requests] == [
        f"/v1beta/models/{ONE}:batchEmbedContents"
    ] * 3
    sent = [each for request in requests for each in _list(request.payload["requests"])]
    assert [each["content"]["parts"][0]["text"] for each in sent] == [str(i) for i in range(201)]
    assert sent[0] == {
        "model": f"models/{ONE}",
        "taskType": "RETRIEVAL_QUERY",
        "outputDimensionality": 8,
        "content": {"parts": [{"text": "0"}]},
    }


def _list(value: Any) -> list[Any]:
    assert isinstance(value, list)
    return value


PLACE = "/v1/projects/p/locations/l/publishers/google/models"


def test_older_models_of_vertex_predict_and_never_cut_in_silence() -> None:
    texts = [Text(str(i)) for i in range(251)]
    call = embed(OLD, *texts, dimensions=8, purpose=Purpose.DOCUMENT)
    first, second = vertex(call)
    assert first.path == f"{PLACE}/{OLD}:predict"
    assert first.payload["parameters"] == {"autoTruncate": False, "outputDimensionality": 8}
    assert len(_list(first.payload["instances"])) == 250
    assert second.payload["instances"] == [{"content": "250", "task_type": "RETRIEVAL_DOCUMENT"}]


def test_one_model_of_vertex_takes_one_text_at_a_time() -> None:
    first, second = vertex(embed(ONE, (Text("a"), Text("b")), Text("c")))
    assert first.path == f"{PLACE}/{ONE}:predict"
    assert first.payload["instances"] == [{"content": "a\n\nb"}]
    assert second.payload["instances"] == [{"content": "c"}]


def test_newer_models_of_vertex_take_contents_and_pictures() -> None:
    (request,) = vertex(embed(NEW, (Text("a"), PNG), purpose=Purpose.SIMILARITY))
    assert request.path == f"{PLACE}/{NEW}:embedContent"
    assert request.payload == {
        "content": {
            "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}]
        },
        "embedContentConfig": {"taskType": "SEMANTIC_SIMILARITY", "autoTruncate": False},
    }


@pytest.mark.parametrize("purpose", Purpose)
def test_every_purpose_has_a_word(purpose: Purpose) -> None:
    (request,) = developer(embed(ONE, Text("a"), purpose=purpose))
    assert "taskType" in json.dumps(request.payload)


def test_what_a_model_cannot_embed_is_refused() -> None:
    for made in (GeminiEmbeddings("g"), VertexEmbeddings("v", "p", "l")):
        with pytest.raises(Unsupported) as caught:
            made.requests(embed(ONE, Text("a"), (Text("b"), PNG)))
        assert [each.field for each in caught.value.violations] == ["inputs[1].parts[1].media"]
    with pytest.raises(Unsupported) as caught:
        developer(embed("embedding-001", Text("a"), dimensions=3))
    assert [each.field for each in caught.value.violations] == ["dimensions"]


def read(*bodies: Any) -> Embedded:
    responses = [WireResponse(200, {}, json.dumps(body).encode()) for body in bodies]
    return GeminiEmbeddings("gemini").vectors(responses)


V = {"values": [0.5, 1]}
MIXED = [
    {"modality": "AUDIO", "tokenCount": 5},
    {"modality": "IMAGE", "tokenCount": 3},
    {"modality": "TEXT", "tokenCount": 1},
]


def predicted(**statistics: Any) -> Any:
    return {"predictions": [{"embeddings": {**V, "statistics": statistics}}]}


@pytest.mark.parametrize(
    ("bodies", "usage"),
    [
        ([{"embeddings": [V, V]}], None),
        ([{"embeddings": [V], "usageMetadata": {"promptTokenCount": 3}}], Usage(uncached_input=3)),
        ([predicted(token_count=2.0), predicted(token_count=3)], Usage(uncached_input=5)),
        ([predicted(token_count=2), predicted()], None),
        ([predicted(token_count=-2)], None),
        (
            [{"embedding": V, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}}],
            Usage(uncached_input=4),
        ),
        # The Developer API and Vertex AI spell the details differently.
        *(
            (
                [{"embedding": V, "usageMetadata": {"promptTokenCount": 9, name: MIXED}}],
                Usage(uncached_input=1, audio_input=5, image_input=3),
            )
            for name in ("promptTokenDetails", "promptTokensDetails")
        ),
        ([{"embedding": V, "usageMetadata": 7}], None),
    ],
)
def test_vectors_come_in_order_with_what_they_cost(bodies: Any, usage: Usage | None) -> None:
    answer = read(*bodies)
    assert answer.usage == usage
    assert all(vector == [0.5, 1.0] for vector in answer.vectors)
    assert len(answer.vectors) == str(bodies).count("values")


@pytest.mark.parametrize(
    "body", [{}, [], {"embeddings": []}, {"embeddings": [{}]}, {"embedding": 7}]
)
def test_no_vectors_are_a_bad_response(body: Any) -> None:
    with pytest.raises(BadResponse):
        read(body)
