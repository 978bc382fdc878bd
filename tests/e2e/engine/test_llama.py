"""Both protocols of a real engine, through a gateway, as its callers see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest

from hexgate.client import explain
from hexgate.domain.ledger import CallState
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1 import content_pb2, generation_pb2
from tests.e2e.engine.conftest import Engine, entries, serving

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub

# One engine for all of them: they count what it does.
pytestmark = pytest.mark.xdist_group("llama")

PROVIDERS = ("engine", "engine-sdk", "claude", "claude-sdk")
TOKENS = 48
# More than the context window of 16384 tokens that serve_model.py sets.
LONG = "ab " * 9000
HOURS = 10_000  # tokens of an answer that nobody waits for

every_provider = pytest.mark.parametrize("provider", PROVIDERS)
whole_or_streamed = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway in front of the engine, and the file of its ledger."""

    stub: CompletionServiceAsyncStub
    ledger: Path


@pytest.fixture
async def gateway(engine: Engine, tmp_path: Path) -> AsyncIterator[Gateway]:
    """One that ends with the test."""
    async with serving(engine, tmp_path / "ledger.db") as stub:
        yield Gateway(stub, tmp_path / "ledger.db")


def ask(
    provider: str, text: str = "Hello, engine!", tokens: int = TOKENS
) -> generation_pb2.CompletionSpec:
    """One message that is answered by the likeliest tokens: always the same."""
    part = content_pb2.ContentPart(text=content_pb2.TextPart(text=text))
    return generation_pb2.CompletionSpec(
        model=f"{provider}/tiny",
        messages=[content_pb2.Message(role=content_pb2.ROLE_USER, parts=[part])],
        params=generation_pb2.GenerationParams(max_output_tokens=tokens, temperature=0),
    )


async def whole(gateway: Gateway, spec: generation_pb2.CompletionSpec) -> pb.CompleteResponse:
    """The answer in one message."""
    return await gateway.stub.Complete(pb.CompleteRequest(spec=spec))


async def streamed_events(
    gateway: Gateway, spec: generation_pb2.CompletionSpec
) -> list[pb.StreamCompleteResponse]:
    """The answer as events."""
    return [event async for event in gateway.stub.StreamComplete(streaming(spec))]


def streaming(spec: generation_pb2.CompletionSpec) -> pb.StreamCompleteRequest:
    """A request for events that end with the whole message."""
    options = pb.StreamOptions(include_final_message=True)
    return pb.StreamCompleteRequest(spec=spec, stream=options)


def said(message: content_pb2.Message) -> str:
    """The one text of a message."""
    (part,) = message.parts
    return part.text.text


@every_provider
async def test_a_whole_answer_has_text_and_the_engines_own_counts(
    gateway: Gateway, provider: str
) -> None:
    answer = await whole(gateway, ask(provider))
    assert len(said(answer.message)) >= TOKENS / 2
    assert answer.finish_reason == pb.FINISH_REASON_LENGTH
    assert answer.usage.input_tokens > len("Hello, engine!")
    assert answer.usage.output_tokens == TOKENS
    assert not answer.usage.estimated
    assert answer.cost.price_unknown
    assert answer.cost.total_nanos == 0
    assert answer.route.provider == provider
    assert not answer.warnings


@every_provider
async def test_a_stream_brings_the_same_answer_in_pieces(gateway: Gateway, provider: str) -> None:
    answer = await whole(gateway, ask(provider))
    events = await streamed_events(gateway, ask(provider))
    pieces = [event.text.text for event in events if event.HasField("text")]
    finished = events[-1].finished
    assert events[0].HasField("started")
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert len(pieces) > 1
    assert "".join(pieces) == said(finished.message) == said(answer.message)
    assert finished.finish_reason == pb.FINISH_REASON_LENGTH
    assert finished.usage.input_tokens == answer.usage.input_tokens
    assert finished.usage.output_tokens == TOKENS
    assert not finished.usage.estimated
    assert finished.cost.price_unknown


async def test_both_protocols_give_the_same_answer_and_the_same_counts(gateway: Gateway) -> None:
    answers = [await whole(gateway, ask(provider)) for provider in PROVIDERS]
    assert len({said(answer.message) for answer in answers}) == 1
    assert len({answer.usage.input_tokens for answer in answers}) == 1


@whole_or_streamed
@every_provider
async def test_a_prompt_that_the_engine_still_knows_counts_as_read_from_its_cache(
    gateway: Gateway, provider: str, streamed: bool
) -> None:
    spec = ask(provider, f"Only {provider} says this, {streamed}.")
    first = (await whole(gateway, spec)).usage
    if streamed:
        second = (await streamed_events(gateway, spec))[-1].finished.usage
    else:
        second = (await whole(gateway, spec)).usage
    assert second.input_tokens == first.input_tokens
    assert first.cache_read_tokens < second.cache_read_tokens < second.input_tokens


