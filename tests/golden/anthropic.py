"""Invoices of Anthropic, at whose wire the input leaves out what the cache has to do with.

A token at USD 1 per million costs 1 000 nano-USD.
"""

from __future__ import annotations

from hexgate.domain.usage import Usage
from tests.golden.invoice import Invoice
from tests.golden.wires import ANTHROPIC

ANTHROPIC_INVOICES = (
    Invoice(
        "plain",
        ANTHROPIC,
        "claude-haiku-4-5-20251001",
        """{"input_tokens": 472, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 89, "service_tier": "standard", "inference_geo": "not_available"}""",
        Usage(uncached_input=472, output=89),
        # USD 1 in, 5 out.
        # 472 x 1 000 = 472 000
        #  89 x 5 000 = 445 000
        (472_000, 445_000),
    ),
    Invoice(
        "cached",
        ANTHROPIC,
        "claude-opus-4-5-20251101",
        """{"input_tokens": 17, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 18000,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 411, "service_tier": "standard"}""",
        Usage(uncached_input=17, cache_read=18_000, output=411),
        # USD 5 in, 0.50 read, 25 out.
        #     17 x  5 000 =     85 000
        # 18 000 x    500 =  9 000 000, in all 9 085 000
        #    411 x 25 000 = 10 275 000
        (9_085_000, 10_275_000),
    ),
    Invoice(
        "cache written for five minutes and for an hour, with thinking",
        ANTHROPIC,
        "claude-opus-4-5-20251101",
        """{"input_tokens": 21, "cache_creation_input_tokens": 2381, "cache_read_input_tokens": 600,
            "cache_creation": {"ephemeral_5m_input_tokens": 333, "ephemeral_1h_input_tokens": 2048},
            "output_tokens": 503, "output_tokens_details": {"thinking_tokens": 210},
            "service_tier": "standard"}""",
        Usage(
            uncached_input=21,
            cache_read=600,
            cache_write=333,
            cache_write_1h=2_048,
            output=503,
            reasoning=210,
        ),
        # USD 5 in, 0.50 read, 6.25 written, 10 for an hour, 25 out. The thinking is within.
        #    21 x  5 000 =    105 000
        #   600 x    500 =    300 000
        #   333 x  6 250 =  2 081 250
        # 2 048 x 10 000 = 20 480 000, in all 22 966 250
        #   503 x 25 000 = 12 575 000
        (22_966_250, 12_575_000),
    ),
    Invoice(
        "at the bound of the tier",
        ANTHROPIC,
        "claude-sonnet-4-5-20250929",
        """{"input_tokens": 1500, "cache_creation_input_tokens": 8500,
            "cache_read_input_tokens": 190000,
            "cache_creation": {"ephemeral_5m_input_tokens": 8500, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2000, "service_tier": "standard"}""",
        Usage(uncached_input=1_500, cache_read=190_000, cache_write=8_500, output=2_000),
        # USD 3 in, 0.30 read, 3.75 written, 15 out up to 200 000 tokens, the cached ones included.
        #   1 500 x  3 000 =  4 500 000
        # 190 000 x    300 = 57 000 000
        #   8 500 x  3 750 = 31 875 000, in all 93 375 000
        #   2 000 x 15 000 = 30 000 000
        (93_375_000, 30_000_000),
    ),
    Invoice(
        "one token above the bound",
        ANTHROPIC,
        "claude-sonnet-4-5-20250929",
        """{"input_tokens": 1500, "cache_creation_input_tokens": 8501,
            "cache_read_input_tokens": 190000,
            "cache_creation": {"ephemeral_5m_input_tokens": 8501, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2000, "service_tier": "standard"}""",
        Usage(uncached_input=1_500, cache_read=190_000, cache_write=8_501, output=2_000),
        # Twice that for all of the input, and USD 22.50 out.
        #   1 500 x  6 000 =   9 000 000
        # 190 000 x    600 = 114 000 000
        #   8 501 x  7 500 =  63 757 500, in all 186 757 500
        #   2 000 x 22 500 =  45 000 000
        (186_757_500, 45_000_000),
    ),
)
