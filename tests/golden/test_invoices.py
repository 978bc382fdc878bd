"""What answers say was used costs what it costs by hand, to the nano-USD."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import genai_prices
import pytest

from hexgate.adapters.catalog.table import SOURCES
from hexgate.domain.price import Cost, cost
from hexgate.domain.usage import Usage
from tests.golden.anthropic import ANTHROPIC_INVOICES
from tests.golden.google import GEMINI_INVOICES, VERTEX_INVOICES
from tests.golden.invoice import PROVIDERS, Invoice
from tests.golden.openai import AZURE_INVOICES, OPENAI_INVOICES
from tests.golden.others import BEDROCK_INVOICES, COHERE_INVOICES, OLLAMA_INVOICES

INVOICES = (
    *OPENAI_INVOICES,
    *ANTHROPIC_INVOICES,
    *AZURE_INVOICES,
    *COHERE_INVOICES,
    *GEMINI_INVOICES,
    *BEDROCK_INVOICES,
    *VERTEX_INVOICES,
    *OLLAMA_INVOICES,
)
EACH = pytest.mark.parametrize("invoice", INVOICES, ids=str)
KNOWN = [invoice for invoice in INVOICES if invoice.wire.flavor]
# What the package counts and we do not: text, which is what is left over, what video and tools
# are within the input, and images within the cache.
ASIDE = ("text", "video", "tool", "cache_image")


def test_every_provider_is_there() -> None:
    assert {invoice.wire.kind for invoice in INVOICES} == set(PROVIDERS)


@EACH
def test_a_whole_answer_tells_what_was_used(invoice: Invoice) -> None:
    assert invoice.wire.read(invoice.model, invoice.said) == invoice.usage


@pytest.mark.parametrize(
    "invoice", [invoice for invoice in INVOICES if invoice.wire.stream], ids=str
)
def test_the_end_of_a_stream_tells_the_same(invoice: Invoice) -> None:
    assert invoice.wire.read(invoice.model, invoice.said, streamed=True) == invoice.usage


@EACH
def test_it_costs_what_it_costs_by_hand(invoice: Invoice) -> None:
    price = invoice.price
    expected = Cost(
        input_nanos=invoice.nanos[0],
        output_nanos=invoice.nanos[1],
        price_version=price.version,
    )
    assert cost(invoice.usage, price) == expected


def extracted(invoice: Invoice) -> genai_prices.Usage:
    """The usage that the package of prices reads from the same answer."""
    body = invoice.wire.whole(invoice.model, invoice.said)
    return genai_prices.extract_usage(
        body, provider_id=SOURCES[invoice.wire.kind].provider, api_flavor=invoice.wire.flavor
    ).usage


def ours(usage: Usage) -> dict[str, int]:
    """A usage in the words of the package, where the kinds of tokens lie within each other."""
    return {
        "input_tokens": usage.input,
        "cache_read_tokens": usage.cache_read + usage.audio_cache_read,
        "cache_write_tokens": usage.cache_write + usage.cache_write_1h,
        "cache_write_5m_tokens": usage.cache_write,
        "cache_write_1h_tokens": usage.cache_write_1h,
        "input_audio_tokens": usage.audio_input + usage.audio_cache_read,
        "cache_audio_read_tokens": usage.audio_cache_read,
        "input_image_tokens": usage.image_input,
        "output_tokens": usage.written,
        "output_audio_tokens": usage.audio_output,
        "output_reasoning_tokens": usage.reasoning,
    }


def theirs(invoice: Invoice) -> dict[str, Any]:
    """What the package found, without what we do not count."""
    found = vars(extracted(invoice))
    kept = {name: count for name, count in found.items() if not any(part in name for part in ASIDE)}
    if "input_image_tokens" in kept:  # it counts those from the cache among them
        kept["input_image_tokens"] -= found.get("cache_image_read_tokens", 0)
    return kept


def amounts(invoice: Invoice) -> tuple[int, int]:
    """What the package works out for what it read."""
    bill = genai_prices.calc_price(
        extracted(invoice),
        invoice.model,
        provider_id=SOURCES[invoice.wire.kind].provider,
        genai_request_timestamp=invoice.moment,
    )
    return round(Fraction(bill.input_price) * 10**9), round(Fraction(bill.output_price) * 10**9)


AGREED = [invoice for invoice in KNOWN if not invoice.differs]


@pytest.mark.parametrize("invoice", AGREED, ids=str)
def test_the_package_of_prices_reads_the_same_usage(invoice: Invoice) -> None:
    found = theirs(invoice)
    assert found
    assert found == {name: ours(invoice.usage)[name] for name in found}


@pytest.mark.parametrize(
    "invoice",
    [invoice for invoice in AGREED if invoice.price.version.startswith("genai-prices")],
    ids=str,
)
def test_the_package_of_prices_works_out_the_same_amounts(invoice: Invoice) -> None:
    assert amounts(invoice) == invoice.nanos


@pytest.mark.parametrize("invoice", [each for each in KNOWN if each.differs], ids=str)
def test_where_the_package_is_said_to_be_wrong_it_still_is(invoice: Invoice) -> None:
    assert amounts(invoice) != invoice.nanos
