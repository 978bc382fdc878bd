"""Everything that can be made to go wrong: names, what happens, and which lesson asks for it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

DEFAULT_AFTER = 3


class Fault(enum.Enum):
    """One way to go wrong. The value is the name, as in the model name `fault-<name>`.

    In a whole answer, faults of a stream hit the body after its first half; those of an error
    event are the error as the answer; `duplicate-*` and `out-of-order` do nothing.
    """

    HANG_BEFORE_HEADERS = "hang-before-headers"
    HANG_AFTER_HEADERS = "hang-after-headers"
    HANG_MID_STREAM = "hang-mid-stream"
    RESET_BEFORE_HEADERS = "reset-before-headers"
    CLOSE_BEFORE_HEADERS = "close-before-headers"
    RESET_MID_STREAM = "reset-mid-stream"
    CLOSE_MID_STREAM = "close-mid-stream"
    CUT_MID_STREAM = "cut-mid-stream"
    NO_USAGE = "no-usage"
    BAD_JSON = "bad-json"
    ERROR_BEFORE_OUTPUT = "error-before-output"
    ERROR_AFTER_OUTPUT = "error-after-output"
    LIMITED_SECONDS = "limited-seconds"
    LIMITED_DATE = "limited-date"
    LIMITED_MS = "limited-ms"
    LIMITED_BODY = "limited-body"
    LIMITED = "limited"
    ERROR_500 = "error-500"
    ERROR_502 = "error-502"
    ERROR_503 = "error-503"
    ERROR_504 = "error-504"
    ERROR_529 = "error-529"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    QUOTA = "quota"
    SPEND_LIMIT = "spend-limit"
    MODEL_GONE = "model-gone"
    CONTEXT_TOO_LONG = "context-too-long"
    FILTER_PROMPT = "filter-prompt"
    FILTER_BEFORE_OUTPUT = "filter-before-output"
    FILTER_AT_END = "filter-at-end"
    EMPTY = "empty"
    HTML = "html"
    HTML_502 = "html-502"
    GIANT_HEADERS = "giant-headers"
    GIANT_BODY = "giant-body"
    ENDLESS_LINE = "endless-line"
    SLOW_DRIP = "slow-drip"
    WRONG_LENGTH = "wrong-length"
    BAD_GZIP = "bad-gzip"
    BAD_CHUNKING = "bad-chunking"
    SPLIT_BYTES = "split-bytes"
    DUPLICATE_EVENT = "duplicate-event"
    DUPLICATE_END = "duplicate-end"
    OUT_OF_ORDER = "out-of-order"

    @property
    def lesson(self) -> int:
        """The number of the fault in the project's list of faults a call must survive."""
        return TABLE[self][0]

    @property
    def says(self) -> str:
        """One line for people."""
        return TABLE[self][1]


