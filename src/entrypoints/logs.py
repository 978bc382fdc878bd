"""Logging: structlog over one stream, JSON lines or readable text, on stderr."""

from __future__ import annotations

import logging
import sys

import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str, *, as_json: bool) -> None:
    """Set up logging for this process; `level` is debug, info, warning or error."""
    number = _LEVELS[level]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Locals would hold prompts and keys; a plain traceback holds neither.
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module; their warnings are worth seeing, no more.
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)
