"""Every fault, how it is made, and how one attempt ends that meets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from types import MappingProxyType

from hexgate.adapters.simulator import Fault
from tests.faults.ends import (
    EMPTY,
    FAILED,
    FILTERED_AFTER_OUTPUT,
    FILTERED_AT_END,
    FILTERED_AT_ONCE,
    FINE,
    GONE,
    LATE,
    NO_CONNECTION,
    NONSENSE,
    OVERLOADED,
    PACED,
    REFUSED,
    REJECTED,
    SPENT,
    TOO_LONG,
    TWICE,
    UNAVAILABLE,
    UNCOUNTED,
    End,
    Says,
    broken,
)
from tests.faults.places import Place

_NONE: Mapping[str, float] = MappingProxyType({})
_CONNECT: Mapping[str, float] = MappingProxyType({"connect_s": 0.4})
_BRIEF: Mapping[str, float] = MappingProxyType(
    {"first_token_s": 0.4, "between_tokens_s": 0.4, "attempt_s": 0.8}
)
_UNSENT = replace(LATE, counted=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault: its number in the list of those that a call must survive, and what comes of it.

    `unary` and `stream` are how one attempt ends that meets it; without `stream` both end alike,
    and None is what there is not. `made` of None is a provider that is well but slow: `pace_s`
    between two pieces. Of several `keys` the first `struck` meet it. `limits` are the provider's
    timeouts, and `asks_s` is the wait that it asks for.
    """

    number: int
    says: str
    made: Fault | Place | None
    unary: End | None
    _stream: End | None = None
    _: KW_ONLY
    limits: Mapping[str, float] = field(default_factory=lambda: _NONE)
    keys: int = 1
    struck: int = 1
    asks_s: float | None = None
    pace_s: float = 0.0

    @property
    def stream(self) -> End:
        """How a stream ends."""
        end = self._stream or self.unary
        assert end is not None
        return end

    def __str__(self) -> str:
        return f"{self.number}-{self.says.replace(' ', '-')}"


