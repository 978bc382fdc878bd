"""Embeddings in the words of Ollama."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexgate.adapters.clock import SystemClock
from hexgate.adapters.providers.dialects.ollama_chat import OllamaChat, OllamaEmbeddings
from hexgate.adapters.providers.dialects.ollama_chat.embed import AT_ONCE
from hexgate.adapters.providers.transports.http import HttpTransport, open_session
from hexgate.adapters.providers.wire import WireResponse
from hexgate.adapters.providers.wired import WiredProvider
from hexgate.adapters.simulator import Simulator
from hexgate.domain.attempts import Attempts
from hexgate.domain.call import EmbedCall, Options
from hexgate.domain.chat import Inline, Media, Text
from hexgate.domain.embed import EmbedInput, EmbedSpec, Purpose
from hexgate.domain.errors import (
    BadResponse,
    ContextTooLong,
    GatewayError,
    ModelGone,
    Unsupported,
)
from hexgate.domain.usage import Usage

OLLAMA = OllamaEmbeddings("ollama")


def ask(*inputs: str | EmbedInput, model: str = "m", **spec: Any) -> EmbedCall:
    """A call that embeds these."""
    made = tuple((Text(each),) if isinstance(each, str) else each for each in inputs)
    return EmbedCall(
        call_id="call-1",
        tenant="acme",
        model=model,
        spec=EmbedSpec(model=model, inputs=made, **spec),
        options=Options(),
        deadline=1e9,
        attempts=Attempts(8),
    )


def said(**body: object) -> WireResponse:
    """An answer."""
    return WireResponse(
        200, {}, json.dumps({"model": "m:1", "embeddings": [[1.0]], **body}).encode()
    )


def test_inputs_go_out_in_order_and_are_never_cut() -> None:
    (request,) = OLLAMA.requests(ask("a", (Text("b"), Text("c")), dimensions=8))
    assert (request.method, request.path) == ("POST", "/api/embed")
    assert request.payload == {
        "model": "m",
        "truncate": False,
        "dimensions": 8,
        "input": ["a", "b\n\nc"],
    }
    assert request.warnings == ()


def test_many_inputs_go_out_in_several_requests() -> None:
    texts = [str(i) for i in range(2 * AT_ONCE + 1)]
    requests = OLLAMA.requests(ask(*texts))
    assert [len(request.payload["input"]) for request in requests] == [AT_ONCE, AT_ONCE, 1]  # type: ignore[arg-type] # a list of inputs
    assert [text for request in requests for text in request.payload["input"]] == texts  # type: ignore[union-attr] # the same


def test_a_purpose_is_dropped_with_a_warning() -> None:
    (request,) = OLLAMA.requests(ask("a", purpose=Purpose.QUERY))
    assert [(warned.code, warned.field) for warned in request.warnings] == [
        ("PARAM_DROPPED", "purpose")
    ]


def test_media_are_refused_by_their_path() -> None:
    image = Media("image/png", Inline(b"x"))
    with pytest.raises(Unsupported) as raised:
        OLLAMA.requests(ask("a", (Text("b"), image), (image,)))
    assert [violation.field for violation in raised.value.violations] == [
        "inputs[1].parts[1].media",
        "inputs[2].parts[0].media",
    ]


def test_vectors_of_several_answers_are_joined_and_counted() -> None:
    made = OLLAMA.vectors(
        [
            said(embeddings=[[1, 0.5], [0, 1]], prompt_eval_count=3),
            said(embeddings=[[0.25, 0]], prompt_eval_count=4),
        ]
    )
    assert made.vectors == [[1.0, 0.5], [0.0, 1.0], [0.25, 0.0]]
    assert (made.usage, made.model) == (Usage(uncached_input=7), "m:1")


@pytest.mark.parametrize("odd", [None, -1, "3", 1.5, 2**41, 2**70, [3]])
def test_a_count_that_is_missing_or_odd_is_not_reported(odd: object) -> None:
    answers = [said(prompt_eval_count=odd), said(prompt_eval_count=3)]
    assert OLLAMA.vectors(answers).usage is None
    assert OLLAMA.vectors([said(model=odd)]).usage is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"embeddings":[]}',
        b'{"embeddings":[[]]}',
        b'{"embeddings":[["a"]]}',
    ],
)
def test_what_is_no_vectors_is_a_bad_response(body: bytes) -> None:
    with pytest.raises(BadResponse):
        OLLAMA.vectors([WireResponse(200, {}, body)])


def test_an_error_with_a_good_status_is_an_error() -> None:
    with pytest.raises(ModelGone):
        OLLAMA.vectors([WireResponse(200, {}, b'{"error":"model \'x\' not found"}')])


@given(st.binary(max_size=60))
def test_garbage_is_an_error_of_ours(body: bytes) -> None:
    with pytest.raises(GatewayError):
        OLLAMA.vectors([WireResponse(200, {}, body)])


async def test_the_simulator_embeds_in_order() -> None:
    async with Simulator() as sim, open_session() as session:
        provider = WiredProvider(
            OllamaChat("ollama"),
            HttpTransport(session, sim.ollama_url, {}, provider="ollama"),
            monotonic=SystemClock.monotonic,
            provider="ollama",
            embeddings=OLLAMA,
        )
        texts = [f"text {i}" for i in range(AT_ONCE + 3)]
        many = await provider.embed(ask(*texts, model="sim-echo", dimensions=4))
        last = await provider.embed(ask(texts[-1], model="sim-echo", dimensions=4))
        assert len(many.vectors) == len(texts)
        assert many.vectors[-1] == last.vectors[0]
        assert many.usage is not None
        with pytest.raises(ModelGone):
            await provider.embed(ask("a", model="llama"))
        with pytest.raises(ContextTooLong):
            await provider.embed(ask("word " * 200_000, model="sim-echo"))
