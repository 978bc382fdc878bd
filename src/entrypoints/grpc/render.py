"""From the domain to protobuf."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import NULL_VALUE, Struct
from google.protobuf.timestamp_pb2 import Timestamp

from hexgate.application.complete import Answer
from hexgate.application.embed import Vectors
from hexgate.domain.answer import (
    Chunk,
    Finish,
    Finished,
    Logprob,
    PartFinished,
    ReasoningDelta,
    RouteChanged,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageUpdate,
    Warned,
)
from hexgate.domain.attempts import Attempt
from hexgate.domain.chat import (
    FileId,
    Inline,
    Link,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.price import Cost
from hexgate.domain.receipt import Receipt
from hexgate.domain.usage import Usage
from hexgate.v1 import (
    accounting_pb2,
    completion_service_pb2,
    content_pb2,
    embedding_service_pb2,
    error_pb2,
)

_pb = completion_service_pb2
_FINISH = {finish: _pb.FinishReason.Value(f"FINISH_REASON_{finish.name}") for finish in Finish}
_ASSISTANT = content_pb2.ROLE_ASSISTANT
CURRENCY = "USD"


def answer(done: Answer) -> completion_service_pb2.CompleteResponse:
    """A whole answer."""
    completion, receipt = done.completion, done.receipt
    proto = _pb.CompleteResponse(
        response_id=receipt.call_id,
        message=message(completion.parts),
        finish_reason=_FINISH[completion.finish],
        matched_stop_sequence=completion.stop_sequence,
        usage=usage(receipt.usage),
        cost=cost(receipt.cost),
        route=route(receipt),
        warnings=[warning(warned) for warned in done.warnings],
        raw_response_json=completion.raw_json,
        timing=timing(receipt),
    )
    if receipt.accepted_at is not None:
        stamp(receipt.accepted_at, proto.create_time)
    if completion.metadata_json:
        metadata(completion.metadata_json, proto.provider_metadata)
    if completion.logprobs:
        proto.logprobs.extend(_logprobs(completion.logprobs))
    return proto


def vectors(done: Vectors) -> embedding_service_pb2.EmbedResponse:
    """The vectors of all inputs."""
    receipt = done.receipt
    proto = embedding_service_pb2.EmbedResponse(
        response_id=receipt.call_id,
        usage=usage(receipt.usage),
        cost=cost(receipt.cost),
        route=route(receipt),
        warnings=[warning(warned) for warned in done.warnings],
    )
    for vector in done.embedded.vectors:
        _vector(vector, proto.embeddings.add())
    return proto


def _vector(values: Sequence[float], into: embedding_service_pb2.Embedding) -> None:
    """The numbers of one vector.

    An array of 32-bit floats is the wire format already; number by number takes 100 times as long.
    """
    if isinstance(values, array) and values.typecode == "f" and sys.byteorder == "little":
        packed = values.tobytes()
        into.MergeFromString(_VALUES_TAG + _varint(len(packed)) + packed)
    else:
        into.values.extend(values)


# Field 1 of Embedding, its values, as bytes with their length in front.
_VALUES_TAG = b"\x0a"


def _varint(number: int) -> bytes:
    coded = bytearray()
    while number > 0x7F:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)


def started(
    call_id: str, attempts: Iterable[Attempt], accepted_at: float, *, cache_hit: bool
) -> completion_service_pb2.StreamStarted:
    """The first event of a stream."""
    tried = list(attempts)
    path = accounting_pb2.Route(attempts=[attempt(one) for one in tried], cache_hit=cache_hit)
    if tried:
        path.provider, path.provider_model = tried[-1].provider, tried[-1].model
    proto = _pb.StreamStarted(response_id=call_id, route=path)
    stamp(accepted_at, proto.create_time)
    return proto


def event(sequence: int, chunk: Chunk) -> completion_service_pb2.StreamCompleteResponse:
    """One chunk as an event. `Finished` has a rendering of its own."""
    match chunk:
        case TextDelta():
            return _pb.StreamCompleteResponse(sequence=sequence, text=_text(chunk))
        case ReasoningDelta(index, text):
            thought = _pb.ReasoningDelta(part_index=index, text=text)
            return _pb.StreamCompleteResponse(sequence=sequence, reasoning=thought)
        case ToolCallStarted(index, call_id, name):
            call = _pb.ToolCallStarted(part_index=index, call_id=call_id, name=name)
            return _pb.StreamCompleteResponse(sequence=sequence, tool_call_started=call)
        case ToolCallDelta(index, fragment):
            more = _pb.ToolCallDelta(part_index=index, arguments_json_fragment=fragment)
            return _pb.StreamCompleteResponse(sequence=sequence, tool_call=more)
        case PartFinished():
            return _pb.StreamCompleteResponse(sequence=sequence, part_finished=_done(chunk))
        case UsageUpdate(used):
            update = _pb.UsageUpdate(usage=usage(used))
            return _pb.StreamCompleteResponse(sequence=sequence, usage=update)
        case Warned():
            return _pb.StreamCompleteResponse(sequence=sequence, warning=warning(chunk))
        case RouteChanged():
            return _pb.StreamCompleteResponse(sequence=sequence, route_changed=_moved(chunk))
        case Finished():
            raise ValueError("the end of a stream carries a receipt: use finished()")


def _text(delta: TextDelta) -> completion_service_pb2.TextDelta:
    proto = _pb.TextDelta(part_index=delta.index, text=delta.text)
    if delta.logprobs:
        proto.logprobs.extend(_logprobs(delta.logprobs))
    return proto


def _done(end: PartFinished) -> completion_service_pb2.PartFinished:
    # Text is not said twice: its deltas were whole.
    said = None if isinstance(end.part, Text) else part(end.part)
    return _pb.PartFinished(part_index=end.index, part=said)


def _moved(change: RouteChanged) -> completion_service_pb2.RouteChanged:
    return _pb.RouteChanged(
        failed=attempt(change.failed),
        next_provider=change.provider,
        next_provider_model=change.model,
        output_reset=True,
    )


def finished(end: Finished, receipt: Receipt) -> completion_service_pb2.StreamFinished:
    """The last event of a stream."""
    proto = _pb.StreamFinished(
        finish_reason=_FINISH[end.finish],
        matched_stop_sequence=end.stop_sequence,
        usage=usage(receipt.usage),
        cost=cost(receipt.cost),
        route=route(receipt),
        timing=timing(receipt),
    )
    if end.metadata_json:
        metadata(end.metadata_json, proto.provider_metadata)
    return proto


def message(parts: Iterable[Part]) -> content_pb2.Message:
    """The model's message."""
    return content_pb2.Message(role=_ASSISTANT, parts=[part(one) for one in parts])


