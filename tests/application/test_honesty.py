"""A cost that may not be the whole cost says so, in the receipt and in the ledger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hexgate.application.requests import ChatRequest
from hexgate.application.stream import Ending
from hexgate.domain.answer import PRICE_UNCERTAIN, Finished, Warned
from hexgate.domain.call import CacheMode
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Media,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.errors import SpendLimitExceeded
from hexgate.domain.receipt import Receipt
from hexgate.domain.spec import Params
from hexgate.domain.usage import Usage
from tests.application.desk import Desk, read
from tests.fakes import FakeProvider, Script, script

UNCERTAIN = Warned(PRICE_UNCERTAIN, "the price of a search is not known", "spec.provider_options")
OTHER = Warned("PARAM_DROPPED", "dropped", "spec.params.top_k")


async def receipt_of(desk: Desk, request: ChatRequest, streamed: bool) -> Receipt:
    """What the call came to, as the ledger has it too."""
    if not streamed:
        receipt = (await desk.complete(request)).receipt
    else:
        *_, ending = await read(desk, request)
        assert isinstance(ending, Ending)
        receipt = ending.receipt
    assert (await desk.settlement()).cost == receipt.cost
    return receipt


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("warned", "estimated"), [(UNCERTAIN, True), (OTHER, False)])
async def test_a_warning_about_the_price_makes_the_cost_an_estimate(
    warned: Warned, estimated: bool, streamed: bool
) -> None:
    desk = Desk(FakeProvider(Script((warned, *script("one two").chunks))))
    receipt = await receipt_of(desk, desk.request(), streamed)
    assert (receipt.cost.estimated, receipt.cost.total_nanos) == (estimated, 14_000)
    # The tokens are as the provider reported them.
    assert not receipt.usage.estimated


async def test_an_answer_from_the_cache_costs_exactly_nothing() -> None:
    leaf = FakeProvider(Script((UNCERTAIN, *script("one two").chunks)))
    desk = Desk(leaf, mode=CacheMode.READ_WRITE)
    await desk.complete(desk.request())
    hit = await desk.complete(desk.request())
    assert hit.warnings == (UNCERTAIN,)
    assert (hit.receipt.cache_hit, hit.receipt.cost.estimated) == (True, False)


SOUND = Media("audio/wav", Inline(b"RIFF"))
IMAGE = Media("image/png", Inline(b"PNG"))
VIDEO = Media("video/mp4", Inline(b"mp4"))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("model", "part", "estimated"),
    [
        ("fake/listens", Text("text alone"), False),
        ("fake/listens", IMAGE, False),
        ("fake/listens", SOUND, True),
        ("fake/listens", Media("Audio/MPEG", Inline(b"ID3")), True),
        ("fake/listens", Media("", FileId("fake", "f1")), True),  # it may be audio
        ("fake/m", SOUND, False),
    ],
)
async def test_media_that_cost_something_else_than_text_make_the_cost_an_estimate(
    model: str, part: Part, estimated: bool, streamed: bool
) -> None:
    desk = Desk(FakeProvider("one two"))
    request = desk.request(model=model)
    messages = (*request.spec.messages, Message(Role.USER, (part,)))
    request = replace(request, spec=replace(request.spec, messages=messages))
    assert (await receipt_of(desk, request, streamed)).cost.estimated is estimated


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("used", "media", "nanos", "estimated"),
    [
        # 7 of text at 1,000 nano-USD, 3 of audio at 5,000; 1 written at 2,000, 2 spoken at 8,000.
        (Usage(uncached_input=7, audio_input=3, output=1, audio_output=2), SOUND, 40_000, False),
        # 3 more of audio from the cache, which has no price of its own.
        (Usage(audio_cache_read=3), SOUND, 15_000, False),
        (Usage(uncached_input=10), SOUND, 10_000, True),
        (Usage(uncached_input=10, image_input=2), IMAGE, 12_000, False),
        # A video has sound; whose tokens are told.
        (Usage(uncached_input=7, audio_input=3), VIDEO, 22_000, False),
        (Usage(uncached_input=10), VIDEO, 10_000, True),
    ],
)
async def test_media_that_the_usage_tells_apart_cost_exactly_what_they_cost(
    used: Usage, media: Media, nanos: int, estimated: bool, streamed: bool
) -> None:
    *begun, end = script("one two").chunks
    assert isinstance(end, Finished)
    desk = Desk(FakeProvider(Script((*begun, replace(end, usage=used)))))
    request = desk.request(model="fake/listens")
    messages = (*request.spec.messages, Message(Role.USER, (media,)))
    request = replace(request, spec=replace(request.spec, messages=messages))
    cost = (await receipt_of(desk, request, streamed)).cost
    assert (cost.total_nanos, cost.estimated) == (nanos, estimated)


async def test_media_of_a_tools_result_count_too() -> None:
    desk = Desk(FakeProvider())
    request = desk.request(model="fake/listens")
    asked = Message(Role.ASSISTANT, (ToolCall("c1", "record", "{}"),))
    told = Message(Role.TOOL, (ToolResult("c1", (SOUND,)),))
    messages = (*request.spec.messages, asked, told)
    request = replace(request, spec=replace(request.spec, messages=messages))
    assert (await desk.complete(request)).receipt.cost.estimated


@pytest.mark.parametrize(("part", "estimated"), [(SOUND, True), (IMAGE, False)])
async def test_embedded_media_count_too(part: Media, estimated: bool) -> None:
    desk = Desk(FakeProvider())
    request = desk.embed_request(model="fake/listens")
    request = replace(request, spec=replace(request.spec, inputs=((Text("a"),), (part,))))
    assert (await desk.embed(request)).receipt.cost.estimated is estimated


async def test_holds_and_bounds_reckon_with_the_dearest_media() -> None:
    desk = Desk(FakeProvider())
    # Its bytes may be as many tokens, at 5,000 instead of 1,000; and eleven of text.
    sound = Media("audio/wav", Inline(b"x" * 6_000))
    dearest = 6_000 * 5_000 + 11 * 1_000
    request = desk.embed_request(model="fake/listens", max_cost_nanos=dearest)
    request = replace(request, spec=replace(request.spec, inputs=((Text("Hello there"), sound),)))
    await desk.embed(request)
    assert (await desk.entry()).intent.hold_nanos == dearest
    short = replace(request.options, max_cost_nanos=dearest - 1)
    with pytest.raises(SpendLimitExceeded):
        await desk.embed(replace(request, options=short))


SHORT = Params(max_output_tokens=1)


async def test_holds_reckon_with_all_of_the_output_being_spoken() -> None:
    holds = []
    for tokens in (1, 2):
        desk = Desk(FakeProvider("one two"))
        params = Params(max_output_tokens=tokens)
        await desk.complete(desk.request(model="fake/listens", params=params))
        holds.append((await desk.entry()).intent.hold_nanos)
    assert holds[1] - holds[0] == 8_000


@pytest.mark.parametrize(
    ("mark", "rate"),
    [
        (None, 1_000),
        (CacheMark(), 2_000),
        (CacheMark(ttl_s=300), 2_000),
        (CacheMark(ttl_s=3600), 3_000),
    ],
)
async def test_holds_reckon_with_all_of_the_input_being_written_to_the_cache(
    mark: CacheMark | None, rate: int
) -> None:
    desk = Desk(FakeProvider("one two"))
    request = desk.request(model="fake/remembers", params=SHORT)
    marked = Message(Role.USER, (Text("", mark),))
    messages = (*request.spec.messages, marked)
    await desk.complete(replace(request, spec=replace(request.spec, messages=messages)))
    # Two messages of 16 tokens each beside their eleven bytes; and one token of output.
    assert (await desk.entry()).intent.hold_nanos == 43 * rate + 2_000


async def test_holds_reckon_with_what_a_providers_own_options_may_ask_for() -> None:
    desk = Desk(FakeProvider("one two"))
    request = desk.request(model="fake/remembers", params=SHORT)
    spec = replace(request.spec, provider_options={"fake": {"cache_control": {"ttl": "1h"}}})
    await desk.complete(replace(request, spec=spec))
    # At the most 27 tokens in: 11 for as many bytes of text, 16 for the message.
    assert (await desk.entry()).intent.hold_nanos == 27 * 3_000 + 2_000
