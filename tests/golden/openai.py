"""Invoices of OpenAI, of Azure OpenAI and of a server that speaks their wire.

A token at USD 1 per million costs 1 000 nano-USD.
"""

from __future__ import annotations

from hexgate.domain.usage import Usage
from tests.golden.invoice import Invoice
from tests.golden.wires import AZURE, OPENAI, OPENAI_EMBEDDINGS, XAI

OPENAI_INVOICES = (
    Invoice(
        "plain",
        OPENAI,
        "gpt-4o-mini",
        """{"prompt_tokens": 1237, "completion_tokens": 57, "total_tokens": 1294,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=1_237, output=57),
        # USD 0.15 in, 0.60 out per million.
        # 1 237 x 150 = 185 550
        #    57 x 600 =  34 200
        (185_550, 34_200),
    ),
    Invoice(
        "cached",
        OPENAI,
        "gpt-4o-2024-08-06",
        """{"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=86, cache_read=1_920, output=300),
        # USD 2.50 in, 1.25 cached, 10 out. The cached are among the 2 006.
        #    86 x  2 500 =   215 000
        # 1 920 x  1 250 = 2 400 000, in all 2 615 000
        #   300 x 10 000 = 3 000 000
        (2_615_000, 3_000_000),
    ),
    Invoice(
        "reasoning",
        OPENAI,
        "gpt-5-mini",
        """{"prompt_tokens": 75, "completion_tokens": 1186, "total_tokens": 1261,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 1024, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=75, output=1_186, reasoning=1_024),
        # USD 0.25 in, 2 out. The reasoning is among the 1 186.
        #    75 x   250 =    18 750
        # 1 186 x 2 000 = 2 372 000
        (18_750, 2_372_000),
    ),
    Invoice(
        "cache written, at the bound of the tier",
        OPENAI,
        "gpt-6-sol",
        """{"prompt_tokens": 272000, "completion_tokens": 1000, "total_tokens": 273000,
            "prompt_tokens_details": {"cached_tokens": 250000, "cache_write_tokens": 12000},
            "completion_tokens_details": {"reasoning_tokens": 640}}""",
        Usage(
            uncached_input=10_000,
            cache_read=250_000,
            cache_write=12_000,
            output=1_000,
            reasoning=640,
        ),
        # USD 2 in, 0.20 read, 2.50 written, 10 out up to 272 000 tokens of input.
        #  10 000 x  2 000 =  20 000 000
        # 250 000 x    200 =  50 000 000
        #  12 000 x  2 500 =  30 000 000, in all 100 000 000
        #   1 000 x 10 000 =  10 000 000
        (100_000_000, 10_000_000),
    ),
    Invoice(
        "cache written, one token above the bound",
        OPENAI,
        "gpt-6-sol",
        """{"prompt_tokens": 272001, "completion_tokens": 1000, "total_tokens": 273001,
            "prompt_tokens_details": {"cached_tokens": 250000, "cache_write_tokens": 12000},
            "completion_tokens_details": {"reasoning_tokens": 640}}""",
        Usage(
            uncached_input=10_001,
            cache_read=250_000,
            cache_write=12_000,
            output=1_000,
            reasoning=640,
        ),
        # Twice that for all of the input, and USD 15 out.
        #  10 001 x  4 000 =  40 004 000
        # 250 000 x    400 = 100 000 000
        #  12 000 x  5 000 =  60 000 000, in all 200 004 000
        #   1 000 x 15 000 =  15 000 000
        (200_004_000, 15_000_000),
    ),
    Invoice(
        "audio in and out",
        OPENAI,
        "gpt-audio",
        """{"prompt_tokens": 118, "completion_tokens": 340, "total_tokens": 458,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 107, "text_tokens": 11,
                "image_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 280,
                "text_tokens": 60}}""",
        Usage(uncached_input=11, audio_input=107, output=60, audio_output=280),
        # USD 2.50 in and 10 out for text, 32 in and 64 out for audio.
        #  11 x  2 500 =     27 500
        # 107 x 32 000 =  3 424 000, in all 3 451 500
        #  60 x 10 000 =    600 000
        # 280 x 64 000 = 17 920 000, in all 18 520 000
        (3_451_500, 18_520_000),
    ),
    Invoice(
        "an image, which costs what text does",
        OPENAI,
        "gpt-4.1",
        """{"prompt_tokens": 1118, "completion_tokens": 90, "total_tokens": 1208,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "image_tokens": 1105,
                "text_tokens": 13},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}""",
        Usage(uncached_input=13, image_input=1_105, output=90),
        # USD 2 in, 8 out.
        # (13 + 1 105) x 2 000 = 2 236 000
        #           90 x 8 000 =   720 000
        (2_236_000, 720_000),
    ),
    Invoice(
        "embeddings",
        OPENAI_EMBEDDINGS,
        "text-embedding-3-small",
        """{"prompt_tokens": 8191, "total_tokens": 8191}""",
        Usage(uncached_input=8_191),
        # USD 0.02.
        # 8 191 x 20 = 163 820
        (163_820, 0),
    ),
    Invoice(
        "reasoning beside the output, as xAI counts",
        XAI,
        "grok-4",
        """{"prompt_tokens": 10, "completion_tokens": 1328, "total_tokens": 1645,
            "prompt_tokens_details": {"text_tokens": 10, "audio_tokens": 0, "image_tokens": 0,
                "cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 307, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=8, cache_read=2, output=1_635, reasoning=307),
        # USD 3 in, 0.75 cached, 15 out; 10 + 1 328 + 307 = 1 645, so the reasoning is not within.
        #     8 x  3 000 =     24 000
        #     2 x    750 =      1 500, in all 25 500
        # 1 635 x 15 000 = 24 525 000
        (25_500, 24_525_000),
    ),
)

AZURE_INVOICES = (
    Invoice(
        "plain",
        AZURE,
        "gpt-4o-mini",
        """{"prompt_tokens": 640, "completion_tokens": 31, "total_tokens": 671}""",
        Usage(uncached_input=640, output=31),
        # USD 0.15 in, 0.60 out.
        # 640 x 150 = 96 000
        #  31 x 600 = 18 600
        (96_000, 18_600),
    ),
    Invoice(
        "cached",
        AZURE,
        "gpt-4.1",
        """{"prompt_tokens": 3000, "completion_tokens": 120, "total_tokens": 3120,
            "prompt_tokens_details": {"cached_tokens": 2560, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=440, cache_read=2_560, output=120),
        # USD 2 in, 0.50 cached, 8 out.
        #   440 x 2 000 =   880 000
        # 2 560 x   500 = 1 280 000, in all 2 160 000
        #   120 x 8 000 =   960 000
        (2_160_000, 960_000),
    ),
    Invoice(
        "reasoning",
        AZURE,
        "o3-2025-04-16",
        """{"prompt_tokens": 91, "completion_tokens": 860, "total_tokens": 951,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 768, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}""",
        Usage(uncached_input=91, output=860, reasoning=768),
        # USD 2 in, 8 out.
        #  91 x 2 000 =   182 000
        # 860 x 8 000 = 6 880 000
        (182_000, 6_880_000),
    ),
    Invoice(
        "audio in",
        AZURE,
        "phi-4-multimodal-instruct",
        """{"prompt_tokens": 1390, "completion_tokens": 77, "total_tokens": 1467,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 1250},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}""",
        Usage(uncached_input=140, audio_input=1_250, output=77),
        # USD 0.08 in and 0.32 out for text, 4 in for audio.
        #   140 x    80 =    11 200
        # 1 250 x 4 000 = 5 000 000, in all 5 011 200
        #    77 x   320 =    24 640
        (5_011_200, 24_640),
    ),
)
