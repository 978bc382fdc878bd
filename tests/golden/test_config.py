"""Prices of a configuration, with days and tiers: what the same answers cost, by hand.

A token at USD 1 per million costs 1 000 nano-USD.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hexgate.domain.catalog import Target
from hexgate.domain.price import Price, cost
from hexgate.domain.usage import Usage
from hexgate.entrypoints.config.load import load
from hexgate.entrypoints.engines import build_catalog
from tests.fakes import FakeClock
from tests.golden.wires import OPENAI

TEXT = """
providers:
  lab: {kind: openai_compatible, base_url: "http://127.0.0.1:9000/v1"}
  openai: {kind: openai, api_key: k}
models:
  cards:
    lab/omni:
      prices:
        - input_usd_per_mtok: 0.0375
          output_usd_per_mtok: 0.15
        - from: 2026-12-01
          input_usd_per_mtok: 0.05
          output_usd_per_mtok: 0.2
          cache_read_usd_per_mtok: 0.005
          audio_input_usd_per_mtok: 1.5
          audio_output_usd_per_mtok: 3
          tiers:
            - above_input_tokens: 1000
              input_usd_per_mtok: 0.1
              output_usd_per_mtok: 0.3
              audio_input_usd_per_mtok: 2
    openai/gpt-4o-mini:
      prices:
        - {from: 2026-12-01, input_usd_per_mtok: 0.12, output_usd_per_mtok: 0.48}
"""
SHORT = {
    "prompt_tokens": 1000,
    "completion_tokens": 101,
    "prompt_tokens_details": {"audio_tokens": 300, "cached_tokens": 0},
    "completion_tokens_details": {"audio_tokens": 40},
}
LONG = {**SHORT, "prompt_tokens": 1001}
NOVEMBER, DECEMBER = (
    datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 12, 1, tzinfo=UTC),
)


def price_at(moment: datetime, tmp_path: Path, name: str = "lab/omni") -> Price:
    """What a gateway with this configuration knows at a moment."""
    file = tmp_path / "hexgate.yaml"
    file.write_text(TEXT)
    catalog = build_catalog(load(file, {}, dotenv=None), FakeClock(now=moment.timestamp()))
    price = catalog.card(Target(*name.split("/"))).price
    assert price is not None
    return price


def used(block: dict[str, object]) -> Usage:
    usage = OPENAI.read("omni", block)
    assert usage is not None
    return usage


def test_the_dialect_reads_the_same_whatever_the_price() -> None:
    assert used(SHORT) == Usage(uncached_input=700, audio_input=300, output=61, audio_output=40)
    assert used(LONG) == Usage(uncached_input=701, audio_input=300, output=61, audio_output=40)


@pytest.mark.parametrize(
    ("moment", "block", "nanos"),
    [
        # All of 1 000 x  37.5 = 37 500; all of 101 x 150 = 15 150.
        (NOVEMBER, SHORT, (37_500, 15_150)),
        # 1 001 x 37.5 = 37 537.5, half to the even 37 538.
        (NOVEMBER, LONG, (37_538, 15_150)),
        # 700 x 50 = 35 000, 300 x 1 500 = 450 000; 61 x 200 = 12 200, 40 x 3 000 = 120 000.
        (DECEMBER, SHORT, (485_000, 132_200)),
        # Above 1 000 tokens, the audio among them: 701 x 100 = 70 100, 300 x 2 000 = 600 000. The
        # tier has no price for speech: (61 + 40) x 300 = 30 300.
        (DECEMBER, LONG, (670_100, 30_300)),
    ],
)
def test_what_an_answer_costs_on_either_day_and_side_of_a_tier(
    moment: datetime, block: dict[str, object], nanos: tuple[int, int], tmp_path: Path
) -> None:
    bill = cost(used(block), price_at(moment, tmp_path))
    assert (bill.input_nanos, bill.output_nanos) == nanos
    assert bill.price_version.startswith("config ")
    assert not bill.estimated


def test_the_version_in_the_ledger_tells_which_of_the_prices_it_was(tmp_path: Path) -> None:
    before, after = price_at(NOVEMBER, tmp_path), price_at(DECEMBER, tmp_path)
    assert before.version != after.version


def test_until_its_first_day_a_configured_price_leaves_the_built_in_one(tmp_path: Path) -> None:
    usage = Usage(uncached_input=100, output=10)
    # USD 0.15 and 0.60 by the table: 100 x 150 = 15 000, 10 x 600 = 6 000.
    before = cost(usage, price_at(NOVEMBER, tmp_path, "openai/gpt-4o-mini"))
    assert (before.input_nanos, before.output_nanos) == (15_000, 6_000)
    assert before.price_version.startswith("genai-prices ")
    # As configured: 100 x 120 = 12 000, 10 x 480 = 4 800.
    after = cost(usage, price_at(DECEMBER, tmp_path, "openai/gpt-4o-mini"))
    assert (after.input_nanos, after.output_nanos) == (12_000, 4_800)
