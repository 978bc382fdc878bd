"""Embeddings of OpenAI and Azure."""

from __future__ import annotations

import base64
import functools
import json
import struct
from typing import Any

import pydantic
import pytest

from hexgate.adapters.providers.dialects.openai_chat import AzureEmbeddings, OpenAIEmbeddings
from hexgate.adapters.providers.wire import Embeddings, WireResponse
from hexgate.domain.call import Options
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import EmbedSpec, Purpose
from hexgate.domain.errors import BadResponse, ProviderLimited, Unsupported
from hexgate.domain.json import JsonObject
from hexgate.domain.usage import Usage
from tests import fakes
from tests.adapters.providers.dialects.openai_chat.asking import exhaust

WIRE = OpenAIEmbeddings("openai")


def asked(wire: Embeddings, *texts: str, model: str = "m", **spec: Any) -> list[Any]:
    """What is sent to embed these texts."""
    inputs = tuple((Text(text),) for text in texts or ("Hello",))
    whole = EmbedSpec(model=model, inputs=inputs, **spec)
    return list(wire.requests(fakes.embed_call(model=model, spec=whole)))


def accepted(payload: JsonObject) -> JsonObject:
    """The payload, which the vendor's own type takes and knows every field of."""
    adapter, fields = theirs()
    exhaust(adapter.validate_python(payload))
    assert set(payload) <= fields
    return payload


@functools.cache
def theirs() -> tuple[pydantic.TypeAdapter[Any], frozenset[str]]:
    from openai.types.embedding_create_params import EmbeddingCreateParams as Params

    return pydantic.TypeAdapter(Params), frozenset(Params.__annotations__)


def packed(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def body(*embeddings: object, usage: object = None, **fields: object) -> WireResponse:
    data = [{"object": "embedding", "index": i, "embedding": e} for i, e in enumerate(embeddings)]
    said = {"object": "list", "data": data, "model": "m-1", "usage": usage, **fields}
    return WireResponse(200, {}, json.dumps(said).encode())


def test_texts_go_out_in_one_request_and_vectors_come_back_in_base64() -> None:
    request = asked(WIRE, "a", "b")[0]
    assert (request.method, request.path, request.warnings) == ("POST", "/embeddings", ())
    assert accepted(request.payload) == {
        "model": "m",
        "input": ["a", "b"],
        "encoding_format": "base64",
    }


def test_the_parts_of_an_input_are_one_text() -> None:
    spec = EmbedSpec(model="m", inputs=((Text("a"), Text("b")),))
    assert WIRE.requests(fakes.embed_call(spec=spec))[0].payload["input"] == ["ab"]


def test_a_length_and_an_end_user_are_told() -> None:
    spec = EmbedSpec(model="text-embedding-3-large", inputs=((Text("a"),),), dimensions=256)
    call = fakes.embed_call(
        model=spec.model, spec=spec, options=Options(end_user_id="u-1"), call_id="x"
    )
    payload = accepted(WIRE.requests(call)[0].payload)
    assert (payload["dimensions"], payload["user"]) == (256, "u-1")


def test_a_purpose_is_dropped_with_a_warning_and_a_length_that_cannot_be_had_refused() -> None:
    request = asked(WIRE, model="text-embedding-ada-002", purpose=Purpose.QUERY)[0]
    assert [(w.code, w.field) for w in request.warnings] == [("PARAM_DROPPED", "purpose")]
    assert set(request.payload) == {"model", "input", "encoding_format"}
    with pytest.raises(Unsupported) as caught:
        asked(WIRE, model="text-embedding-ada-002", dimensions=4)
    assert [each.field for each in caught.value.violations] == ["dimensions"]


def test_media_is_refused_by_its_place() -> None:
    picture = Media("image/png", Inline(b"x"))
    spec = EmbedSpec(model="m", inputs=((Text("a"),), (Text("b"), picture)))
    with pytest.raises(Unsupported) as caught:
        WIRE.requests(fakes.embed_call(spec=spec))
    assert [v.field for v in caught.value.violations] == ["inputs[1].parts[1].media"]


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [
        (["a"] * 2_048, [2_048]),
        (["a"] * 2_049, [2_048, 1]),
        (["a" * 250_000] * 3, [2, 1]),
        (["東" * 100_000] * 3, [2, 1]),
        (["a" * 700_000, "b"], [1, 1]),
    ],
)
def test_inputs_beyond_one_request_go_out_in_several(texts: list[str], sizes: list[int]) -> None:
    requests = asked(WIRE, *texts)
    assert [len(request.payload["input"]) for request in requests] == sizes
    assert [text for request in requests for text in request.payload["input"]] == texts


