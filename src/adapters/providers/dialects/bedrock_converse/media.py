"""Images, documents, videos and sound as blocks of the Converse API."""

from __future__ import annotations

import base64
import re

from hexgate.adapters.providers.dialects.bedrock_converse.models import Family
from hexgate.adapters.providers.lacking import Lacking
from hexgate.domain.chat import FileId, Inline, Link, Media
from hexgate.domain.json import JsonObject

# The format of each media type, by kind of block. Source: the service model of bedrock-runtime.
_IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/x-markdown": "md",
}
_VIDEOS = {
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/3gpp": "three_gp",
}
_SOUNDS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "mp4",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
}
_S3 = "s3://"
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9\s()\[\]-]")
_SPACES = re.compile(r"\s+")
_NAME_CHARS = 190  # of the 200 that the API takes; the rest is for a number


class Shelf:
    """Makes the media blocks of one request; no two of its documents have the same name."""

    def __init__(self, provider: str, family: Family, lacking: Lacking) -> None:
        self._provider = provider
        self._lacking = lacking
        self._names: set[str] = set()
        self._kinds = (
            ("image", _IMAGES, family.images),
            ("document", _DOCUMENTS, family.documents),
            ("video", _VIDEOS, family.videos),
            ("audio", _SOUNDS, family.audio),
        )

    def block(self, part: Media, at: str) -> JsonObject | None:
        """The block, or None where it was refused."""
        found = self._format(part, at)
        source = self._source(part, at)
        if found is None or source is None:
            return None
        kind, shape = found
        made: JsonObject = {"format": shape, "source": source}
        if kind == "document":
            made["name"] = self._name(part.filename)
        elif part.filename:
            said = f"the name of {kind} content was left out; the API has no field for it"
            self._lacking.warn("FIELD_DROPPED", said, f"{at}.media.filename")
        return {kind: made}

    def _format(self, part: Media, at: str) -> tuple[str, str] | None:
        media_type = part.media_type.lower().partition(";")[0].strip()
        if media_type.startswith("text/") and media_type not in _DOCUMENTS:
            media_type = "text/plain"
        for kind, formats, able in self._kinds:
            if media_type in formats and able:
                return kind, formats[media_type]
        self._lacking.refuse(f"{at}.media", f"media of type {media_type or 'unknown'}")
        return None

    def _source(self, part: Media, at: str) -> JsonObject | None:
        match part.source:
            case Inline(data) if data:
                return {"bytes": base64.b64encode(data).decode()}
            case Inline():
                self._lacking.refuse(f"{at}.media", "media without content")
            case Link():
                self._lacking.refuse(f"{at}.media", "links; send the bytes")
            case FileId(provider, file_id) if provider == self._provider:
                if file_id.startswith(_S3):
                    return {"s3Location": {"uri": file_id}}
                self._lacking.refuse(f"{at}.media", f"files other than objects of S3 ({_S3}…)")
            case FileId():
                self._lacking.refuse(f"{at}.media", "files of another provider")
        return None

    def _name(self, filename: str) -> str:
        """A name of the characters that the API takes, and of which there is only one."""
        plain = _SPACES.sub(" ", _NOT_IN_NAME.sub("-", filename)).strip()[:_NAME_CHARS].strip()
        plain = plain or "document"
        name, number = plain, 1
        while name in self._names:
            number += 1
            name = f"{plain} ({number})"
        self._names.add(name)
        return name
