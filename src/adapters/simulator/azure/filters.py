"""What Azure's content filter says of prompts and answers, around what OpenAI's wire says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from hexgate.adapters.simulator.answer import Answer, Finish
from hexgate.adapters.simulator.chat import Ask
from hexgate.adapters.simulator.openai.answers import DONE, dumped, event
from hexgate.adapters.simulator.wire import Event, Exchange
from hexgate.domain.json import Json, JsonObject

_OBJECT: msgspec.json.Decoder[JsonObject] = msgspec.json.Decoder(dict)
_KINDS = ("hate", "self_harm", "sexual", "violence")


def results(*, filtered: bool = False) -> JsonObject:
    """All is safe, or there is violence."""
    found: JsonObject = {kind: {"filtered": False, "severity": "safe"} for kind in _KINDS}
    if filtered:
        found["violence"] = {"filtered": True, "severity": "high"}
    return found


def _prompt() -> Json:
    found: JsonObject = {**results(), "jailbreak": {"filtered": False, "detected": False}}
    return [{"prompt_index": 0, "content_filter_results": found}]


@dataclass(frozen=True, slots=True)
class Filtered:
    """An exchange of OpenAI's, and what the filter says of it. See Exchange."""

    inner: Exchange

    @property
    def ask(self) -> Ask:
        """See Exchange."""
        return self.inner.ask

    @property
    def stream(self) -> bool:
        """See Exchange."""
        return self.inner.stream

    def whole(self, answer: Answer) -> bytes:
        """See Exchange."""
        body = _judged(_OBJECT.decode(self.inner.whole(answer)), answer)
        return dumped({**body, "prompt_filter_results": _prompt()})

    def events(self, answer: Answer) -> Iterator[Event]:
        """The prompt is judged in an event of its own, before the first of the answer."""
        head: JsonObject = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        yield Event(event({**head, "prompt_filter_results": _prompt()}))
        for each in self.inner.events(answer):
            if each.data == DONE:
                yield each
            else:
                said = _OBJECT.decode(each.data.removeprefix(b"data: "))
                yield Event(event(_judged(said, answer)), each.mark)


def _judged(body: JsonObject, answer: Answer) -> JsonObject:
    """The body, each of its choices with what the filter says of it."""
    choices = body["choices"]
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            ends = choice.get("finish_reason") is not None
            filtered = ends and answer.finish is Finish.FILTER
            choice["content_filter_results"] = results(filtered=filtered)
    return body
