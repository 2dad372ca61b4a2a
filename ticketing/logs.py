"""Structured logs: one event a line, for people on a terminal and for machines elsewhere."""

import logging
import sys
from typing import Literal

import structlog

__all__ = ["configure"]


def configure(form: Literal["console", "json"] | None) -> None:
    """Log to standard error in *form*; by default for people if that is a terminal."""
    # Tracebacks without local variables: those may be passwords.
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    errors: structlog.typing.Processor = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    if form == "console" or (form is None and sys.stderr.isatty()):
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=plain
        )
        errors = structlog.processors.StackInfoRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            errors,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
