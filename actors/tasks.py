"""The runtime's tasks: every one has an owner that hears when it fails.

A task nobody awaits loses its error. Here a failed task is logged and, if it was to run for as
long as the runtime does, takes the runtime down with it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import structlog

__all__ = ["Tasks"]

log = structlog.get_logger("actors.tasks")


class Tasks:
    """A set of running tasks."""

    def __init__(self, on_failure: Callable[[str, BaseException], None]) -> None:
        # In the order of their starts: so they are stopped, and a simulation can repeat that.
        self._running: dict[asyncio.Task[Any], None] = {}
        self._on_failure = on_failure

    def start(
        self, work: Coroutine[Any, Any, None], name: str, *, context: Context | None = None
    ) -> None:
        """Run *work* on its own, in the caller's context or in *context*; failure is reported."""
        task = asyncio.create_task(work, name=name, context=context)  # noqa: TID251 - this is the one place
        self._running[task] = None
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task.failed", task=task.get_name(), exc_info=error)
            self._on_failure(task.get_name(), error)

    def find(self, name: str) -> "asyncio.Task[Any] | None":
        """The running task of that name; for a look, since all are gone through."""
        return next((task for task in self._running if task.get_name() == name), None)

    async def stop(self) -> None:
        """Cancel what is running and wait until it has ended."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