# Refused connections, names that do not resolve, failing TLS and connects that hang (1 to 4)
# cannot be simulated by a server that listens.
TABLE: dict[Fault, tuple[int, str]] = {
    Fault.HANG_BEFORE_HEADERS: (5, "accepts the request, then is silent"),
    Fault.HANG_AFTER_HEADERS: (6, "sends the headers, then is silent"),
    Fault.HANG_MID_STREAM: (7, "sends some of the output, then is silent"),
    Fault.RESET_BEFORE_HEADERS: (8, "resets the connection instead of answering"),
    Fault.CLOSE_BEFORE_HEADERS: (8, "closes the connection instead of answering"),
    Fault.RESET_MID_STREAM: (9, "sends some of the output, then resets the connection"),
    Fault.CLOSE_MID_STREAM: (10, "ends the body properly, but before the terminal marker"),
    Fault.CUT_MID_STREAM: (10, "closes the connection in the middle of the body"),
    Fault.NO_USAGE: (11, "a good answer without token counts"),
    Fault.BAD_JSON: (12, "one event, or the body, is broken JSON"),
    Fault.ERROR_BEFORE_OUTPUT: (13, "status 200, then an error event before any output"),
    Fault.ERROR_AFTER_OUTPUT: (14, "status 200, some output, then an error event"),
    Fault.LIMITED_SECONDS: (15, "429 with Retry-After in seconds"),
    Fault.LIMITED_DATE: (15, "429 with Retry-After as a date"),
    Fault.LIMITED_MS: (15, "429 with Retry-After-Ms"),
    Fault.LIMITED_BODY: (15, "429 that says when to retry in its message alone"),
    Fault.LIMITED: (15, "429 that does not say when to retry"),
    Fault.ERROR_500: (16, "500 internal error"),
    Fault.ERROR_502: (16, "502 bad gateway"),
    Fault.ERROR_503: (16, "503 unavailable"),
    Fault.ERROR_504: (16, "504 timeout"),
    Fault.ERROR_529: (16, "529 overloaded"),
    Fault.UNAUTHORIZED: (17, "401, the key is wrong"),
    Fault.FORBIDDEN: (17, "403, the key may not do this"),
    Fault.QUOTA: (18, "the account has no credit left"),
    Fault.SPEND_LIMIT: (18, "429 because a spending limit is reached: waiting does not help"),
    Fault.MODEL_GONE: (19, "404, the model is no more"),
    Fault.CONTEXT_TOO_LONG: (20, "400, the prompt does not fit the context window"),
    Fault.FILTER_PROMPT: (21, "400, the prompt is refused by a content filter"),
    Fault.FILTER_BEFORE_OUTPUT: (21, "ends at once, filtered, without any output"),
    Fault.FILTER_AT_END: (21, "some output, then the content filter ends it"),
    Fault.EMPTY: (22, "a proper answer that says nothing"),
    Fault.HTML: (23, "200 with an HTML page"),
    Fault.HTML_502: (23, "502 with an HTML page, as a load balancer sends it"),
    Fault.GIANT_HEADERS: (24, "headers without end"),
    Fault.GIANT_BODY: (24, "a body without end, of many lines"),
    Fault.ENDLESS_LINE: (24, "a body that is one line without end"),
    Fault.SLOW_DRIP: (25, "a good answer, byte by byte with pauses"),
    Fault.WRONG_LENGTH: (26, "Content-Length is larger than the body"),
    Fault.BAD_GZIP: (26, "Content-Encoding is gzip, the body is not"),
    Fault.BAD_CHUNKING: (26, "a chunk size that is no number"),
    Fault.SPLIT_BYTES: (27, "a good answer, every byte in a chunk of its own"),
    Fault.DUPLICATE_EVENT: (28, "a piece of output comes twice"),
    Fault.DUPLICATE_END: (28, "the end of the answer comes twice"),
    Fault.OUT_OF_ORDER: (28, "the end of the answer comes before its last pieces"),
}
BY_NAME = {fault.value: fault for fault in Fault}


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one request: nothing, or a fault.

    Faults in mid-stream strike after `after` pieces of output, or after all if there are fewer.
    """

    fault: Fault | None = None
    after: int = DEFAULT_AFTER


OK = Plan()


def planned(wish: Plan | Fault | str | None) -> Plan:
    """A plan, written short: a fault or its name; `ok` or None for a good answer."""
    if isinstance(wish, Plan):
        return wish
    if wish is None or wish == "ok":
        return OK
    return Plan(named(wish))


def named(wish: Fault | str) -> Fault:
    """The fault with that name. Raises ValueError, which lists the names."""
    if isinstance(wish, Fault):
        return wish
    if wish not in BY_NAME:
        raise ValueError(f"no fault is called {wish!r}; known are {', '.join(BY_NAME)}")
    return BY_NAME[wish]


def all_named(wishes: Iterable[Fault | str]) -> tuple[Fault, ...]:
    """Faults out of names; all that fail fast if there are none."""
    return tuple(map(named, wishes)) or QUICK


# Chosen at random when nothing is said: those that end by themselves at once.
QUICK = tuple(
    fault
    for fault in Fault
    if not fault.value.startswith(("hang", "slow", "giant", "endless", "split"))
)
