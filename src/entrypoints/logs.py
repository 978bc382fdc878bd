"""Logging: structlog over one stream, JSON lines or readable text, on stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec
import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str, *, as_json: bool) -> None:
    """Set up logging for this process; `level` is debug, info, warning or error."""
    number = _LEVELS[level]
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Locals would hold prompts and keys; a plain traceback holds neither.
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, _json() if as_json else _text()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=(
            structlog.BytesLoggerFactory(sys.stderr.buffer)
            if as_json
            else structlog.PrintLoggerFactory(sys.stderr)
        ),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; their warnings are worth seeing, no more.
    handler = logging.StreamHandler(sys.stderr)
    if as_json:
        handler.setFormatter(_JsonLine())
        logging.captureWarnings(capture=True)  # else they are written as text
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler])


class JsonLines:
    """A logger of one method, for the one line that every call writes.

    It leaves out what structlog does for any kind of event, which is most of the time it takes.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._write = stream.write
        self._flush = stream.flush
        self._encode = msgspec.json.Encoder(enc_hook=repr).encode

    def info(self, event: str, **fields: Any) -> None:
        """Write one line."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {**fields, "event": event, "level": "info", "timestamp": stamp}
        self._write(self._encode(line) + b"\n")
        self._flush()


class _JsonLine(logging.Formatter):
    """What a library logs as one line with the fields of ours, and the logger's name."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line: dict[str, Any] = {
            "event": _message(record),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": stamp.replace("+00:00", "Z"),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # arguments that do not fit are the library's mistake, and no reason to fail
        return str(record.msg)


def _json() -> structlog.typing.Processor:
    # A log line per call: msgspec takes half the time of the standard encoder.
    encode = msgspec.json.Encoder(enc_hook=repr).encode

    def render(_logger: object, _name: str, event: structlog.typing.EventDict) -> bytes:
        return encode(event)

    return render


def _text() -> structlog.typing.Processor:
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
