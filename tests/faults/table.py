"""docs/faults.md, out of the rows: run it as a module after changing them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hexgate.adapters.simulator import Fault
from tests.faults.ends import OTHERS, End, Says
from tests.faults.outcome import BACKUP, Mode, expected
from tests.faults.rows import CALLERS, ROWS, Row

PAGE = Path("docs/faults.md")
_SECTIONS: Mapping[str, frozenset[int]] = {
    "No connection": frozenset({1, 2, 3, 4}),
    "Silence": frozenset({5, 6, 7, 25}),
    "A connection that breaks": frozenset({8, 9, 10, 26}),
    "A refusal": frozenset({15, 16, 17, 18, 19, 20, 21}),
    "An answer that is not right": frozenset({11, 12, 13, 14, 22, 23, 24, 27, 28}),
}
_HEAD = """\
# What happens when …

Whatever a provider does, a call ends in one of two ways: with the answer, or with an error that
says what went wrong, what was tried and what was delivered. This page says which, fault by fault.
Each line of it is a test: a real gateway over real sockets, a provider that fails in this way, and
another one that is well. `python -m tests.faults.table` writes it.

In every line:

- No call hangs: each wait is bounded by a [timeout](resilience.md#timeouts) and by the caller's
  deadline.
- A stream that broke is never shown as a success. `OK` comes after the end of the answer alone.
- What was shown is never repeated silently. A stream that breaks after output ends with
  `STREAM_INTERRUPTED`, and says how much was delivered. A caller who asks for
  `FALLBACK_MODE_RESTART_STREAM` gets `RouteChanged` with `output_reset` instead, and a new
  beginning: at the fallback, or where there is none at the same target.
- Each attempt is in the answer, or in the `CompletionFailure` of the error, and in the ledger. What
  was used is settled: as the provider reported it, else as an estimate that says so.
- After it nothing is left: no call, and no connection that is still busy.

How to read the tables: *retried* is whether the same target is tried again, where retries are left
([how often](resilience.md#retries)). *With a fallback* is how a call ends that has another target
after the failing one, by a plain list; *by the other* means that this one answers. *Rule* is the
kind of failure by which a [rule](resilience.md#fallback) takes over, and no other kind does. After
output none of these helps a stream.
"""
_TAIL = """\
## Status codes

Each reason travels in the `ErrorInfo` of the error; these are its gRPC codes. Where every target
failed, the reason is `ALL_TARGETS_FAILED`, and the attempts name the reason of each. What a retry
may mend the gateway has retried itself, so clients are told not to repeat the call by themselves.

{codes}

## What is not on this page

Faults of the gateway's own stores, of its process and of its clock; those of the ledger have tests
of their own.

## See for yourself

The simulator makes most faults by the name of a model, such as `sim/fault-reset-mid-stream` at a
provider `sim` of `kind: simulator`. The names are:

{names}
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, numbers in _SECTIONS.items():
        rows = [row for row in ROWS if row.number in numbers]
        parts.append("\n".join((f"## {title}", "", *_table(rows), "")))
    parts.append("\n".join(("## The caller", "", *_callers(), "")))
    parts.append(_TAIL.format(codes="\n".join(_codes()), names=_names()))
    return "\n".join(parts)


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield from _head("what goes wrong", "one piece", "stream", "retried", *_FALLBACK, "rule")
    for row in rows:
        ends = (row.unary, row.stream)
        alone = (_alone(row, end) for end in ends)
        helped = (_helped(row, end) for end in ends)
        yield _line(str(row.number), row.says, *alone, _retried(row), *helped, _rule(row))


_FALLBACK = ("one piece, with a fallback", "stream, with a fallback")


def _alone(row: Row, end: End | None) -> str:
    if end is None:
        return ""
    if row.struck < row.keys:
        return "answered, by the other key"
    if not end.fine:
        return f"`{end.reason}`"
    notes = {
        _SAYS.get(end.says, ""): True,
        "`CONTENT_FILTER`": end.finish == "CONTENT_FILTER",
        "tokens estimated": end.estimated,
    }
    return ", ".join(("answered", *(note for note, holds in notes.items() if note and holds)))


_SAYS = {
    Says.NOTHING: "without a text",
    Says.PART: "as far as it came",
    Says.TWICE: "the piece twice",
}


def _helped(row: Row, end: End | None) -> str:
    if end is None:
        return ""
    outcome = expected(row, Mode.LISTED, end)
    return "by the other" if outcome.tried[-1] == (BACKUP, "") else "the same"


def _retried(row: Row) -> str:
    ends = [end for end in (row.unary, row.stream) if end and not end.fine]
    if row.keys > 1 or not ends:
        return ""
    return "yes" if any(end.again for end in ends) else "no"


def _rule(row: Row) -> str:
    kinds = [end.on for end in (row.unary, row.stream) if end and end.on]
    return f"`{kinds[0]}`" if kinds and row.struck == row.keys else ""


def _callers() -> Iterator[str]:
    yield from _head("the caller", "what happens")
    for number, says, comes in CALLERS:
        yield _line(str(number), says, comes)


def _codes() -> Iterator[str]:
    yield "| reason | code |"
    yield "| --- | --- |"
    every = [end for row in ROWS for end in (row.unary, row.stream) if end and not end.fine]
    for reason, code in {end.reason: end.code for end in (*every, *OTHERS)}.items():
        yield _line(f"`{reason}`", f"`{code}`")


def _head(*names: str) -> Iterator[str]:
    yield _line("", *names)
    yield f"|{' --- |' * (len(names) + 1)}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _names() -> str:
    found = dict.fromkeys(row.made for row in ROWS if isinstance(row.made, Fault))
    names = ", ".join(f"`fault-{fault.value}`" for fault in found)
    return textwrap.fill(names, 100, break_on_hyphens=False)


def main(root: Path) -> None:
    """Write the page below `root`."""
    (root / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path.cwd())
