"""What every Interactions must do."""

from __future__ import annotations

import abc
from dataclasses import replace

from hexgate.domain.answer import Finish
from hexgate.domain.call import Options
from hexgate.domain.chat import (
    CacheMark,
    FileId,
    Inline,
    Link,
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from hexgate.domain.embed import EmbedSpec, Purpose
from hexgate.domain.interaction import Interaction
from hexgate.domain.price import Cost
from hexgate.domain.spec import (
    AnyJson,
    Effort,
    OnUnsupported,
    Params,
    SchemaJson,
    Spec,
    Thinking,
    Tool,
    ToolChoice,
    ToolMode,
)
from hexgate.domain.usage import Usage
from hexgate.ports.interactions import Interactions

IMAGE = Media("image/png", Inline(b"\x89PNG"), "cat.png")
SAID: tuple[Part, ...] = (
    Text("Look at this", CacheMark(60)),
    IMAGE,
    Media("application/pdf", Link("https://files.test/a.pdf?sig=1")),
    Media("image/png", FileId("openai", "file-1")),
    ToolCall("c1", "search", '{"q": "cats"}'),
    ToolResult("c1", (Text("none found"), IMAGE), is_error=True),
    Reasoning("I should look", b"signed", "anthropic"),
    Refusal("I will not"),
)
ASKED = Interaction(
    call_id="0190-call",
    tenant="acme",
    started_at=1_800_000_000.25,
    duration_s=1.5,
    spec=Spec(
        model="fast",
        messages=(
            Message(Role.SYSTEM, (Text("Be brief."),)),
            Message(Role.USER, SAID[:4], "kim"),
            Message(Role.ASSISTANT, (SAID[6], SAID[4])),
            Message(Role.TOOL, (SAID[5],)),
        ),
        params=Params(temperature=0.0, seed=7, stop=("END",), on_unsupported=OnUnsupported.REJECT),
        tools=(Tool("search", "Finds things.", '{"type": "object"}', strict=True),),
        tool_choice=ToolChoice(ToolMode.REQUIRED, allowed=("search",), parallel=False),
        output=SchemaJson("answer", '{"type": "object"}', strict=True),
        thinking=Thinking(Effort.HIGH, include=True),
        provider_options={"openai": {"user": "u-1", "deep": [{"n": 1.5, "none": None}, True]}},
    ),
    options=Options(
        end_user_id="user-3", agent_id="agent-1", session_id="session-7", labels={"team": "search"}
    ),
    streamed=True,
    provider="openai",
    model="gpt-x",
    parts=SAID[4:],
    finish=Finish.TOOL_CALLS,
    usage=Usage(uncached_input=7, cache_read=3, output=5),
    cost=Cost(input_nanos=100, output_nanos=200, price_version="p1"),
)
EMBEDDED = replace(
    ASKED,
    spec=EmbedSpec(
        model="vectors", inputs=((Text("one"), IMAGE),), dimensions=8, purpose=Purpose.QUERY
    ),
    parts=(),
    finish=None,
    streamed=False,
)


class InteractionsContract(abc.ABC):
    """Subclasses give a log that wants every call, and one whose outlet is broken.

    Both belong to the subclass, which closes them where that is needed.
    """

    @abc.abstractmethod
    async def make(self) -> Interactions:
        """A log that works."""

    @abc.abstractmethod
    async def broken(self) -> Interactions:
        """A log whose file or socket fails at every use."""

    async def test_wants_the_same_calls_each_time_it_is_asked(self) -> None:
        log = await self.make()
        asked = [f"call-{number}" for number in range(50)]
        first = [log.wants(name) for name in asked]
        assert [log.wants(name) for name in asked] == first

    async def test_is_told_of_answers_of_every_kind(self) -> None:
        log = await self.make()
        log.ended(ASKED)
        log.ended(EMBEDDED)
        log.ended(replace(ASKED, cached=True, usage=Usage(), cost=Cost()))
        for finish in Finish:
            log.ended(replace(ASKED, finish=finish, spec=replace(_spec(), output=AnyJson())))

    async def test_is_told_of_calls_that_failed_or_were_left(self) -> None:
        log = await self.make()
        for failure in ("ALL_TARGETS_FAILED", "STREAM_INTERRUPTED", "CANCELLED", "INTERNAL"):
            log.ended(replace(ASKED, failure=failure, finish=None, parts=ASKED.parts[:1]))
        unknown = Cost(estimated=True, unknown=True)
        log.ended(replace(ASKED, failure="CANCELLED", cost=unknown, usage=Usage(estimated=True)))

    async def test_is_told_of_a_request_that_became_no_call(self) -> None:
        log = await self.make()
        refused = replace(
            ASKED,
            spec=Spec(model="", messages=()),
            options=Options(labels={"NOT A LABEL": "x" * 1000}),
            failure="INVALID_REQUEST",
            provider="",
            model="",
            parts=(),
            finish=None,
            usage=None,
            cost=None,
        )
        log.ended(refused)

    async def test_is_told_of_text_that_no_encoding_has(self) -> None:
        (await self.make()).ended(replace(ASKED, parts=(Text("half a \ud83d character"),)))

    async def test_never_raises_even_when_it_cannot_tell_anybody(self) -> None:
        log = await self.broken()
        for _ in range(3):
            log.ended(ASKED)


def _spec() -> Spec:
    assert isinstance(ASKED.spec, Spec)
    return ASKED.spec
