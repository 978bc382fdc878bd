"""`hexgate chat`: one question through the gateway, as any client would ask it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from grpc import aio

from hexgate.client import dial, explain
from hexgate.v1 import accounting_pb2, content_pb2, generation_pb2
from hexgate.v1 import completion_service_pb2 as pb
from hexgate.v1.completion_service_pb2_grpc import CompletionServiceStub

if TYPE_CHECKING:
    from hexgate.v1.completion_service_pb2_grpc import CompletionServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask. `max_tokens` 0 leaves the length to the gateway."""

    model: str
    text: str
    system: str = ""
    max_tokens: int = 0
    timeout_s: float = 120.0


async def ask(address: str, question: Question, *, unary: bool) -> str:
    """Print the answer to stdout and its price to stderr. Returns a problem, or nothing."""
    async with dial(address) as channel:
        stub = CompletionServiceStub(channel)
        try:
            if unary:
                await _whole(stub, question)
            else:
                await _streamed(stub, question)
        except aio.AioRpcError as error:
            return str(explain(error))
    return ""


async def _whole(stub: CompletionServiceAsyncStub, question: Question) -> None:
    request = pb.CompleteRequest(spec=_spec(question))
    response = await stub.Complete(request, timeout=question.timeout_s)
    for part in response.message.parts:
        _print_part(part)
    for warning in response.warnings:
        _note(f"warning: {warning.code}: {warning.message}")
    _bill(response.usage, response.cost, response.route, response.timing)


async def _streamed(stub: CompletionServiceAsyncStub, question: Question) -> None:
    request = pb.StreamCompleteRequest(spec=_spec(question))
    async for event in stub.StreamComplete(request, timeout=question.timeout_s):
        match event.WhichOneof("event"):
            case "text":
                typer.echo(event.text.text, nl=False)
            case "part_finished" if not event.part_finished.HasField("part"):
                typer.echo()  # a text ends, whose deltas were shown
            case "part_finished":
                _print_part(event.part_finished.part)
            case "warning":
                _note(f"warning: {event.warning.code}: {event.warning.message}")
            case "finished":
                done = event.finished
                _bill(done.usage, done.cost, done.route, done.timing)
            case _:
                pass


def _spec(question: Question) -> generation_pb2.CompletionSpec:
    messages = [_message(content_pb2.ROLE_USER, question.text)]
    if question.system:
        messages.insert(0, _message(content_pb2.ROLE_SYSTEM, question.system))
    spec = generation_pb2.CompletionSpec(model=question.model, messages=messages)
    if question.max_tokens:
        spec.params.max_output_tokens = question.max_tokens
    return spec


def _message(role: content_pb2.Role.ValueType, text: str) -> content_pb2.Message:
    part = content_pb2.ContentPart(text=content_pb2.TextPart(text=text))
    return content_pb2.Message(role=role, parts=[part])


def _print_part(part: content_pb2.ContentPart) -> None:
    match part.WhichOneof("kind"):
        case "text":
            typer.echo(part.text.text)
        case "tool_call":
            typer.echo(f"[calls {part.tool_call.name}({part.tool_call.arguments_json})]")
        case "refusal":
            typer.echo(f"[refused: {part.refusal.text}]")
        case _:
            pass


def _bill(
    usage: accounting_pb2.Usage,
    cost: accounting_pb2.Cost,
    route: accounting_pb2.Route,
    timing: accounting_pb2.Timing,
) -> None:
    money = "price unknown" if cost.price_unknown else f"${cost.total_nanos / 1e9:.9f}"
    seconds = timing.total.seconds + timing.total.nanos / 1e9
    about = "about " if usage.estimated else ""
    _note(
        f"{route.provider}/{route.provider_model}: {about}{usage.input_tokens} tokens in, "
        f"{usage.output_tokens} out, {money}, {seconds:.2f} s"
    )


def _note(text: str) -> None:
    typer.echo(text, err=True)
