"""The models on offer, each a pure function from what is asked to what is answered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from hexgate.adapters.simulator import schema, tokens, words
from hexgate.adapters.simulator.answer import Answer, Finish, ToolUse
from hexgate.adapters.simulator.chat import (
    Ask,
    Called,
    Media,
    Part,
    Result,
    Text,
    Tool,
    Turn,
    canonical,
    media,
)
from hexgate.adapters.simulator.dice import Dice
from hexgate.adapters.simulator.faults import BY_NAME
from hexgate.domain.json import Json, JsonObject

CONTEXT_TOKENS = 131_072
_SLOW = re.compile(r"slow-(\d{1,6})")
_FAULT = "fault-"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is listed. Source of the capabilities' names: Ollama's API."""

    name: str
    says: str
    capabilities: tuple[str, ...]


_TOOLS = ("completion", "tools", "vision")
LISTED = (
    Model("sim-echo", "repeats the last text of the user", _TOOLS),
    Model("sim-story", "tells a story in several scripts", _TOOLS),
    Model("sim-tools", "calls the tools it is offered, then reports their results", _TOOLS),
    Model("sim-json", "answers in JSON, by the schema if there is one", _TOOLS),
    Model("sim-think", "reasons before it answers", (*_TOOLS, "thinking")),
    Model("sim-vision", "describes the images and documents it was sent", _TOOLS),
)
_NAMES = frozenset(model.name for model in LISTED)
_BRIEF: JsonObject = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "count": {"type": "integer"},
        "ok": {"type": "boolean"},
    },
}


def known(model: str) -> bool:
    """Whether requests for `model` are answered: listed ones, `fault-<name>` and `slow-<ms>`."""
    fault = model.removeprefix(_FAULT) in BY_NAME if model.startswith(_FAULT) else False
    return model in _NAMES or fault or _SLOW.fullmatch(model) is not None


def fault_name(model: str) -> str:
    """The fault that a model's name asks for, or empty."""
    return model.removeprefix(_FAULT) if model.startswith(_FAULT) else ""


def pace_s(model: str) -> float | None:
    """The seconds before every piece that a model's name asks for, or None."""
    found = _SLOW.fullmatch(model)
    return int(found[1]) / 1000 if found else None


def answer(ask: Ask, seed: int) -> Answer:
    """The answer: it depends on seed, model, messages and tools alone; then it is cut to fit."""
    essence = _essence(ask, seed)
    dice = Dice(essence)
    thought = ""
    if ask.model == "sim-think" and ask.think:
        # Dice of its own: whether it thinks aloud does not change what is said.
        thought = "Let me see. " + words.story(Dice("thought" + essence), 1)
    calls = _calls(ask, dice)
    if calls and ask.choice == "auto":
        text = "I will use " + " and ".join(call.name for call in calls) + "."
    elif calls:
        text = ""
    elif ask.schema is not None or ask.as_json or ask.model == "sim-json":
        text = canonical(schema.fitting(ask.schema or _BRIEF, dice))
    else:
        text = _TELLERS.get(ask.model, _short)(ask, dice)
    return _bounded(ask, Answer(model=ask.model, thought=thought, text=text, calls=calls))


def _essence(ask: Ask, seed: int) -> str:
    """The conversation as every wire tells it: turns of one side joined, text before the rest."""
    sides: list[tuple[str, list[str], list[Json]]] = []
    for turn in ask.turns:
        for part in turn.parts:
            role = "tool" if isinstance(part, Result) else turn.role
            if not sides or sides[-1][0] != role:
                sides.append((role, [], []))
            if isinstance(part, Text):
                sides[-1][1].append(part.text)
            else:
                sides[-1][2].append(_told(part))
    said: list[Json] = [[role, "".join(texts), rest] for role, texts, rest in sides]
    tools: list[Json] = [[tool.name, tool.schema] for tool in ask.tools]
    chosen = seed if ask.seed is None else ask.seed
    return canonical([chosen, ask.model, said, tools])


def _told(part: Part) -> Json:
    match part:
        case Text():
            return part.text
        case Called():
            return [part.name, part.arguments]
        case Result():
            return [part.text, *(_told(each) for each in part.media)]
        case Media():
            return [part.media_type, part.reference, hashlib.sha256(part.data).hexdigest()]
        case _:
            assert_never(part)