def test_vectors_are_in_the_order_of_the_inputs_and_tokens_are_summed() -> None:
    first = body(packed(0.5, -1.0), [0.25, 2], usage={"prompt_tokens": 3, "total_tokens": 3})
    turned = {"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}
    second = WireResponse(
        200, {}, json.dumps({**turned, "usage": {"prompt_tokens": 4}, "model": "m-2"}).encode()
    )
    found = WIRE.vectors([first, second])
    assert [list(vector) for vector in found.vectors] == [[0.5, -1.0], [0.25, 2.0], [1.0], [2.0]]
    assert (found.usage, found.model) == (Usage(uncached_input=7), "m-1")


@pytest.mark.parametrize(
    "usage", [None, {}, {"prompt_tokens": -1}, {"prompt_tokens": 2**41}, {"prompt_tokens": "3"}, []]
)
def test_counts_that_make_no_sense_are_not_reported(usage: object) -> None:
    assert (
        WIRE.vectors([body([1.0], usage={"prompt_tokens": 1}), body([1.0], usage=usage)]).usage
        is None
    )


@pytest.mark.parametrize(
    "response",
    [
        b"<html>",
        b'{"data":[{"embedding":"%%%%"}]}',
        b'{"data":[{"embedding":"AAA="}]}',
        b'{"data":[{"embedding":"\\u00e9"}]}',
        b'{"data":[{"embedding":[1e400]}]}',
        b'{"data":[{"embedding":[1e300]}]}',
        b'{"data":[{"embedding":"AACAfw=="}]}',
        b'{"data":[{"embedding":[]}]}',
        b'{"data":[{"embedding":""}]}',
        b'{"data":[{"index":1,"embedding":[1]}]}',
        b'{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}',
        b'{"data":[{"index":0}]}',
        b'{"data":"\xff"}',
    ],
)
def test_what_has_no_vectors_is_a_bad_response(response: bytes) -> None:
    with pytest.raises(BadResponse):
        WIRE.vectors([WireResponse(200, {}, response)])


def test_an_error_with_a_good_status_is_an_error() -> None:
    failed = b'{"error":{"code":"rate_limit_exceeded"}}'
    with pytest.raises(ProviderLimited):
        WIRE.vectors([WireResponse(200, {}, failed)])


@pytest.mark.parametrize(
    ("version", "path", "fields"),
    [
        ("", "/openai/v1/embeddings", {"encoding_format", "dimensions"}),
        (
            "2024-10-21",
            "/openai/deployments/my%2Fown%3F/embeddings?api-version=2024-10-21",
            {"encoding_format", "dimensions"},
        ),
        ("2023-05-15", "/openai/deployments/my%2Fown%3F/embeddings?api-version=2023-05-15", set()),
    ],
)
def test_azure_has_its_own_paths_and_versions(version: str, path: str, fields: set[str]) -> None:
    length = 8 if "dimensions" in fields else None
    request = asked(AzureEmbeddings("azure", version), model="my/own?", dimensions=length)[0]
    assert request.path == path
    assert set(request.payload) == {"model", "input", *fields}


def test_old_versions_of_azure_know_no_lengths() -> None:
    with pytest.raises(Unsupported):
        asked(AzureEmbeddings("azure", "2023-05-15"), model="own", dimensions=8)
