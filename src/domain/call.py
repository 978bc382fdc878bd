"""One call on its way: what is asked, how, by whom, and what was tried so far."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self

from hexgate.domain.answer import Warned
from hexgate.domain.attempts import Attempts
from hexgate.domain.conditions import Condition
from hexgate.domain.embed import EmbedSpec
from hexgate.domain.fallback import FAILING, Rule
from hexgate.domain.price import Price
from hexgate.domain.spec import Spec
from hexgate.domain.usage import Usage


class FallbackMode(enum.Enum):
    """What may happen when a target fails."""

    DISABLED = "disabled"
    BEFORE_OUTPUT = "before_output"
    RESTART_STREAM = "restart_stream"


class Objective(enum.Enum):
    """What to optimise among eligible targets."""

    COST = "cost"
    LATENCY = "latency"
    QUALITY = "quality"


class CacheMode(enum.Enum):
    """Reading and writing the response cache."""

    BYPASS = "bypass"
    READ_WRITE = "read_write"
    READ_ONLY = "read_only"
    REFRESH = "refresh"

    @property
    def reads(self) -> bool:
        """Whether an earlier answer may be returned."""
        return self in (CacheMode.READ_WRITE, CacheMode.READ_ONLY)

    @property
    def writes(self) -> bool:
        """Whether this answer may be kept."""
        return self in (CacheMode.READ_WRITE, CacheMode.REFRESH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Limits of one provider attempt, in seconds."""

    connect_s: float = 5.0
    first_token_s: float = 60.0
    between_tokens_s: float = 30.0
    attempt_s: float = 600.0

    def whole(self) -> Timeouts:
        """For an answer in one piece: its first byte comes when all of it has been written."""
        return Timeouts(
            connect_s=self.connect_s,
            first_token_s=self.attempt_s,
            between_tokens_s=self.between_tokens_s,
            attempt_s=self.attempt_s,
        )

    def tightened(self, other: Timeouts | None) -> Timeouts:
        """The smaller of each: a caller may shorten the gateway's limits, never lengthen them."""
        if other is None:
            return self
        return Timeouts(
            connect_s=min(self.connect_s, other.connect_s),
            first_token_s=min(self.first_token_s, other.first_token_s),
            between_tokens_s=min(self.between_tokens_s, other.between_tokens_s),
            attempt_s=min(self.attempt_s, other.attempt_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to answer: never part of what determines the answer."""

    end_user_id: str = ""
    agent_id: str = ""
    session_id: str = ""
    api_key: str = ""  # the id of the caller's key, never the key
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    allowed_providers: tuple[str, ...] = ()
    denied_providers: tuple[str, ...] = ()
    fallback_models: tuple[str, ...] = ()
    fallback_mode: FallbackMode = FallbackMode.BEFORE_OUTPUT
    max_attempts: int | None = None
    objective: Objective | None = None  # None is the route's own order
    preferred_models: tuple[str, ...] = ()
    affinity_key: str = ""  # empty is session_id
    hedge_after_s: float | None = None  # None is the gateway's default
    max_cost_nanos: int | None = None
    max_input_price: int | None = None  # nano-USD per million tokens
    max_output_price: int | None = None
    cache_mode: CacheMode | None = None  # None is the gateway's default
    cache_ttl_s: float | None = None
    cache_partition: str = ""
    include_raw: bool = False
    timeouts: Timeouts | None = None
    max_queue_wait_s: float = 0.0


@dataclass(slots=True)
class Hold:
    """What is held for a call, in nano-USD; `base_nanos` is for what runs at a time, the rest for
    what attempts before it may have been billed.
    """

    base_nanos: int = 0
    nanos: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One place this call may go, with what is particular to it."""

    provider: str
    model: str  # the provider's own identifier
    max_output_tokens: int
    context_tokens: int = 0  # 0 is not known
    price: Price | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    rule: Rule | None = None  # None: whoever stands before it in a plain list may fail to it

    def takes_over_on(self, condition: Condition) -> bool:
        """Whether a failure of this kind, at a target before it, may lead here."""
        return condition in (FAILING if self.rule is None else self.rule.on)

    def reads(self, tokens: int) -> int:
        """Of so many input tokens, those that it can read: no more than fit into its context. Where
        there is a price for longer inputs, the context is larger than it is said to be.
        """
        most = self.context_tokens
        tiers = () if self.price is None else self.price.tiers
        if not most or any(tier.above_input_tokens >= most for tier in tiers):
            return tokens
        return min(tokens, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call. `model` is the identifier of the provider that is being tried.

    `deadline` is on the clock's monotonic scale, in seconds, and always set. `max_output_tokens`
    is what leaves for the provider: the caller's wish, else the default, capped by the model; 0
    where nothing is written.
    `input_tokens` is an estimate, and `most_input_tokens` what it can be at the most; `hold` is
    what the ledger holds for the call. `hops` are the targets in the order in which they are
    tried, and `hop` is the place of the one that is. `hedged` marks a leg that runs beside another.
    `hedge_after_s` is when a second one starts; 0 is never. `warnings` are about the request.
    """

    call_id: str
    tenant: str
    model: str
    spec: Spec | EmbedSpec
    options: Options
    deadline: float
    attempts: Attempts
    max_output_tokens: int = 0
    timeouts: Timeouts = field(default_factory=Timeouts)
    input_tokens: int = 0
    most_input_tokens: int = 0
    hold: Hold = field(default_factory=Hold)
    hops: tuple[Hop, ...] = ()
    hop: int = 0
    hedged: bool = False
    hedge_after_s: float = 0.0
    warnings: tuple[Warned, ...] = ()
    started: float = 0.0  # monotonic
    started_at: float = 0.0  # epoch

    @property
    def worst_tokens(self) -> int:
        """What limits reserve: the input and the longest answer allowed."""
        return self.input_tokens + self.max_output_tokens

    @property
    def presumed(self) -> Usage:
        """What a provider has charged for that was asked, as far as anybody knows: the input."""
        tokens = self.input_tokens
        if self.hops:
            tokens = self.hops[self.hop].reads(tokens)
        return Usage(uncached_input=tokens, estimated=True)

    @property
    def spare(self) -> int:
        """How many attempts of the budget the present target leaves to others.

        One while there is a later target that may need it; where its rule has a bound, also what is
        beyond that, and one within it for the next target of the rule.
        """
        rule, later = self.hops[self.hop].rule, self.hops[self.hop + 1 :]
        if rule is None or rule.max_attempts is None:
            return _reserve(later)
        own = [hop for hop in later if hop.rule is not None and hop.rule.same(rule)]
        return max(_reserve(later), self._beyond(rule) + _reserve(own))

    def affords(self, place: int) -> bool:
        """Whether the budget, and the bound of its rule, leave the target there an attempt."""
        return self.attempts.left > self._beyond(self.hops[place].rule)

    def following(self, condition: Condition) -> int | None:
        """The place of the next target that takes over on this condition and may be tried, or None.

        It is one after the present, and not the same again by a rule.
        """
        present = self.hops[self.hop]
        for place in range(self.hop + 1, len(self.hops)):
            hop = self.hops[place]
            same = hop.model == present.model and hop.provider == present.provider
            if hop.takes_over_on(condition) and not same and self.affords(place):
                return place
        return None

    def stays(self, condition: Condition) -> bool:
        """Whether the present target may be tried again before the next takes over."""
        place = self.following(condition)
        rule = None if place is None else self.hops[place].rule
        return self.attempts.left > self.spare and (rule is None or rule.retry_original)

    def to(self, place: int) -> Self:
        """This call, aimed at the hop of that place. It starts out aimed at the first."""
        if place == self.hop:
            return self
        hop = self.hops[place]
        return replace(
            self,
            hop=place,
            model=hop.model,
            max_output_tokens=hop.max_output_tokens,
            timeouts=hop.timeouts,
        )

    def _beyond(self, rule: Rule | None) -> int:
        """How much of the budget is not for the targets of this rule."""
        if rule is None or rule.max_attempts is None:
            return 0
        tried = (self.hops[one.hop].rule for one in self.attempts.done)
        made = sum(other is not None and other.same(rule) for other in tried)
        return max(0, self.attempts.left - max(0, rule.max_attempts - made))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall(Call):
    """A call for a completion."""

    spec: Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedCall(Call):
    """A call for embeddings."""

    spec: EmbedSpec


def _reserve(later: Iterable[Hop]) -> int:
    """What takes over only on what is never tried again at the same target needs no reserve."""
    return int(any(hop.rule is None or hop.rule.on & FAILING for hop in later))
