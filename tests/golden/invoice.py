"""An invoice: what an answer said was used, and what that costs, worked out by hand."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from datetime import UTC, datetime

from hexgate.adapters.catalog.compiled import Catalog
from hexgate.domain.catalog import Target
from hexgate.domain.price import Price
from hexgate.domain.usage import Usage
from hexgate.entrypoints.engines import build_catalog
from hexgate.entrypoints.settings import Settings
from tests.fakes import FakeClock
from tests.golden.wires import Block, Wire

NOVEMBER = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEY = {"api_key": "k"}
PROVIDERS: dict[str, dict[str, str]] = {
    "openai": KEY,
    "azure": {**KEY, "base_url": "https://x.openai.azure.com"},
    "anthropic": KEY,
    "cohere": KEY,
    "gemini": KEY,
    "vertex": {"project": "p", "location": "us-east5"},
    "bedrock": {"region": "us-east-1"},
    "ollama": {},
    "xai": KEY,
}
# What the table has no price for, or not all of it: Cohere bills the tokens of images apart.
CARDS = {
    "cohere/embed-v4.0": {
        "price": {
            "input_usd_per_mtok": "0.12",
            "output_usd_per_mtok": "0",
            "image_input_usd_per_mtok": "0.47",
        }
    },
    "ollama/gpt-oss:120b-cloud": {
        "price": {"input_usd_per_mtok": "0.15", "output_usd_per_mtok": "0.6"}
    },
}


@functools.cache
def gateway(moment: datetime) -> Catalog:
    """The prices that a gateway with all providers knows at a moment."""
    settings = Settings.model_validate(
        {
            "providers": {kind: {"kind": kind, **more} for kind, more in PROVIDERS.items()},
            "models": {"cards": CARDS},
        }
    )
    return build_catalog(settings, FakeClock(now=moment.timestamp()))


@dataclass(frozen=True, slots=True)
class Invoice:
    """`nanos` are the input's and the output's, in nano-USD; `block` is the JSON of the wire.

    `differs` is why the package of prices reads another usage, and is wrong.
    """

    name: str
    wire: Wire
    model: str
    block: str
    usage: Usage
    nanos: tuple[int, int]
    differs: str = ""
    moment: datetime = NOVEMBER

    def __str__(self) -> str:
        return f"{self.wire.kind}: {self.name}"

    @property
    def said(self) -> Block:
        """The block."""
        block: Block = json.loads(self.block)
        return block

    @property
    def price(self) -> Price:
        """What the gateway knows of the model's price at that moment."""
        price = gateway(self.moment).card(Target(self.wire.kind, self.model)).price
        assert price is not None
        return price
