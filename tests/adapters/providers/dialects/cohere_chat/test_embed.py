"""Vectors from /v2/embed."""

from __future__ import annotations

import json
from array import array
from typing import Any

import pytest

from hexgate.adapters.providers.dialects.cohere_chat import CohereEmbeddings
from hexgate.adapters.providers.wire import WireRequest, WireResponse
from hexgate.adapters.simulator.cohere import reading, requests
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import EmbedCall, Options
from hexgate.domain.chat import FileId, Inline, Link, Media, Text
from hexgate.domain.embed import EmbedInput, EmbedSpec, Purpose
from hexgate.domain.errors import BadResponse, Unsupported
from hexgate.domain.usage import Usage

EMBED = CohereEmbeddings("cohere")
V3, V4 = "embed-multilingual-v3.0", "embed-v4.0"
PNG = Media("image/png", Inline(b"\x89PNG"))
URL = "data:image/png;base64,iVBORw=="


def ask(*inputs: EmbedInput, model: str = V4, **spec: Any) -> EmbedCall:
    return EmbedCall(
        call_id="c",
        tenant="acme",
        model=model,
        spec=EmbedSpec(model=model, inputs=inputs, **spec),
        options=Options(),
        deadline=1e9,
        attempts=Attempts(1),
    )


def sent(call: EmbedCall) -> list[Any]:
    """The bodies, which the simulator's strict reading of the wire accepts."""
    bodies = []
    for request in EMBED.requests(call):
        assert isinstance(request, WireRequest)
        assert request.path == "/v2/embed"
        reading.checked(requests.EMBED, json.dumps(request.payload).encode())
        bodies.append(request.payload)
    return bodies


def texts(*words: str) -> list[EmbedInput]:
    return [(Text(word),) for word in words]


def answer(vectors: Any, billed: Any = None) -> WireResponse:
    meta = {"api_version": {"version": "2"}, "billed_units": billed}
    body = {"id": "x", "embeddings": {"float": vectors}, "texts": [], "meta": meta}
    return WireResponse(200, {}, json.dumps(body).encode())


def test_texts_are_embedded_as_documents_unless_said_otherwise() -> None:
    assert sent(ask(*texts("a", "b"))) == [
        {
            "model": V4,
            "input_type": "search_document",
            "embedding_types": ["float"],
            "truncate": "NONE",
            "texts": ["a", "b"],
        }
    ]


@pytest.mark.parametrize(
    ("purpose", "word"),
    [
        (Purpose.QUERY, "search_query"),
        (Purpose.DOCUMENT, "search_document"),
        (Purpose.SIMILARITY, "clustering"),
        (Purpose.CLUSTERING, "clustering"),
        (Purpose.CLASSIFICATION, "classification"),
    ],
)
def test_a_purpose_has_a_word(purpose: Purpose, word: str) -> None:
    (body,) = sent(ask(*texts("a"), purpose=purpose))
    assert body["input_type"] == word


def test_ninety_six_go_at_once() -> None:
    words = [str(i) for i in range(200)]
    bodies = sent(ask(*texts(*words)))
    assert [len(body["texts"]) for body in bodies] == [96, 96, 8]
    assert [text for body in bodies for text in body["texts"]] == words


def test_the_texts_of_one_input_are_one() -> None:
    (body,) = sent(ask((Text("a"), Text("b"))))
    assert body["texts"] == ["a\n\nb"]


def test_a_length_is_chosen_where_the_model_has_a_choice() -> None:
    (body,) = sent(ask(*texts("a"), dimensions=256))
    assert body["output_dimension"] == 256
    with pytest.raises(Unsupported) as caught:
        EMBED.requests(ask(*texts("a"), model=V3, dimensions=256))
    assert [each.field for each in caught.value.violations] == ["dimensions"]


def test_newer_models_take_texts_and_images_together() -> None:
    (body,) = sent(ask((Text("a"), PNG), *texts("b")))
    image = {"type": "image_url", "image_url": {"url": URL}}
    assert body["inputs"] == [
        {"content": [{"type": "text", "text": "a"}, image]},
        {"content": [{"type": "text", "text": "b"}]},
    ]


def test_ninety_six_go_at_once_with_images_too() -> None:
    bodies = sent(ask(*[(PNG,)] * 100))
    assert [len(body["inputs"]) for body in bodies] == [96, 4]


def test_large_images_go_in_requests_of_their_own() -> None:
    large = Media("image/png", Inline(bytes(8_000_000)))
    bodies = sent(ask((large,), (large,), *texts("a")))
    assert [len(body["inputs"]) for body in bodies] == [1, 2]


def test_older_models_take_one_image_at_a_time_in_the_order_of_the_inputs() -> None:
    bodies = sent(ask(*texts("a", "b"), (PNG,), (PNG,), *texts("c"), model=V3))
    said = [(body["input_type"], body.get("texts") or body["images"]) for body in bodies]
    assert said == [
        ("search_document", ["a", "b"]),
        ("image", [URL]),
        ("image", [URL]),
        ("search_document", ["c"]),
    ]


@pytest.mark.parametrize(
    ("model", "given", "field"),
    [
        (V3, (Text("a"), PNG), "inputs[0]"),
        (V4, (Media("application/pdf", Inline(b"%PDF")),), "inputs[0].parts[0].media"),
        (V4, (Media("image/png", Link("https://e.org/a")),), "inputs[0].parts[0].media"),
        (V4, (Text("a"), Media("image/png", FileId("c", "f"))), "inputs[0].parts[1].media"),
    ],
)
def test_what_cannot_be_embedded_is_refused_by_its_place(
    model: str, given: EmbedInput, field: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        EMBED.requests(ask(given, model=model))
    assert [violation.field for violation in caught.value.violations] == [field]


def test_vectors_and_what_is_billed_are_added_up_in_order() -> None:
    found = EMBED.vectors(
        [
            answer([[1, 0.5], [0, 1]], {"input_tokens": 3}),
            answer([[0.25, 2]], {"input_tokens": 1.0, "image_tokens": 5}),
        ]
    )
    floats = [[1.0, 0.5], [0.0, 1.0], [0.25, 2.0]]
    assert found.vectors == [array("f", each) for each in floats]
    assert found.usage == Usage(uncached_input=4, image_input=5)


@pytest.mark.parametrize("billed", [None, {}, "x", {"images": 1}, {"input_tokens": -1}])
def test_usage_that_is_not_told_in_tokens_is_not_told(billed: Any) -> None:
    good = answer([[1]], {"input_tokens": 3})
    assert EMBED.vectors([good, answer([[1]], billed)]).usage is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"embeddings":{"float":[]}}', b'{"embeddings":{"float":[[]]}}', b"\xff"],
)
def test_an_answer_without_vectors_is_none(body: bytes) -> None:
    with pytest.raises(BadResponse):
        EMBED.vectors([WireResponse(200, {}, body)])


def test_a_vector_beyond_thirty_two_bits_is_none() -> None:
    with pytest.raises(BadResponse):
        EMBED.vectors([answer([[1e300]])])
