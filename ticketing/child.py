"""A process of our own beside us: started, watched, and started again whenever it has ended.

It is given its settings by the environment and its name among the nodes by us, so that we can say
that it is dead as soon as we know, and nobody has to wait until its lease has ended. It dies with
us, be it by kill -9: on Linux the kernel sees to that, elsewhere it looks for us itself.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from ticketing.embedded import die_with_parent

__all__ = ["Child"]

log = structlog.get_logger("ticketing.child")

READY: Final = "ready "

# What a process says that cannot do what it was asked: to start it again would change nothing.
_REFUSED: Final = 2

# A first crash is mended at once; what crashes again and again is not to take all there is.
_PAUSE_FIRST_SECONDS: Final = 0.1
_PAUSE_MAX_SECONDS: Final = 10.0
_STEADY_SECONDS: Final = 60.0  # A process that has lived for so long starts with a clean sheet.

# Longer than a process takes to hand over, to answer what is being asked and to drain.
_STOP_SECONDS: Final = 30.0


class Child:
    """One place for a process.

    *arguments* are those of `python -m ticketing`, *environment* all of its settings. *name* makes
    the name of each new process, and *bury* tells the others that the one of that name is dead.
    *changed* is called whenever `is_ready` is another, *refused* when the first process could not
    do what it was asked, and has said why.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        name: Callable[[], str],
        bury: Callable[[str], Awaitable[None]],
        changed: Callable[[], None],
        refused: Callable[[], None],
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._name = name
        self._bury = bury
        self._changed = changed
        self._refused = refused
        self._process: asyncio.subprocess.Process | None = None
        self._is_wanted = True
        self._was_ready = False
        self.is_ready = False

    async def keep(self) -> None:
        """Have a process run here, until `stop` or until there is no use in it."""
        loop = asyncio.get_running_loop()
        pause = _PAUSE_FIRST_SECONDS
        while self._is_wanted:
            node, started_at = self._name(), loop.time()
            status = await self._run(node)
            if not self._is_wanted:
                return
            if status == _REFUSED and not self._was_ready:
                self._refused()
                return
            log.error("child.ended", node=node, status=status)
            await self._bury(node)
            if loop.time() - started_at >= _STEADY_SECONDS:
                pause = _PAUSE_FIRST_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX_SECONDS)

    async def stop(self) -> None:
        """End the process that is there in good order, and start no other."""
        self._is_wanted = False
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("child.killed", pid=process.pid, seconds=_STOP_SECONDS)
            process.kill()
            await process.wait()

    async def _run(self, node: str) -> int:
        """One process, from start to end; its exit status."""
        # Its own session: a Ctrl-C is for us, and we stop it in good order.
        self._process = process = await asyncio.create_subprocess_exec(
            *_dying_with_us((sys.executable, "-m", "ticketing", *self._arguments)),
            env={**self._environment, "TICKETING_NODE_ID": node},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
        log.info("child.started", node=node, pid=process.pid)
        try:
            await self._listen(process)
            return await process.wait()
        finally:
            self._is_now(ready=False)
            if process.returncode is None:
                process.kill()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Hear when it is ready; returns when it has nothing more to say."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            if line.decode(errors="replace").startswith(READY):
                self._was_ready = True
                self._is_now(ready=True)

    def _is_now(self, *, ready: bool) -> None:
        self.is_ready = ready
        self._changed()


def _dying_with_us(command: Sequence[str]) -> list[str]:
    launcher = [sys.executable, "-I", "-S", die_with_parent.__file__]
    return [*launcher, str(os.getpid()), str(int(signal.SIGKILL)), "-", "-", *command]