@every_provider
async def test_a_stop_sequence_ends_the_answer_before_it(gateway: Gateway, provider: str) -> None:
    full = said((await whole(gateway, ask(provider))).message)
    stop = full[8:11]
    spec = ask(provider)
    spec.params.stop_sequences.append(stop)
    answer = await whole(gateway, spec)
    assert said(answer.message) == full[: full.index(stop)]
    assert 0 < answer.usage.output_tokens < TOKENS
    events = await streamed_events(gateway, spec)
    assert said(events[-1].finished.message) == said(answer.message)
    assert events[-1].finished.finish_reason == answer.finish_reason
    if provider.startswith("claude"):
        assert answer.finish_reason == pb.FINISH_REASON_STOP_SEQUENCE
        assert answer.matched_stop_sequence == stop
        assert events[-1].finished.matched_stop_sequence == stop
    else:
        assert answer.finish_reason == pb.FINISH_REASON_STOP  # this protocol does not tell


@pytest.mark.parametrize("provider", ["engine", "engine-sdk"])
async def test_a_schema_is_kept_even_by_a_model_that_knows_nothing(
    gateway: Gateway, provider: str
) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    spec = ask(provider, tokens=500)
    spec.output.json_schema.name = "verdict"
    spec.output.json_schema.schema_json = json.dumps(schema)
    answer = await whole(gateway, spec)
    assert answer.finish_reason == pb.FINISH_REASON_STOP
    assert json.loads(said(answer.message))["answer"] in ("yes", "no")


@pytest.mark.parametrize("provider", ["engine", "engine-sdk"])
async def test_log_probabilities_come_for_every_token(gateway: Gateway, provider: str) -> None:
    spec = ask(provider)
    spec.params.top_logprobs = 2
    answer = await whole(gateway, spec)
    assert len(answer.logprobs) == TOKENS
    assert b"".join(token.token_bytes for token in answer.logprobs).decode() == said(answer.message)
    for token in answer.logprobs:
        assert token.logprob < 0
        assert token.alternatives[0].token == token.token


@whole_or_streamed
@every_provider
async def test_a_prompt_that_does_not_fit_is_the_callers_to_shorten(
    gateway: Gateway, provider: str, streamed: bool
) -> None:
    send = streamed_events if streamed else whole
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(gateway, ask(provider, LONG))
    problem = explain(caught.value)
    assert problem.code is grpc.StatusCode.INVALID_ARGUMENT
    assert problem.reason == "CONTEXT_WINDOW_EXCEEDED"
    assert [violation.field for violation in problem.violations] == ["spec.messages"]
    assert problem.metadata["provider"] == provider
    assert problem.retry_after_s is None


async def test_every_outcome_is_in_the_ledger(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with serving(engine, path) as stub:
        gateway = Gateway(stub, path)
        ids = []
        for provider in PROVIDERS:
            ids.append((await whole(gateway, ask(provider))).response_id)
            ids.append((await streamed_events(gateway, ask(provider)))[0].started.response_id)
        with pytest.raises(grpc.aio.AioRpcError):
            await whole(gateway, ask("engine", LONG))
    *answered, refused = await entries(path)
    assert [row.intent.call_id for row in answered] == ids
    for row in answered:
        assert row.state is CallState.SETTLED
        assert row.settlement is not None
        assert row.settlement.usage.output == TOKENS
        assert row.settlement.usage.input > 0
        assert row.settlement.cost.unknown
        assert not row.intent.price_known
        assert row.settlement.finish == "length"
    assert refused.state is CallState.FAILED
    assert refused.settlement is not None
    assert refused.settlement.failure == "CONTEXT_WINDOW_EXCEEDED"
    assert refused.settlement.usage.total == 0


@every_provider
async def test_cancelling_a_stream_frees_the_engine(
    engine: Engine, tmp_path: Path, provider: str
) -> None:
    path = tmp_path / "ledger.db"
    before = await engine.idle()
    async with serving(engine, path) as stub:
        call = stub.StreamComplete(streaming(ask(provider, tokens=HOURS)))
        async for event in call:
            if event.HasField("text"):
                break
        assert (await engine.work()).running == 1
        call.cancel()
        after = await engine.idle()
    assert 0 < after.generated - before.generated < HOURS
    (row,) = await entries(path)
    assert row.state is CallState.CANCELLED
    assert row.settlement is not None
    assert row.settlement.usage.output > 0
    assert row.settlement.usage.estimated
