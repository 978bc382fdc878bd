"""Invoices of Cohere, Bedrock and Ollama.

A token at USD 1 per million costs 1 000 nano-USD.
"""

from __future__ import annotations

from hexgate.domain.usage import Usage
from tests.golden.invoice import Invoice
from tests.golden.wires import BEDROCK, BEDROCK_EMBEDDINGS, COHERE, COHERE_EMBEDDINGS, OLLAMA

COHERE_INVOICES = (
    Invoice(
        "billed for less than was read",
        COHERE,
        "command-a-03-2025",
        """{"billed_units": {"input_tokens": 25.0, "output_tokens": 182.0},
            "tokens": {"input_tokens": 520.0, "output_tokens": 186.0}, "cached_tokens": 464.0}""",
        Usage(uncached_input=25, output=182),
        # USD 2.50 in, 10 out, for what is billed.
        #  25 x  2 500 =    62 500
        # 182 x 10 000 = 1 820 000
        (62_500, 1_820_000),
    ),
    Invoice(
        "half a nano, to the even one below",
        COHERE,
        "command-r7b-12-2024",
        """{"billed_units": {"input_tokens": 11, "output_tokens": 6},
            "tokens": {"input_tokens": 506, "output_tokens": 9}, "cached_tokens": 0}""",
        Usage(uncached_input=11, output=6),
        # USD 0.0375 in, 0.15 out.
        # 11 x  37.5 = 412.5, to 412
        #  6 x 150   = 900
        (412, 900),
    ),
    Invoice(
        "half a nano, to the even one above",
        COHERE,
        "command-r7b-12-2024",
        """{"billed_units": {"input_tokens": 13, "output_tokens": 6},
            "tokens": {"input_tokens": 508, "output_tokens": 9}, "cached_tokens": 0}""",
        Usage(uncached_input=13, output=6),
        # 13 x  37.5 = 487.5, to 488
        (488, 900),
    ),
    Invoice(
        "embeddings of text",
        COHERE_EMBEDDINGS,
        "embed-v4.0",
        """{"input_tokens": 1003}""",
        Usage(uncached_input=1_003),
        # USD 0.12, as configured.
        # 1 003 x 120 = 120 360
        (120_360, 0),
    ),
    Invoice(
        "embeddings of an image",
        COHERE_EMBEDDINGS,
        "embed-v4.0",
        """{"input_tokens": 3, "image_tokens": 1610}""",
        Usage(uncached_input=3, image_input=1_610),
        # USD 0.12 for text, 0.47 for images, as configured.
        #     3 x 120 =     360
        # 1 610 x 470 = 756 700, in all 757 060
        (757_060, 0),
        differs="it reads input_tokens alone; the reference calls image_tokens the number of "
        "billed image tokens",
    ),
)

BEDROCK_INVOICES = (
    Invoice(
        "plain",
        BEDROCK,
        "us.amazon.nova-lite-v1:0",
        """{"inputTokens": 1511, "outputTokens": 97, "totalTokens": 1608}""",
        Usage(uncached_input=1_511, output=97),
        # USD 0.06 in, 0.24 out.
        # 1 511 x  60 = 90 660
        #    97 x 240 = 23 280
        (90_660, 23_280),
    ),
    Invoice(
        "cached",
        BEDROCK,
        "us.amazon.nova-lite-v1:0",
        """{"inputTokens": 21, "outputTokens": 9, "totalTokens": 1230,
            "cacheReadInputTokens": 1200, "cacheWriteInputTokens": 0, "cacheDetails": []}""",
        Usage(uncached_input=21, cache_read=1_200, output=9),
        # USD 0.06 in, 0.015 read, 0.24 out.
        #    21 x  60 =  1 260
        # 1 200 x  15 = 18 000, in all 19 260
        #     9 x 240 =  2 160
        (19_260, 2_160),
    ),
    Invoice(
        "Claude, its cache written for five minutes and for an hour",
        BEDROCK,
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        """{"inputTokens": 21, "outputTokens": 9, "totalTokens": 1930,
            "cacheReadInputTokens": 1200, "cacheWriteInputTokens": 700,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 500},
                {"ttl": "5m", "inputTokens": 200}]}""",
        Usage(uncached_input=21, cache_read=1_200, cache_write=200, cache_write_1h=500, output=9),
        # A tenth more than elsewhere: USD 3.30 in, 0.33 read, 4.125 written, 6.60 for an hour,
        # 16.50 out.
        #    21 x  3 300 =    69 300
        # 1 200 x    330 =   396 000
        #   200 x  4 125 =   825 000
        #   500 x  6 600 = 3 300 000, in all 4 590 300
        #     9 x 16 500 =   148 500
        (4_590_300, 148_500),
    ),
    Invoice(
        "at the bound of the tier",
        BEDROCK,
        "us.anthropic.claude-haiku-5-5",
        """{"inputTokens": 1000, "outputTokens": 300, "totalTokens": 100300,
            "cacheReadInputTokens": 99000, "cacheWriteInputTokens": 0}""",
        Usage(uncached_input=1_000, cache_read=99_000, output=300),
        # USD 0.11 in, 0.011 read, 0.55 out up to 100 000 tokens.
        #  1 000 x 110 =   110 000
        # 99 000 x  11 = 1 089 000, in all 1 199 000
        #    300 x 550 =   165 000
        (1_199_000, 165_000),
    ),
    Invoice(
        "one token above the bound",
        BEDROCK,
        "us.anthropic.claude-haiku-5-5",
        """{"inputTokens": 1001, "outputTokens": 300, "totalTokens": 100301,
            "cacheReadInputTokens": 99000, "cacheWriteInputTokens": 0}""",
        Usage(uncached_input=1_001, cache_read=99_000, output=300),
        # Five times that.
        #  1 001 x   550 =   550 550
        # 99 000 x    55 = 5 445 000, in all 5 995 550
        #    300 x 2 750 =   825 000
        (5_995_550, 825_000),
    ),
    Invoice(
        "embeddings",
        BEDROCK_EMBEDDINGS,
        "amazon.titan-embed-text-v2:0",
        """{"inputTextTokenCount": 512}""",
        Usage(uncached_input=512),
        # USD 0.02.
        # 512 x 20 = 10 240
        (10_240, 0),
    ),
)

OLLAMA_INVOICES = (
    Invoice(
        "one's own machine",
        OLLAMA,
        "llama3.2:3b",
        """{"total_duration": 4883583458, "load_duration": 1334875, "prompt_eval_count": 26,
            "prompt_eval_duration": 342546000, "eval_count": 5, "eval_duration": 4535599000}""",
        Usage(uncached_input=26, output=5),
        # Sends no invoice: that is known, and zero.
        (0, 0),
    ),
    Invoice(
        "a rented one",
        OLLAMA,
        "gpt-oss:120b-cloud",
        """{"total_duration": 4883583458, "prompt_eval_count": 26, "eval_count": 5}""",
        Usage(uncached_input=26, output=5),
        # USD 0.15 in, 0.60 out, as configured.
        # 26 x 150 = 3 900
        #  5 x 600 = 3 000
        (3_900, 3_000),
    ),
)