def _calls(ask: Ask, dice: Dice) -> tuple[ToolUse, ...]:
    """A forced choice is obeyed by every model; left free, only sim-tools calls."""
    offered: tuple[Tool, ...] = ask.tools
    if not offered or ask.choice == "none":
        return ()
    named = ask.choice.removeprefix(":") if ask.choice.startswith(":") else ""
    if named:
        offered = tuple(tool for tool in offered if tool.name == named)
    elif ask.choice == "auto" and (ask.model != "sim-tools" or _results(ask)):
        return ()
    chosen = offered[: 2 if ask.parallel and not named else 1]
    return tuple(
        ToolUse(dice.token(24), tool.name, canonical(_arguments(tool, dice))) for tool in chosen
    )


def _arguments(tool: Tool, dice: Dice) -> object:
    made = schema.fitting({"type": "object", **tool.schema}, dice)
    return made if isinstance(made, dict) else {}


def _results(ask: Ask) -> list[Result]:
    """What the tools returned since the assistant last spoke."""
    found: list[Result] = []
    for turn in reversed(ask.turns):
        if turn.role == "assistant":
            break
        found[:0] = [part for part in turn.parts if isinstance(part, Result)]
    return found


def _text(turn: Turn) -> str:
    return "".join(part.text for part in turn.parts if isinstance(part, Text))


def _echo(ask: Ask, _dice: Dice) -> str:
    said = [text for turn in ask.turns if turn.role == "user" and (text := _text(turn))]
    return said[-1] if said else "You said nothing."


def _story(_ask: Ask, dice: Dice) -> str:
    return words.story(dice)


def _short(_ask: Ask, dice: Dice) -> str:
    return " ".join(words.sentence(dice, 8) for _ in range(3))


def _report(ask: Ask, dice: Dice) -> str:
    results = _results(ask)
    if results:
        return "The tools returned: " + "; ".join(result.text for result in results)
    return "No tool was offered. " + words.sentence(dice)


def _describe(ask: Ask, _dice: Dice) -> str:
    seen = [each for turn in ask.turns for each in media(turn.parts)]
    lines = [_description(each) for each in seen]
    return "I see " + "; ".join(lines) + "." if lines else "I see no image."


def _description(shown: Media) -> str:
    if not shown.data:
        return f"a reference to {shown.reference}"
    digest = hashlib.sha256(shown.data).hexdigest()[:16]
    return f"{shown.media_type}, {len(shown.data)} bytes, sha256 {digest}"


_TELLERS: dict[str, Callable[[Ask, Dice], str]] = {
    "sim-echo": _echo,
    "sim-story": _story,
    "sim-tools": _report,
    "sim-think": _story,
    "sim-vision": _describe,
}


def _bounded(ask: Ask, whole: Answer) -> Answer:
    """Cut at the token limit, then at the first stop sequence; only calls that fit are made."""
    limit = ask.max_tokens if ask.max_tokens is not None else CONTEXT_TOKENS
    thought = tokens.cut(whole.thought, limit)
    text = tokens.cut(whole.text, limit - tokens.count(thought))
    calls: list[ToolUse] = []
    for call in whole.calls:
        spent = thought + text + "".join(each.name + each.arguments for each in (*calls, call))
        if text != whole.text or tokens.count(spent) > limit:
            break
        calls.append(call)
    is_cut = (thought, text, tuple(calls)) != (whole.thought, whole.text, whole.calls)
    finish = Finish.LENGTH if is_cut else Finish.TOOLS if calls else Finish.STOP
    found = [(at, each) for each in ask.stop if each and (at := text.find(each)) >= 0]
    stop = min(found, default=None)
    if stop is not None:
        text, calls, finish = text[: stop[0]], [], Finish.STOP_SEQUENCE
    spoken = thought + text + "".join(call.name + call.arguments for call in calls)
    return replace(
        whole,
        thought=thought,
        text=text,
        calls=tuple(calls),
        finish=finish,
        stop_sequence=stop[1] if stop else "",
        input_tokens=tokens.prompt(ask),
        thought_tokens=tokens.count(thought),
        output_tokens=tokens.count(spoken),
    )