ROWS = (
    Row(1, "nobody listens", Place.CLOSED, NO_CONNECTION),
    Row(2, "the name is not known", Place.NO_SUCH_NAME, NO_CONNECTION),
    Row(2, "the name cannot be one", Place.NO_NAME, NO_CONNECTION),
    Row(3, "the server does not speak TLS", Place.NO_TLS, NO_CONNECTION),
    Row(3, "the certificate is not trusted", Place.SELF_SIGNED, NO_CONNECTION),
    Row(4, "the connection never stands", Place.FULL, _UNSENT, limits=_CONNECT),
    Row(4, "the TLS handshake never ends", Place.NO_HANDSHAKE, _UNSENT, limits=_CONNECT),
    Row(5, "silence before the headers", Fault.HANG_BEFORE_HEADERS, LATE, limits=_BRIEF),
    Row(6, "silence after the headers", Fault.HANG_AFTER_HEADERS, LATE, limits=_BRIEF),
    Row(
        7,
        "silence in the midst of the output",
        Fault.HANG_MID_STREAM,
        LATE,
        broken(LATE),
        limits=_BRIEF,
    ),
    Row(8, "a reset instead of an answer", Fault.RESET_BEFORE_HEADERS, NO_CONNECTION),
    Row(8, "the connection closes instead of an answer", Fault.CLOSE_BEFORE_HEADERS, NO_CONNECTION),
    Row(
        9,
        "a reset in the midst of the output",
        Fault.RESET_MID_STREAM,
        NO_CONNECTION,
        broken(NO_CONNECTION),
    ),
    Row(
        10,
        "the body ends properly before the answer does",
        Fault.CLOSE_MID_STREAM,
        NONSENSE,
        broken(NONSENSE),
    ),
    Row(
        10,
        "the connection closes in the midst of the output",
        Fault.CUT_MID_STREAM,
        NO_CONNECTION,
        broken(NO_CONNECTION),
    ),
    Row(11, "an answer without token counts", Fault.NO_USAGE, UNCOUNTED),
    Row(12, "broken JSON", Fault.BAD_JSON, NONSENSE, broken(NONSENSE)),
    Row(13, "an error in the stream, before any output", Fault.ERROR_BEFORE_OUTPUT, FAILED),
    Row(
        14,
        "an error in the stream, after some output",
        Fault.ERROR_AFTER_OUTPUT,
        FAILED,
        broken(FAILED),
    ),
    Row(15, "429, come back in so many seconds", Fault.LIMITED_SECONDS, PACED, asks_s=2),
    Row(15, "429, come back at that date", Fault.LIMITED_DATE, PACED, asks_s=2),
    Row(15, "429, come back in so many milliseconds", Fault.LIMITED_MS, PACED, asks_s=2),
    Row(15, "429, the wait in the message alone", Fault.LIMITED_BODY, PACED),
    Row(15, "429 that names no wait", Fault.LIMITED, PACED),
    Row(15, "429 for one of two keys", Fault.LIMITED, PACED, keys=2),
    Row(15, "429 for each of two keys", Fault.LIMITED, PACED, keys=2, struck=2),
    Row(16, "500", Fault.ERROR_500, FAILED),
    Row(16, "502", Fault.ERROR_502, FAILED),
    Row(16, "503", Fault.ERROR_503, UNAVAILABLE),
    Row(16, "504", Fault.ERROR_504, LATE),
    Row(16, "529", Fault.ERROR_529, OVERLOADED),
    Row(17, "401, the key is wrong", Fault.UNAUTHORIZED, REJECTED),
    Row(17, "403, the key may not do this", Fault.FORBIDDEN, REJECTED),
    Row(17, "401 for one of two keys", Fault.UNAUTHORIZED, REJECTED, keys=2),
    Row(17, "403 for one of two keys", Fault.FORBIDDEN, REJECTED, keys=2),
    Row(17, "401 for each of two keys", Fault.UNAUTHORIZED, REJECTED, keys=2, struck=2),
    Row(18, "the account has no credit left", Fault.QUOTA, SPENT),
    Row(18, "429 because a spending limit is reached", Fault.SPEND_LIMIT, SPENT),
    Row(18, "no credit for one of two keys", Fault.QUOTA, SPENT, keys=2),
    Row(19, "404, the model is no more", Fault.MODEL_GONE, GONE),
    Row(20, "the prompt does not fit the model", Fault.CONTEXT_TOO_LONG, TOO_LONG),
    Row(21, "a content filter refuses the prompt", Fault.FILTER_PROMPT, REFUSED),
    Row(
        21,
        "a content filter leaves nothing of the answer",
        Fault.FILTER_BEFORE_OUTPUT,
        FILTERED_AT_ONCE,
    ),
    Row(
        21,
        "a content filter ends the answer",
        Fault.FILTER_AT_END,
        FILTERED_AT_END,
        FILTERED_AFTER_OUTPUT,
    ),
    Row(22, "an answer that says nothing", Fault.EMPTY, EMPTY),
    Row(23, "200 with an HTML page", Fault.HTML, NONSENSE),
    Row(23, "502 with an HTML page", Fault.HTML_502, FAILED),
    Row(24, "headers without end", Fault.GIANT_HEADERS, NONSENSE),
    Row(24, "a body without end", Fault.GIANT_BODY, NONSENSE, broken(NONSENSE, Says.ODD)),
    Row(24, "one line without end", Fault.ENDLESS_LINE, NONSENSE),
    Row(25, "byte by byte, too slow to begin", Fault.SLOW_DRIP, LATE, limits=_BRIEF),
    Row(25, "piece by piece, too slow to end", None, None, broken(LATE), limits=_BRIEF, pace_s=0.2),
    Row(26, "a length larger than the body", Fault.WRONG_LENGTH, NO_CONNECTION, FINE),
    Row(26, "gzip that is none", Fault.BAD_GZIP, NONSENSE),
    Row(26, "chunks that are none", Fault.BAD_CHUNKING, NONSENSE),
    Row(27, "every byte for itself, within characters and lines", Fault.SPLIT_BYTES, FINE),
    Row(28, "a piece of output comes twice", Fault.DUPLICATE_EVENT, None, TWICE),
    Row(28, "the end comes twice", Fault.DUPLICATE_END, None, FINE),
    Row(28, "the end comes before the last pieces", Fault.OUT_OF_ORDER, None, broken(NONSENSE)),
)

_LEFT = (
    "the connection to the provider is closed at once and nothing more is tried; the ledger says "
    "`CANCELLED`"
)
CALLERS = (
    (
        29,
        "leaves before the answer, at any moment: in the queue, while the connection is made, "
        "before or after the headers, amid the body, at another key, while a retry or a rule "
        "waits, at the fallback, while two attempts run side by side",
        f"{_LEFT}, with the input as an estimate where a provider was at work",
    ),
    (29, "leaves a stream after any piece", f"{_LEFT}, with an estimate of what was delivered"),
    (29, "runs out of time", "`DEADLINE_EXCEEDED`; for the rest as if it had left"),
    (30, "reads a stream late", "it gets everything"),
    (
        30,
        "reads nothing of a stream for `server.write_timeout_s`",
        "`SLOW_READER`; the connection to the provider is closed, the ledger has what was used",
    ),
)
"""What the other side of the gateway does: number, what, and what happens then."""
