"""Structured logs: one event a line, for people on a terminal and for machines elsewhere."""

import asyncio
import atexit
import json
import logging
import sys
from collections import deque
from contextlib import suppress
from typing import Any, Final, Literal, TextIO

import msgspec
import structlog

from actors import SystemClock
from actors.doing import doing

__all__ = ["Lines", "configure", "with_whereabouts"]

# What a loop that never comes to a rest may hold back.
_LINES_MAX = 1000

_encode = msgspec.json.Encoder(enc_hook=repr).encode


class Lines:
    """Writes lines to *stream*, those of one turn of the event loop together.

    A request writes a line, and to write is a system call; under load dozens of lines come before
    the loop looks around again. What warns, and what is said where no loop runs, goes out at once,
    with all that was said before. From any thread.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: deque[str] = deque()  # Any thread may add to it while another one takes.
        self._flushed_by: asyncio.AbstractEventLoop | None = None
        atexit.register(self.flush)

    def info(self, line: str) -> None:
        """Write *line* soon."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if loop is not self._flushed_by:
            self._flushed_by = loop
            loop.call_soon(self.flush)
        elif len(self._lines) >= _LINES_MAX:
            self.flush()

    debug = msg = info

    def warning(self, line: str) -> None:
        """Write *line* now."""
        self._lines.append(line)
        self.flush()

    warn = error = exception = critical = fatal = warning

    def flush(self) -> None:
        """Write all there is."""
        self._flushed_by = None
        lines: list[str] = []
        with suppress(IndexError):
            while True:
                lines.append(self._lines.popleft())
        if lines and not self._stream.closed:
            self._stream.write("\n".join(lines) + "\n")
            self._stream.flush()


def configure(form: Literal["console", "json"] | None) -> None:
    """Log to standard error in *form*; by default for people if that is a terminal."""
    processors: list[structlog.typing.Processor] = [_json]
    if form == "console" or (form is None and sys.stderr.isatty()):
        plain = structlog.dev.plain_traceback
        processors = [
            with_whereabouts,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain),
        ]
    lines = Lines(sys.stderr)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    # An outage is told once, by whoever notices; the pool would tell it of each connection, at
    # length.
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)


# Tracebacks without local variables: those may be passwords.
_with_traceback: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
_now: Final = SystemClock().now


def with_whereabouts(
    _logger: Any, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """*event* with what it belongs to: a request, or an actor and the message that it handles."""
    now = doing.get()
    if now is not None:
        for name, value in now.described().items():
            event.setdefault(name, value)  # What a line says of itself is about itself.
    return event


def _json(logger: Any, method: str, event: structlog.typing.EventDict) -> str:
    """The line for *event*: one step, since each one costs, and every request has its line."""
    with_whereabouts(logger, method, event)
    event["level"] = method
    event["timestamp"] = msgspec.to_builtins(_now())  # ISO 8601, with `Z`; quicker than isoformat.
    if "exc_info" in event:
        _with_traceback(logger, method, event)
    try:
        return _encode(event).decode()
    except UnicodeEncodeError:  # Half a character, in what somebody sent or in a file's name.
        return json.dumps(event, default=repr)