def part(one: Part) -> content_pb2.ContentPart:
    """One part."""
    match one:
        case Text(text):
            return content_pb2.ContentPart(text=content_pb2.TextPart(text=text))
        case ToolCall(call_id, name, arguments):
            call = content_pb2.ToolCall(call_id=call_id, name=name, arguments_json=arguments)
            return content_pb2.ContentPart(tool_call=call)
        case Reasoning(text, signature, provider, redacted):
            thought = content_pb2.ReasoningPart(
                text=text, signature=signature, provider=provider, redacted=redacted
            )
            return content_pb2.ContentPart(reasoning=thought)
        case Refusal(text):
            return content_pb2.ContentPart(refusal=content_pb2.RefusalPart(text=text))
        case ToolResult(call_id, parts, is_error):
            result = content_pb2.ToolResult(
                call_id=call_id, parts=[part(inner) for inner in parts], is_error=is_error
            )
            return content_pb2.ContentPart(tool_result=result)
        case Media():
            return content_pb2.ContentPart(media=_media(one))


def usage(used: Usage) -> accounting_pb2.Usage:
    """Tokens: totals that include their parts, as the contract has them.

    Parts never overlap: audio from the cache is audio.
    """
    return accounting_pb2.Usage(
        input_tokens=used.input,
        output_tokens=used.written,
        cache_read_tokens=used.cache_read,
        cache_write_tokens=used.cache_write + used.cache_write_1h,
        cache_write_1h_tokens=used.cache_write_1h,
        reasoning_tokens=used.reasoning,
        audio_input_tokens=used.audio_input + used.audio_cache_read,
        audio_output_tokens=used.audio_output,
        image_input_tokens=used.image_input,
        estimated=used.estimated,
    )


