"""Documents that are text, for providers that read text alone."""

from __future__ import annotations

from hexgate.domain.chat import Inline, Media


def text_of(media: Media) -> str | None:
    """What a document says; None where it has no bytes, is of another kind, or is not in UTF-8."""
    kind = media.media_type.partition(";")[0].strip().lower()
    if not isinstance(media.source, Inline):
        return None
    if not kind.startswith("text/") and kind != "application/json":
        return None
    try:
        return media.source.data.decode()
    except UnicodeDecodeError:
        return None
