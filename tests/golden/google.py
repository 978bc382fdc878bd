"""Invoices of Gemini and of Vertex AI, with Claude there.

A token at USD 1 per million costs 1 000 nano-USD.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hexgate.domain.usage import Usage
from tests.golden.invoice import Invoice
from tests.golden.wires import CLAUDE_ON_VERTEX, GEMINI, GEMINI_EMBEDDINGS, VERTEX

GEMINI_INVOICES = (
    Invoice(
        "plain",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 93, "candidatesTokenCount": 46, "totalTokenCount": 139,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 93}]}""",
        Usage(uncached_input=93, output=46),
        # USD 0.30 in, 2.50 out.
        # 93 x   300 =  27 900
        # 46 x 2 500 = 115 000
        (27_900, 115_000),
    ),
    Invoice(
        "cached, an image with it",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 9660, "candidatesTokenCount": 7, "totalTokenCount": 9667,
            "cachedContentTokenCount": 9651,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9402},
                {"modality": "IMAGE", "tokenCount": 258}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 9393},
                {"modality": "IMAGE", "tokenCount": 258}]}""",
        Usage(uncached_input=9, cache_read=9_651, output=7),
        # USD 0.30 in, 0.03 cached, 2.50 out. All of the image and of the text but 9 were cached.
        #     9 x   300 =   2 700
        # 9 651 x    30 = 289 530, in all 292 230
        #     7 x 2 500 =  17 500
        (292_230, 17_500),
    ),
    Invoice(
        "thinking",
        GEMINI,
        "gemini-3-pro-preview",
        """{"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 14,
            "totalTokenCount": 23,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}]}""",
        Usage(uncached_input=7, output=16, reasoning=14),
        # USD 2 in, 12 out. The candidates leave the thoughts out.
        #        7 x  2 000 =  14 000
        # (2 + 14) x 12 000 = 192 000
        (14_000, 192_000),
    ),
    Invoice(
        "audio in",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 1932, "candidatesTokenCount": 40, "totalTokenCount": 1972,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12},
                {"modality": "AUDIO", "tokenCount": 1920}]}""",
        Usage(uncached_input=12, audio_input=1_920, output=40),
        # USD 0.30 in for text, 1 for audio, 2.50 out.
        #    12 x   300 =     3 600
        # 1 920 x 1 000 = 1 920 000, in all 1 923 600
        #    40 x 2 500 =   100 000
        (1_923_600, 100_000),
    ),
    Invoice(
        "audio, most of it cached",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 12000, "candidatesTokenCount": 100, "totalTokenCount": 12100,
            "cachedContentTokenCount": 11000,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 9600},
                {"modality": "TEXT", "tokenCount": 2400}],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 9000},
                {"modality": "TEXT", "tokenCount": 2000}]}""",
        Usage(
            uncached_input=400,
            cache_read=2_000,
            audio_input=600,
            audio_cache_read=9_000,
            output=100,
        ),
        # USD 0.30 in, 0.03 cached; 1 for audio, 0.10 for cached audio; 2.50 out.
        #   400 x   300 =   120 000
        # 2 000 x    30 =    60 000
        #   600 x 1 000 =   600 000
        # 9 000 x   100 =   900 000, in all 1 680 000
        #   100 x 2 500 =   250 000
        (1_680_000, 250_000),
    ),
    Invoice(
        "a video and its sound",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 17420, "candidatesTokenCount": 200, "totalTokenCount": 17620,
            "promptTokensDetails": [{"modality": "VIDEO", "tokenCount": 15480},
                {"modality": "AUDIO", "tokenCount": 1920}, {"modality": "TEXT", "tokenCount": 20}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 200}]}""",
        Usage(uncached_input=15_500, audio_input=1_920, output=200),
        # USD 0.30 in for text and video, 1 for audio, 2.50 out.
        # 15 500 x   300 = 4 650 000
        #  1 920 x 1 000 = 1 920 000, in all 6 570 000
        #    200 x 2 500 =   500 000
        (6_570_000, 500_000),
    ),
    Invoice(
        "a tool's results, which the prompt leaves out",
        GEMINI,
        "gemini-2.5-flash",
        """{"promptTokenCount": 25, "toolUsePromptTokenCount": 310, "candidatesTokenCount": 40,
            "thoughtsTokenCount": 20, "totalTokenCount": 395,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 25}],
            "toolUsePromptTokensDetails": [{"modality": "TEXT", "tokenCount": 310}]}""",
        Usage(uncached_input=335, output=60, reasoning=20),
        # USD 0.30 in, 2.50 out.
        # (25 + 310) x   300 = 100 500
        #  (40 + 20) x 2 500 = 150 000
        (100_500, 150_000),
    ),
    Invoice(
        "speech",
        GEMINI,
        "gemini-2.5-flash-preview-tts",
        """{"promptTokenCount": 12, "candidatesTokenCount": 256, "totalTokenCount": 268,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 256}]}""",
        Usage(uncached_input=12, audio_output=256),
        # USD 0.50 in, 10 out: all that this model says is audio, and that is its only price.
        #  12 x    500 =     6 000
        # 256 x 10 000 = 2 560 000
        (6_000, 2_560_000),
    ),
    Invoice(
        "one token above the bound of the tier",
        GEMINI,
        "gemini-2.5-pro",
        """{"promptTokenCount": 200001, "cachedContentTokenCount": 150000,
            "candidatesTokenCount": 100, "thoughtsTokenCount": 400, "totalTokenCount": 200501,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200001}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 150000}]}""",
        Usage(uncached_input=50_001, cache_read=150_000, output=500, reasoning=400),
        # USD 2.50 in, 0.25 cached, 15 out above 200 000 tokens.
        #  50 001 x  2 500 = 125 002 500
        # 150 000 x    250 =  37 500 000, in all 162 502 500
        #     500 x 15 000 =   7 500 000
        (162_502_500, 7_500_000),
    ),
    Invoice(
        "the last day of an introductory price",
        GEMINI,
        "gemini-4-argon",
        """{"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}""",
        Usage(uncached_input=1_000, output=100),
        # USD 2 in, 10 out.
        # 1 000 x  2 000 = 2 000 000
        #   100 x 10 000 = 1 000 000
        (2_000_000, 1_000_000),
        moment=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC),
    ),
    Invoice(
        "the day after it",
        GEMINI,
        "gemini-4-argon",
        """{"promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100}""",
        Usage(uncached_input=1_000, output=100),
        # USD 4 in, 20 out.
        # 1 000 x  4 000 = 4 000 000
        #   100 x 20 000 = 2 000 000
        (4_000_000, 2_000_000),
        moment=datetime(2026, 12, 1, tzinfo=UTC),
    ),
    Invoice(
        "embeddings of text, images, pages of a document and audio",
        GEMINI_EMBEDDINGS,
        "gemini-embedding-2",
        """{"promptTokenCount": 1103, "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 9}, {"modality": "IMAGE", "tokenCount": 258},
                {"modality": "DOCUMENT", "tokenCount": 516},
                {"modality": "AUDIO", "tokenCount": 320}]}""",
        Usage(uncached_input=9, image_input=774, audio_input=320),
        # USD 0.20 for text, 0.45 for images, 6.50 for audio.
        #           9 x   200 =     1 800
        # (258 + 516) x   450 =   348 300
        #         320 x 6 500 = 2 080 000, in all 2 430 100
        (2_430_100, 0),
    ),
    Invoice(
        "embeddings, as the Developer API spells their modalities",
        GEMINI_EMBEDDINGS,
        "gemini-embedding-2",
        """{"promptTokenCount": 267,
            "promptTokenDetails": [{"modality": "TEXT", "tokenCount": 9},
                {"modality": "IMAGE", "tokenCount": 258}]}""",
        Usage(uncached_input=9, image_input=258),
        #   9 x 200 =   1 800
        # 258 x 450 = 116 100, in all 117 900
        (117_900, 0),
        differs="it reads promptTokensDetails alone; EmbeddingUsageMetadata of the Developer API "
        "has promptTokenDetails",
    ),
)