def cost(spent: Cost) -> accounting_pb2.Cost:
    """Money."""
    return accounting_pb2.Cost(
        currency_code=CURRENCY,
        total_nanos=spent.total_nanos,
        input_nanos=spent.input_nanos,
        output_nanos=spent.output_nanos,
        wasted_nanos=spent.wasted_nanos,
        price_version=spent.price_version,
        estimated=spent.estimated,
        price_unknown=spent.unknown,
    )


def route(receipt: Receipt) -> accounting_pb2.Route:
    """How the call travelled."""
    return accounting_pb2.Route(
        provider=receipt.provider,
        provider_model=receipt.model,
        attempts=[attempt(one) for one in receipt.attempts],
        cache_hit=receipt.cache_hit,
    )


def attempt(one: Attempt) -> accounting_pb2.Attempt:
    """One provider call."""
    proto = accounting_pb2.Attempt(
        provider=one.provider,
        provider_model=one.model,
        http_status=one.http_status,
        provider_request_id=one.request_id,
        duration=duration(one.duration_s),
        hedged=one.hedged,
    )
    if one.failure:
        proto.failure = reason(one.failure)
    return proto


def reason(name: str) -> error_pb2.ErrorReason.ValueType:
    """A reason by its name on the wire."""
    return error_pb2.ErrorReason.Value(f"ERROR_REASON_{name}")


def timing(receipt: Receipt) -> accounting_pb2.Timing:
    """How long it took."""
    proto = accounting_pb2.Timing(
        total=duration(receipt.total_s), provider=duration(receipt.provider_s)
    )
    if receipt.first_token_s is not None:
        proto.first_token.CopyFrom(duration(receipt.first_token_s))
    return proto


def warning(warned: Warned) -> completion_service_pb2.Warning:
    """A deviation from the request."""
    return _pb.Warning(code=warned.code, message=warned.message, field=warned.field)


def duration(seconds: float) -> Duration:
    """Seconds as a Duration, to the microsecond."""
    whole = int(seconds)
    return Duration(seconds=whole, nanos=int((seconds - whole) * 1e6) * 1000)


def stamp(epoch_s: float, into: Timestamp) -> None:
    """Seconds since the epoch as a Timestamp, to the microsecond."""
    into.seconds = int(epoch_s)
    into.nanos = int((epoch_s - into.seconds) * 1e6) * 1000


def metadata(text: str, into: Struct) -> None:
    """Provider fields outside the contract: a JSON object.

    Field by field, because the library's own parser takes as long as the rest of an answer.
    """
    for name, value in msgspec.json.decode(text, type=dict).items():
        field = into.fields[name]
        match value:
            case str():
                field.string_value = value
            case bool():
                field.bool_value = value
            case int() if abs(value) >= 2**53:
                field.string_value = str(value)
            case int() | float():
                field.number_value = value
            case None:
                field.null_value = NULL_VALUE
            case dict():
                field.struct_value.Clear()  # an empty one would leave no kind behind
                field.struct_value.update(value)
            case _:
                field.list_value.Clear()
                field.list_value.extend(value)


def _media(media: Media) -> content_pb2.MediaPart:
    proto = content_pb2.MediaPart(media_type=media.media_type, filename=media.filename)
    match media.source:
        case Inline(data):
            proto.data = data
        case Link(url):
            proto.url = url
        case FileId(provider, file_id):
            proto.file_id = f"{provider}:{file_id}"
    return proto


def _logprobs(logprobs: Iterable[Logprob]) -> list[completion_service_pb2.TokenLogprob]:
    return [
        _pb.TokenLogprob(
            token=one.token,
            logprob=one.logprob,
            token_bytes=one.token_bytes,
            alternatives=_logprobs(one.alternatives),
        )
        for one in logprobs
    ]
