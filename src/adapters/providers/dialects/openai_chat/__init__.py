"""Chat completions as OpenAI has them, spoken by its own servers, by Azure and compatible ones."""

from __future__ import annotations

from hexgate.adapters.providers.dialects.openai_chat.azure import AzureChat
from hexgate.adapters.providers.dialects.openai_chat.chat import OpenAIChat
from hexgate.adapters.providers.dialects.openai_chat.embed import AzureEmbeddings, OpenAIEmbeddings
from hexgate.adapters.providers.dialects.openai_chat.quirks import (
    COMPATIBLE,
    MISTRAL,
    OPENAI,
    Quirks,
)

__all__ = [
    "COMPATIBLE",
    "MISTRAL",
    "OPENAI",
    "AzureChat",
    "AzureEmbeddings",
    "OpenAIChat",
    "OpenAIEmbeddings",
    "Quirks",
]
