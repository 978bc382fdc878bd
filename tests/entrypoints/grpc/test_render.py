"""From the domain to protobuf: what is hard to get right."""

from __future__ import annotations

import json

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from hexgate.domain.json import JsonObject
from hexgate.domain.usage import Usage
from hexgate.entrypoints.grpc import render
from hexgate.v1 import accounting_pb2


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"text": "x", "flag": True, "off": False, "none": None, "number": 1.5, "count": 3},
        {"empty": {}, "nothing": [], "deep": {"list": [1, {"a": None}]}},
    ],
)
def test_metadata_is_what_the_provider_said(value: JsonObject) -> None:
    struct = Struct()
    render.metadata(json.dumps(value), struct)
    assert MessageToDict(struct) == value
    assert [name for name in struct.fields if struct.fields[name].WhichOneof("kind") is None] == []


def test_a_number_that_a_double_cannot_hold_stays_exact_as_text() -> None:
    struct = Struct()
    render.metadata('{"id": 9007199254740993, "huge": 1' + "0" * 400 + "}", struct)
    assert struct["id"] == "9007199254740993"
    assert struct["huge"] == "1" + "0" * 400


@pytest.mark.parametrize("seconds", [0.0, 0.000001, 1.5, 86_400.0, 59.999999])
def test_a_duration_is_exact_to_the_microsecond(seconds: float) -> None:
    duration = render.duration(seconds)
    assert abs(duration.ToMicroseconds() - seconds * 1e6) <= 1


def test_totals_of_tokens_include_their_parts_and_parts_do_not_overlap() -> None:
    used = Usage(
        uncached_input=1,
        cache_read=20,
        cache_write=300,
        cache_write_1h=4_000,
        audio_input=50_000,
        audio_cache_read=600_000,
        image_input=7_000_000,
        output=2,
        audio_output=30,
        reasoning=1,
        estimated=True,
    )
    assert render.usage(used) == accounting_pb2.Usage(
        input_tokens=7_654_321,
        output_tokens=32,
        cache_read_tokens=20,
        cache_write_tokens=4_300,
        cache_write_1h_tokens=4_000,
        reasoning_tokens=1,
        audio_input_tokens=650_000,
        audio_output_tokens=30,
        image_input_tokens=7_000_000,
        estimated=True,
    )
