"""Tells when the event loop is blocked, and by whom.

While one piece of code keeps the loop to itself, no turn, no timer and no answer moves. The loop
puts a mark down every tenth of a second; a thread beside it looks whether the mark is fresh, and if
it is not, looks where the loop's thread is at that moment. It costs ten looks a second.
"""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Final

import structlog

from actors.clock import SystemClock

__all__ = ["Blocked", "Watchdog"]

log = structlog.get_logger("actors.watchdog")

LOOK_EVERY_SECONDS: Final = 0.1

# A quarter of a second is what a person notices, and more than any turn has a right to.
LIMIT_SECONDS: Final = 0.25

# The innermost frames say what blocks; the outer ones are the event loop's own.
FRAMES_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Blocked:
    """Where the loop was when it had not moved for too long."""

    handler: str | None
    """The actor's or worker's handler that was running, if one was."""
    stack: tuple[str, ...]
    """The innermost frames, outermost first: "file:line function"."""


class Watchdog:
    """Watches the loop it is started on.

    *report* is called in the watching thread, *lagged* in the loop: with the seconds by which each
    mark came late.
    """

    def __init__(
        self,
        report: Callable[[Blocked], None] | None = None,
        lagged: Callable[[float], None] | None = None,
    ) -> None:
        self._report = report or _log
        self._lagged = lagged
        self._clock = SystemClock()
        self._marked_at = 0.0
        self._told = False
        self._stopped = threading.Event()
        self._thread_id = 0

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._thread_id = threading.get_ident()
        self._mark(asyncio.get_running_loop())
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _mark(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self._clock.monotonic()
        if self._lagged is not None and self._marked_at:
            self._lagged(now - self._marked_at - LOOK_EVERY_SECONDS)
        if self._told:
            self._told = False
            log.warning("loop.unblocked", seconds=round(now - self._marked_at, 3))
        self._marked_at = now
        if not self._stopped.is_set():
            loop.call_later(LOOK_EVERY_SECONDS, self._mark, loop)

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_SECONDS):
            is_late = self._clock.monotonic() - self._marked_at > LIMIT_SECONDS
            frame = sys._current_frames().get(self._thread_id)  # noqa: SLF001 - the only way
            if is_late and frame is not None and not self._told:
                self._told = True
                self._report(Blocked(_handler(frame), _stack(frame)))


def _log(blocked: Blocked) -> None:
    log.error("loop.blocked", handler=blocked.handler, stack=blocked.stack)


def _stack(frame: FrameType) -> tuple[str, ...]:
    innermost = traceback.extract_stack(frame)[-FRAMES_SHOWN:]
    return tuple(f"{each.filename}:{each.lineno} {each.name}" for each in innermost)


def _handler(frame: FrameType) -> str | None:
    """The function that the runtime itself called: a handler, and not what it calls in turn."""
    called: CodeType | None = None
    walked: FrameType | None = frame
    while walked is not None:
        if walked.f_globals.get("__name__") in {"actors.activation", "actors.pool"}:
            return called.co_qualname if called is not None else None
        called = walked.f_code
        walked = walked.f_back
    return None