VERTEX_INVOICES = (
    Invoice(
        "cached",
        VERTEX,
        "gemini-2.5-flash",
        """{"promptTokenCount": 5000, "candidatesTokenCount": 120, "thoughtsTokenCount": 80,
            "totalTokenCount": 5200, "cachedContentTokenCount": 4096, "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5000}],
            "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 4096}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 120}]}""",
        Usage(uncached_input=904, cache_read=4_096, output=200, reasoning=80),
        # USD 0.30 in, 0.03 cached, 2.50 out.
        #   904 x   300 = 271 200
        # 4 096 x    30 = 122 880, in all 394 080
        #   200 x 2 500 = 500 000
        (394_080, 500_000),
    ),
    Invoice(
        "an image, a document and audio",
        VERTEX,
        "gemini-2.5-flash-lite",
        """{"promptTokenCount": 2112, "candidatesTokenCount": 50, "totalTokenCount": 2162,
            "trafficType": "ON_DEMAND",
            "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290},
                {"modality": "DOCUMENT", "tokenCount": 516}, {"modality": "AUDIO",
                "tokenCount": 250}, {"modality": "TEXT", "tokenCount": 56}],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 50}]}""",
        Usage(uncached_input=56, image_input=1_806, audio_input=250, output=50),
        # USD 0.10 in for all but audio, 0.30 for that, 0.40 out.
        # (56 + 1 290 + 516) x 100 = 186 200
        #                250 x 300 =  75 000, in all 261 200
        #                 50 x 400 =  20 000
        (261_200, 20_000),
    ),
    Invoice(
        "at the bound of the tier",
        VERTEX,
        "gemini-2.5-pro",
        """{"promptTokenCount": 200000, "candidatesTokenCount": 100, "totalTokenCount": 200100,
            "trafficType": "ON_DEMAND"}""",
        Usage(uncached_input=200_000, output=100),
        # USD 1.25 in, 10 out.
        # 200 000 x  1 250 = 250 000 000
        #     100 x 10 000 =   1 000 000
        (250_000_000, 1_000_000),
    ),
    Invoice(
        "Claude, its cache written for five minutes and for an hour",
        CLAUDE_ON_VERTEX,
        "claude-sonnet-4-5@20250929",
        """{"input_tokens": 50, "cache_creation_input_tokens": 3000,
            "cache_read_input_tokens": 10000,
            "cache_creation": {"ephemeral_5m_input_tokens": 1000,
                "ephemeral_1h_input_tokens": 2000},
            "output_tokens": 700}""",
        Usage(
            uncached_input=50,
            cache_read=10_000,
            cache_write=1_000,
            cache_write_1h=2_000,
            output=700,
        ),
        # USD 3 in, 0.30 read, 3.75 written, 6 for an hour, 15 out.
        #     50 x  3 000 =    150 000
        # 10 000 x    300 =  3 000 000
        #  1 000 x  3 750 =  3 750 000
        #  2 000 x  6 000 = 12 000 000, in all 18 900 000
        #    700 x 15 000 = 10 500 000
        (18_900_000, 10_500_000),
    ),
    Invoice(
        "Claude, above the bound of the tier",
        CLAUDE_ON_VERTEX,
        "claude-sonnet-4-5@20250929",
        """{"input_tokens": 200001, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": 100}""",
        Usage(uncached_input=200_001, output=100),
        # USD 6 in, 22.50 out.
        # 200 001 x  6 000 = 1 200 006 000
        #     100 x 22 500 =     2 250 000
        (1_200_006_000, 2_250_000),
    ),
)
