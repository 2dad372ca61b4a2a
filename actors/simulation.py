"""Virtual time and seeded chance: what an actor system does, reproducible to the last callback.

    result = simulate(scenario, seed=7)

`scenario` is a coroutine function; it runs on a loop of its own that guarantees:

- **Time is virtual.** It stands still while anything is ready to run and then jumps to the next
  timer, so an hour of waiting costs nothing and nothing is ever late because the machine is slow.
- **Chance is seeded.** Of all callbacks that are ready, the seed chooses the next. asyncio runs
  them first in, first out; code that is right whichever comes first is right there too, and
  orders that a real machine shows once a month are found in seconds.
- **The same seed gives the same run**, callback by callback, as long as the scenario draws its
  own chances from a seed and does not depend on the order of a set of strings.
- **Nothing outside exists.** Threads, sockets and signals are refused.
- **A part of it can stand still.** What runs in a `room` is paused and resumed as a process is by
  SIGSTOP and SIGCONT, while time goes on for all the others.
- **It cannot hang.** When nothing is ready and no timer is set, or when time does not move on any
  more, the run ends with a `SimulationError`.

Whatever a failing run raises carries a note that names its seed. Faults are the store's business:
see `faults` and `latency` of `MemoryStore`.
"""

import asyncio
import heapq
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Final, NoReturn, TypeVar, TypeVarTuple

__all__ = ["EPOCH", "SimulatedClock", "SimulatedLoop", "SimulationError", "room", "simulate"]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

# When every simulation begins. Any instant does, as long as it is always the same.
EPOCH: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)

# An hour of a busy marketplace takes some hundred thousand steps; what takes more does not end.
STEPS_MAX: Final = 5_000_000


room: ContextVar[str] = ContextVar("room", default="")
"""Which part of the world a callback belongs to; tasks inherit it from whoever starts them."""


class SimulationError(Exception):
    """The scenario can never end: everybody waits for somebody, or time stands still."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """An event loop without a world around it; see the module for what it guarantees."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.steps = 0
        """Callbacks run so far; equal seeds give equal numbers."""
        self.steps_max = STEPS_MAX
        self._dice = Random(seed)  # noqa: S311 - reproducible is what it has to be
        self._seconds = 0.0
        self._soon: list[Handle] = []
        self._later: list[tuple[float, int, TimerHandle]] = []
        self._paused: dict[str, list[Handle]] = {}
        self._numbers = count()

    def time(self) -> float:
        return self._seconds

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, self, context)
        self._soon.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        handle = TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._later, (when, next(self._numbers), handle))
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> TimerHandle:
        return self.call_at(self._seconds + delay, callback, *args, context=context)

    def call_soon_threadsafe(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise SimulationError("There are no threads in a simulation")

    def run_in_executor(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise SimulationError("There are no threads in a simulation")

    def pause(self, name: str) -> None:
        """Run nothing of the room *name* until it is resumed; what comes for it waits."""
        self._paused.setdefault(name, [])

    def resume(self, name: str) -> None:
        """Go on with the room *name*."""
        self._soon += self._paused.pop(name, ())

    def _run_once(self) -> None:
        """Run callbacks; `BaseEventLoop.run_forever` calls this until the loop is stopped."""
        soon, later, chance = self._soon, self._later, self._dice.random
        while not self._stopping:  # type: ignore[attr-defined]
            if not soon:
                self._jump()
            while later and later[0][0] <= self._seconds:
                soon.append(heapq.heappop(later)[2])
            self.steps += 1
            if self.steps > self.steps_max:
                raise SimulationError(f"no end in sight after {self.steps} steps")
            place = int(chance() * len(soon))  # Much faster than `randrange`.
            # The order of the others does not matter, so the last may fill the gap.
            handle, soon[place] = soon[place], soon[-1]
            soon.pop()
            if handle._cancelled:  # noqa: SLF001 - what a loop does with a handle
                continue
            if self._paused:
                waiting = self._paused.get(handle._context.get(room, ""))  # type: ignore[attr-defined] # noqa: SLF001
                if waiting is not None:
                    waiting.append(handle)
                    continue
            handle._run()  # noqa: SLF001

    def _jump(self) -> None:
        """Let time pass until the next timer."""
        while self._later and self._later[0][2].cancelled():
            heapq.heappop(self._later)
        if not self._later:
            raise SimulationError("everybody waits: nothing is ready and no timer is set")
        self._seconds = max(self._seconds, self._later[0][0])

    def get_debug(self) -> bool:
        return False  # Asked by every handle that is made.

    def _timer_handle_cancelled(self, handle: TimerHandle) -> None:
        """Called by a timer that is cancelled; it is skipped when its time comes."""

    def close(self) -> None:
        self._soon.clear()
        self._later.clear()
        self._paused.clear()
        super().close()


class SimulatedClock:
    """A `Clock` that reads the virtual time of the loop it is used in."""

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def simulate(scenario: Callable[[], Coroutine[Any, Any, R]], seed: int) -> R:
    """Run *scenario* to its end in a world of its own; what it returns.

    Whatever it raises is raised here, with a note that names *seed*. So is the first error of a
    callback, which asyncio would only log. Tasks that the scenario leaves behind are cancelled.
    """
    loop = SimulatedLoop(seed)
    try:
        return _run_to_end(loop, scenario)
    except BaseException as error:
        error.add_note(f"in the simulation with seed {seed}")
        raise
    finally:
        try:
            _end(loop)
        finally:
            loop.close()


def _run_to_end(loop: SimulatedLoop, scenario: Callable[[], Coroutine[Any, Any, R]]) -> R:
    lost: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: _keep(lost, context))
    result = loop.run_until_complete(scenario())
    _end(loop)
    if lost:
        raise lost[0]
    return result


def _keep(lost: list[BaseException], context: dict[str, Any]) -> None:
    """Remember an error that nobody awaits."""
    where = context.get("task") or context.get("future") or ""
    lost.append(context.get("exception") or SimulationError(f"{context['message']} {where}"))


def _end(loop: SimulatedLoop) -> None:
    """Cancel what still runs, and let it end."""
    loop.steps_max = loop.steps + STEPS_MAX
    for name in tuple(loop._paused):  # noqa: SLF001 - its own module
        loop.resume(name)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
