"""`ticketing serve` with a look inside: how late its loop is, what sockets hold, its memory.

    python -m benchmarks.live_server

On SIGUSR1 it writes what it has found since the last time to the file `inside` of its data folder.
Whatever it measures it pays for itself: ten looks at the sockets and two hundred at the clock a
second.
"""

import asyncio
import fcntl
import gc
import json
import os
import resource
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from actors import Change
from ticketing import event_loop, generated_keys, logs, serve, topics
from ticketing.settings import Settings
from ticketing.tickets import TicketState
from web.live.hub import Hub

LOOK_SECONDS = 0.005
LOOKS_A_HELD = 20


class Inside:
    """What is looked at."""

    def __init__(self, path: Path) -> None:
        self.hub: Hub | None = None
        self._path = path
        self._lag = self._busy = self._held = self._kernel = self._collected = 0.0
        self._collecting = 0.0
        self._commits: dict[str, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self, hub: Hub) -> None:
        self.hub = hub
        loop = asyncio.get_running_loop()
        gc.callbacks.append(self._collects)
        hub.topics.bus.watch(topics.TICKETS, self._committed)
        loop.add_signal_handler(signal.SIGUSR1, self.tell)
        self._tasks.append(loop.create_task(self._look()))

    def _committed(self, change: Change) -> None:
        assert isinstance(change.state, TicketState)
        self._commits[change.state.title] = time.perf_counter()

    def _collects(self, phase: str, _: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collecting = now
        else:
            self._collected = max(self._collected, now - self._collecting)

    async def _look(self) -> None:
        looks = 0
        while True:
            began, began_cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(LOOK_SECONDS)
            self._lag = max(self._lag, time.perf_counter() - began - LOOK_SECONDS)
            # Without the time in which others had the processor.
            self._busy = max(self._busy, time.thread_time() - began_cpu)
            looks += 1
            if looks % LOOKS_A_HELD == 0:
                self._look_at_sockets()

    def _look_at_sockets(self) -> None:
        assert self.hub is not None
        for socket in self.hub.sockets:
            held = socket.transport.get_write_buffer_size()
            if held:
                self._held = max(self._held, held)
                self._kernel = max(self._kernel, _in_kernel(socket.transport))

    def tell(self) -> None:
        assert self.hub is not None
        found = {
            "lag": self._lag,
            "busy": self._busy,
            "collected": self._collected,
            "cpu": time.process_time(),
            "held": self._held,
            "kernel": self._kernel,
            "rss": psutil.Process().memory_info().rss,
            "sockets": len(self.hub.sockets),
            "commits": self._commits,
            "aborted": self.hub.metrics.aborted._value.get(),  # noqa: SLF001
        }
        self._lag = self._busy = self._held = self._kernel = self._collected = 0.0
        self._path.with_suffix(".new").write_text(json.dumps(found))
        self._path.with_suffix(".new").rename(self._path)
        self._commits.clear()


def _in_kernel(transport: object) -> int:
    """Bytes that the kernel has of ours, sent or not, and the other side has not acknowledged."""
    sock = transport.get_extra_info("socket")  # type: ignore[attr-defined]
    (count,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))
    return int(count)


def main() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = generated_keys.fill_in(Settings.from_env(os.environ))
    logs.configure(settings.log)
    inside = Inside(settings.data_dir / "inside")
    start = Hub.start

    def start_and_look(hub: Hub, on_failure: Callable[[], None]) -> None:
        start(hub, on_failure)
        inside.begin(hub)

    Hub.start = start_and_look  # type: ignore[method-assign]
    return event_loop.run(serve.serve(settings))


if __name__ == "__main__":
    sys.exit(main())
