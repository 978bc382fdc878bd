"""Vectors, in the words of each family."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.bedrock_converse import BedrockEmbeddings
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import EmbedCall, Options
from hexgate.domain.chat import Inline, Link, Media, Text
from hexgate.domain.embed import Embedded, EmbedInput, EmbedSpec, Purpose
from hexgate.domain.errors import BadResponse, Unsupported
from hexgate.domain.usage import Usage

EMBEDDINGS = BedrockEmbeddings("aws")
PNG = Media("image/png", Inline(b"\x89PNG"))
SHOWN = base64.b64encode(b"\x89PNG").decode()
URL = f"data:image/png;base64,{SHOWN}"
TITAN, TITAN2 = "amazon.titan-embed-text-v1", "amazon.titan-embed-text-v2:0"
TITAN_IMAGE = "amazon.titan-embed-image-v1"
COHERE, COHERE4 = "cohere.embed-english-v3", "us.cohere.embed-v4:0"
NOVA = "amazon.nova-2-multimodal-embeddings-v1:0"


def embed(model: str, *inputs: EmbedInput, **spec: Any) -> list[WireRequest]:
    whole = EmbedSpec(model=model, inputs=inputs or ((Text("a"),), (Text("b"),)), **spec)
    call = EmbedCall(
        call_id="c",
        tenant="t",
        model=model,
        spec=whole,
        options=Options(),
        deadline=1e9,
        attempts=Attempts(1),
    )
    return [*EMBEDDINGS.requests(call)]


def payloads(model: str, *inputs: EmbedInput, **spec: Any) -> list[Any]:
    return [request.payload for request in embed(model, *inputs, **spec)]


def refused(model: str, *inputs: EmbedInput, **fields: Any) -> list[str]:
    with pytest.raises(Unsupported) as caught:
        embed(model, *inputs, **fields)
    return [violation.field for violation in caught.value.violations]


def vectors(*bodies: Any, **headers: str) -> Embedded:
    return EMBEDDINGS.vectors(
        [WireResponse(200, headers, json.dumps(body).encode()) for body in bodies]
    )


def test_titan_takes_one_text_at_a_time() -> None:
    assert payloads(TITAN) == [{"inputText": "a"}, {"inputText": "b"}]
    assert payloads(TITAN2, (Text("a"), Text("b")), dimensions=256) == [
        {"inputText": "a\n\nb", "normalize": True, "dimensions": 256}
    ]
    request = embed(TITAN)[0]
    assert request.path == "/model/amazon.titan-embed-text-v1/invoke"
    assert request.headers == {"Accept": "application/json"}


def test_what_titan_lacks_is_dropped_or_refused() -> None:
    request = embed(TITAN, purpose=Purpose.QUERY)[0]
    assert [each.field for each in request.warnings] == ["purpose"]
    assert request.payload == {"inputText": "a"}
    assert refused(TITAN, dimensions=256) == ["dimensions"]
    assert refused(TITAN, (Text("a"), PNG)) == ["inputs[0].parts[1].media"]


def test_titan_multimodal_takes_a_text_and_an_image() -> None:
    assert payloads(TITAN_IMAGE, (Text("a"), PNG), (PNG,), dimensions=384) == [
        {
            "inputText": "a",
            "inputImage": SHOWN,
            "embeddingConfig": {"outputEmbeddingLength": 384},
        },
        {"inputImage": SHOWN, "embeddingConfig": {"outputEmbeddingLength": 384}},
    ]
    assert refused(TITAN_IMAGE, (PNG, PNG)) == ["inputs[0]"]
    link = Media("image/png", Link("https://a.test/b.png"))
    assert refused(TITAN_IMAGE, (link,)) == ["inputs[0].parts[0].media"]


def test_cohere_takes_ninety_six_texts_at_once() -> None:
    inputs = [(Text(str(i)),) for i in range(97)]
    first, second = payloads(COHERE, *inputs, purpose=Purpose.QUERY)
    assert len(first["texts"]) == 96
    assert second == {
        "input_type": "search_query",
        "truncate": "NONE",
        "embedding_types": ["float"],
        "texts": ["96"],
    }


@pytest.mark.parametrize(
    ("purpose", "cohere", "nova"),
    [
        (None, "search_document", "GENERIC_INDEX"),
        (Purpose.DOCUMENT, "search_document", "GENERIC_INDEX"),
        (Purpose.QUERY, "search_query", "GENERIC_RETRIEVAL"),
        (Purpose.CLASSIFICATION, "classification", "CLASSIFICATION"),
        (Purpose.CLUSTERING, "clustering", "CLUSTERING"),
        (Purpose.SIMILARITY, "clustering", "CLUSTERING"),
    ],
)
def test_purposes_have_names(purpose: Purpose | None, cohere: str, nova: str) -> None:
    assert payloads(COHERE, purpose=purpose)[0]["input_type"] == cohere
    params = payloads(NOVA, purpose=purpose)[0]["singleEmbeddingParams"]
    assert params["embeddingPurpose"] == nova
    codes = [each.code for each in embed(NOVA, purpose=purpose)[0].warnings]
    assert codes == (["VALUE_CHANGED"] if purpose is Purpose.SIMILARITY else [])


def test_cohere_has_dimensions_and_mixed_inputs_from_the_fourth_on() -> None:
    made = payloads(COHERE4, (Text("a"), PNG), (Text("b"),), dimensions=512)
    assert made == [
        {
            "input_type": "search_document",
            "truncate": "NONE",
            "embedding_types": ["float"],
            "output_dimension": 512,
            "inputs": [
                {
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": URL},
                    ]
                },
                {"content": [{"type": "text", "text": "b"}]},
            ],
        }
    ]
    assert refused(COHERE, dimensions=512) == ["dimensions"]


def test_cohere_before_that_takes_images_alone() -> None:
    common = {"truncate": "NONE", "embedding_types": ["float"]}
    assert payloads(COHERE, (PNG,), (Text("b"),)) == [
        {**common, "input_type": "image", "images": [URL]},
        {**common, "input_type": "search_document", "texts": ["b"]},
    ]
    assert refused(COHERE, (Text("a"), PNG)) == ["inputs[0]"]
    warnings = embed(COHERE, (PNG,), (Text("b"),), purpose=Purpose.QUERY)[0].warnings
    assert [(each.code, each.field) for each in warnings] == [("PARAM_DROPPED", "purpose")]


def test_nova_takes_a_text_or_an_image() -> None:
    assert payloads(NOVA, (Text("a"),), (PNG,), dimensions=384) == [
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "embeddingDimension": 384,
                "text": {"truncationMode": "NONE", "value": "a"},
            },
        },
        {
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "embeddingDimension": 384,
                "image": {"format": "png", "source": {"bytes": SHOWN}},
            },
        },
    ]
    assert refused(NOVA, (Text("a"), PNG)) == ["inputs[0]"]


def test_a_model_that_is_not_known_is_refused() -> None:
    assert refused("anthropic.claude-3-haiku-20240307-v1:0") == ["model"]


def test_every_familys_vectors_are_read_in_order() -> None:
    one = {"embedding": [1, 2.5], "inputTextTokenCount": 3}
    two = {"embedding": [3, 4], "inputTextTokenCount": 4}
    made = vectors(one, two)
    assert made.vectors == [[1, 2.5], [3, 4]]
    assert made.usage == Usage(uncached_input=7)
    both = [[1.0], [2.0]]
    assert vectors({"embeddings": both}).vectors == both
    assert vectors({"embeddings": {"float": both, "int8": [[1]]}}).vectors == both
    nova = {"embeddings": [{"embeddingType": "TEXT", "embedding": [1.0]}]}
    assert vectors(nova).vectors == [[1.0]]


def test_tokens_may_be_in_a_header_and_are_never_guessed() -> None:
    body = {"embeddings": [[1.0]]}
    counted = vectors(body, body, **{"x-amzn-bedrock-input-token-count": "5"})
    assert counted.usage == Usage(uncached_input=10)
    for odd in ("", "x", "-1", "1.5", "99999999999999999"):
        assert vectors(body, **{"x-amzn-bedrock-input-token-count": odd}).usage is None
    assert vectors(body).usage is None
    assert vectors({"embedding": [1], "inputTextTokenCount": 1}, body).usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"embedding":[]}',
        b'{"embedding":["x"]}',
        b'{"embeddings":[]}',
        b'{"embeddings":[[]]}',
        b'{"embeddings":{"int8":[[1]]}}',
        b'{"embeddings":[{"embedding":"x"}]}',
        b'{"embeddings":"\xff"}',
    ],
)
def test_what_is_no_vectors_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(BadResponse):
        EMBEDDINGS.vectors([WireResponse(200, {}, body)])
