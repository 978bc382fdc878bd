"""What every Observer must do."""

from __future__ import annotations

import abc

from hexgate.domain.attempts import Attempt
from hexgate.domain.ledger import CallState, Intent, Settlement
from hexgate.domain.price import Cost
from hexgate.domain.usage import Usage
from hexgate.ports.observer import Observer

INTENT = Intent(
    call_id="0190-call",
    tenant="acme",
    requested_model="fast",
    provider="openai",
    model="gpt-x",
    hold_nanos=5_000,
    price_known=True,
    started_at=1_800_000_000.0,
    expires_at=1_800_000_600.0,
    session_id="session-7",
    end_user_id="user-3",
    labels={"team": "search", "note": "confidential"},
    streamed=True,
)


def settlement(state: CallState = CallState.SETTLED, **overrides: object) -> Settlement:
    """The outcome of INTENT: answered after 1.5 seconds, first token after a quarter second."""
    fields: dict[str, object] = {
        "call_id": INTENT.call_id,
        "state": state,
        "usage": Usage(uncached_input=7, cache_read=3, output=5),
        "cost": Cost(input_nanos=100, output_nanos=200, wasted_nanos=1, price_version="p1"),
        "provider": "openai",
        "model": "gpt-x",
        "ended_at": INTENT.started_at + 1.5,
        "first_token_at": INTENT.started_at + 0.25,
        "finish": "stop",
        "attempts": (
            Attempt(provider="openai", model="gpt-x", failure="PROVIDER_TIMEOUT"),
            Attempt(provider="openai", model="gpt-x"),
        ),
    }
    return Settlement(**(fields | overrides))  # type: ignore[arg-type] # a test names what it sets


class ObserverContract(abc.ABC):
    """Subclasses give an observer, and one whose outlet is broken."""

    @abc.abstractmethod
    def make(self) -> Observer:
        """An observer that works."""

    @abc.abstractmethod
    def broken(self) -> Observer:
        """An observer whose file, socket or registry fails at every use."""

    def test_is_told_of_every_way_to_end(self) -> None:
        observer = self.make()
        for state in CallState:
            observer.ended(INTENT, settlement(state, failure="", first_token_at=None))
            observer.ended(INTENT, settlement(state, failure="RATE_LIMITED", attempts=()))

    def test_is_told_of_a_call_that_reached_no_provider(self) -> None:
        nothing = settlement(
            CallState.FAILED,
            usage=Usage(),
            cost=Cost(unknown=True),
            provider="",
            model="",
            first_token_at=None,
            finish="",
            attempts=(),
        )
        self.make().ended(INTENT, nothing)

    def test_survives_a_clock_that_was_set_back(self) -> None:
        early = settlement(ended_at=INTENT.started_at - 60, first_token_at=INTENT.started_at - 61)
        self.make().ended(INTENT, early)

    def test_never_raises_even_when_it_cannot_tell_anybody(self) -> None:
        self.broken().ended(INTENT, settlement())
