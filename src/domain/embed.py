"""What is embedded, and the vectors that come of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hexgate.domain.answer import Warned
from hexgate.domain.chat import Media, Text
from hexgate.domain.usage import Usage


class Purpose(enum.Enum):
    """What vectors are for."""

    QUERY = "query"
    DOCUMENT = "document"
    SIMILARITY = "similarity"
    CLASSIFICATION = "classification"
    CLUSTERING = "clustering"


EmbedInput: TypeAlias = tuple[Text | Media, ...]
"""One thing to embed: text and, for multimodal models, media."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSpec:
    """Everything that determines the vectors. `dimensions` None is the model's own length."""

    model: str
    inputs: tuple[EmbedInput, ...]
    dimensions: int | None = None
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One vector per input, in order. `usage` None means the provider reported none."""

    vectors: Sequence[Sequence[float]]
    usage: Usage | None
    model: str  # as the provider names what answered
    request_id: str = ""  # the provider's own
    warnings: tuple[Warned, ...] = ()
