"""What a right answer to each question is: every check raises AssertionError."""

from __future__ import annotations

import hashlib
import json
from contextlib import aclosing
from dataclasses import replace

from hexgate.domain.answer import Completion, Finish, Finished, ToolCallDelta, UsageUpdate, Warned
from hexgate.domain.assemble import Assembler
from hexgate.domain.call import ChatCall, EmbedCall
from hexgate.domain.chat import Inline, Media, Message, Reasoning, Role, Text, ToolCall
from hexgate.ports.provider import Provider
from tests.contracts.provider import said

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
LINK = "https://files.test/a.png"


async def streamed(provider: Provider, call: ChatCall) -> tuple[Completion, list[object]]:
    """A stream put together, and its chunks."""
    assembler, warnings, chunks = Assembler(), [], []
    async with aclosing(await provider.open(call)) as stream:
        async for chunk in stream:
            chunks.append(chunk)
            if isinstance(chunk, Warned):
                warnings.append(chunk)
            elif not isinstance(chunk, UsageUpdate | Finished):
                assembler.add(chunk)
    end = chunks[-1]
    assert isinstance(end, Finished)
    whole = Completion(
        parts=assembler.parts(),
        finish=end.finish,
        usage=end.usage,
        model=end.model,
        stop_sequence=end.stop_sequence,
        warnings=tuple(warnings),
    )
    return whole, list(chunks)


async def both(provider: Provider, call: ChatCall) -> Completion:
    """The answer, which has to be the same whole and streamed."""
    whole = await provider.complete(call)
    again, _ = await streamed(provider, call)
    assert said(again.parts) == said(whole.parts)
    assert again.finish is whole.finish
    assert {w.code for w in again.warnings} == {w.code for w in whole.warnings}
    return whole


def text_of(answer: Completion) -> str:
    return "".join(part.text for part in answer.parts if isinstance(part, Text))


def calls_of(answer: Completion) -> list[ToolCall]:
    return [part for part in answer.parts if isinstance(part, ToolCall)]


async def unary(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    assert len(text_of(answer)) > 100
    assert answer.finish is Finish.STOP
    assert answer.warnings == ()


async def stream(provider: Provider, call: ChatCall) -> None:
    answer, chunks = await streamed(provider, call)
    assert text_of(answer) == text_of(await provider.complete(call))
    assert len(chunks) > 2


async def conversation(provider: Provider, call: ChatCall) -> None:
    assert text_of(await both(provider, call)) == "And the third?"


async def system(provider: Provider, call: ChatCall) -> None:
    with_it = text_of(await both(provider, call))
    without = replace(call, spec=replace(call.spec, messages=call.spec.messages[1:]))
    assert with_it != text_of(await provider.complete(without))


async def one_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    (made,) = calls_of(answer)
    assert made.name == "weather"
    assert made.call_id
    assert isinstance(json.loads(made.arguments_json)["city"], str)
    assert answer.finish is Finish.TOOL_CALLS


async def two_tools(provider: Provider, call: ChatCall) -> None:
    made = calls_of(await both(provider, call))
    assert [each.name for each in made] == ["weather", "clock"]
    assert len({each.call_id for each in made}) == 2


async def tool_stream(provider: Provider, call: ChatCall) -> None:
    answer, chunks = await streamed(provider, call)
    fragments = "".join(chunk.fragment for chunk in chunks if isinstance(chunk, ToolCallDelta))
    assert fragments == "".join(each.arguments_json for each in calls_of(answer)) != ""


async def exactly_one(provider: Provider, call: ChatCall) -> None:
    assert [each.name for each in calls_of(await both(provider, call))] in (["weather"], ["clock"])


async def named_tool(provider: Provider, call: ChatCall) -> None:
    assert [each.name for each in calls_of(await both(provider, call))] == ["clock"]


async def no_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert calls_of(answer) == []
    assert text_of(answer)


async def some_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert calls_of(answer)
    assert answer.finish is Finish.TOOL_CALLS


async def tool_results(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    assert "21 degrees" in said
    assert "half past nine" in said
    assert said.index("21 degrees") < said.index("half past nine")


async def failed_tool(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert "no such city" in text_of(answer)


async def seen(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    media = [part for part in call.spec.messages[-1].parts if isinstance(part, Media)]
    for each in media:
        assert isinstance(each.source, Inline)
        assert hashlib.sha256(each.source.data).hexdigest()[:16] in said


async def read(provider: Provider, call: ChatCall) -> None:
    """What the model says depends on all that it was shown."""
    answer = await both(provider, call)
    assert "PARAM_DROPPED" not in {w.code for w in answer.warnings}
    asked = call.spec.messages[-1]
    without = replace(asked, parts=tuple(p for p in asked.parts if not isinstance(p, Media)))
    bare = replace(call, spec=replace(call.spec, messages=(without,)))
    assert text_of(answer) != text_of(await provider.complete(bare))


async def linked(provider: Provider, call: ChatCall) -> None:
    said = text_of(await both(provider, call))
    # Either the provider was given the link, or the bytes that the gateway fetched.
    assert LINK in said or hashlib.sha256(PNG).hexdigest()[:16] in said


async def any_json(provider: Provider, call: ChatCall) -> None:
    assert isinstance(json.loads(text_of(await both(provider, call))), dict)


async def by_schema(provider: Provider, call: ChatCall) -> None:
    made = json.loads(text_of(await both(provider, call)))
    assert made.keys() == {"name", "age"}
    assert isinstance(made["age"], int)


async def reasoning(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    first, *rest = answer.parts
    assert isinstance(first, Reasoning)
    assert first.text
    assert any(isinstance(part, Text) for part in rest)


async def reasoning_returned(provider: Provider, call: ChatCall) -> None:
    """The simulator refuses signatures that it did not make, and reasoning out of its place."""
    first = await provider.complete(call)
    assert any(isinstance(part, Reasoning) for part in first.parts)
    more = (
        *call.spec.messages,
        Message(Role.ASSISTANT, first.parts),
        Message(Role.USER, (Text("Go on."),)),
    )
    answer = await both(provider, replace(call, spec=replace(call.spec, messages=more)))
    assert text_of(answer)
    assert answer.warnings == ()


async def foreign_reasoning(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer) == "And the third?"
    assert any(w.field.startswith("spec.messages[1].parts[0]") for w in answer.warnings)


async def stopped(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer) == "one two "
    assert answer.finish in (Finish.STOP, Finish.STOP_SEQUENCE)


async def told_stopped(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert (answer.finish, answer.stop_sequence) == (Finish.STOP_SEQUENCE, "three")


async def cut(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert answer.finish is Finish.LENGTH
    assert answer.usage is None or answer.usage.output <= call.max_output_tokens


async def filtered(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert answer.finish in (Finish.CONTENT_FILTER, Finish.REFUSAL)


async def counted(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    again, _ = await streamed(provider, call)
    for usage in (answer.usage, again.usage):
        assert usage is not None
        assert usage.input > 0
        assert usage.output > 0
        assert not usage.estimated


async def told_reasoning_tokens(provider: Provider, call: ChatCall) -> None:
    usage = (await provider.complete(call)).usage
    assert usage is not None
    assert 0 < usage.reasoning < usage.output


async def cached(provider: Provider, call: ChatCall) -> None:
    await provider.complete(call)
    usage = (await provider.complete(call)).usage
    assert usage is not None
    assert usage.cache_read > 0


async def logprobs(provider: Provider, call: ChatCall) -> None:
    answer = await provider.complete(call)
    assert answer.logprobs
    assert "".join(each.token for each in answer.logprobs) == text_of(answer)


async def accepted(provider: Provider, call: ChatCall) -> None:
    answer = await both(provider, call)
    assert text_of(answer)
    assert [w for w in answer.warnings if w.code != "PARAM_CLAMPED"] == []


async def embedded(provider: Provider, call: EmbedCall) -> None:
    answer = await provider.embed(call)
    first, second, third = (list(vector) for vector in answer.vectors)
    assert first == third != second
    assert len(first) == len(second) > 8
    assert all(isinstance(value, float) for value in first)


async def shortened(provider: Provider, call: EmbedCall) -> None:
    answer = await provider.embed(call)
    assert [len(vector) for vector in answer.vectors] == [call.spec.dimensions] * 3
