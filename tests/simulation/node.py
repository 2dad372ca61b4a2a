"""A node as it comes and goes: started, paused, cut off, killed, and started again."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from actors import ActorError, Ids, Message, Ref, Runtime, UnavailableError
from actors.linked_bus import LinkedBus
from actors.mailbox import AskId
from actors.memory_link import MemoryLink
from actors.simulation import SimulatedLoop, room
from tests.simulation.faults import TIMING, NodeClock, WorldStore
from ticketing import bootstrap, expiration, topics
from ticketing.expiration.actor import LOOK_TIMER
from ticketing.payments import messages as payments
from ticketing.payments.reconciler import LOOK_TIMER as RECONCILE_TIMER
from web.live.hub import Hub

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["LostError", "SimulatedNode"]

R = TypeVar("R")

LOOKS = (
    (expiration.watch(0), expiration.Look(), LOOK_TIMER),  # One watch looks after everything here.
    (payments.reconciler(), payments.LookAround(), RECONCILE_TIMER),
)


class LostError(ActorError):
    """The connection broke, or no answer came: nobody knows whether it was done."""

    executed = "maybe"


class SimulatedNode:
    """One place of the cluster, in which one process runs after another."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.runtime: Runtime | None = None
        self.hub: Hub | None = None
        self.was_paused = False
        """Whether this very process was."""
        self.up_since = world.clock.now()
        """Since when nothing has been wrong with it."""
        self.wrong = 0
        """How many spells it is under."""
        self.room = ""
        self._dice = world.plan.dice(f"node {number}")
        self._processes = 0
        self._context: Context = copy_context()
        self._asks: dict[asyncio.Task[Any], None] = {}
        self._changing = asyncio.Lock()
        self._work: asyncio.Task[None] | None = None
        self._is_dying = False

    @property
    def is_well(self) -> bool:
        """Whether it works as far as anybody can tell."""
        return self.runtime is not None and self.runtime.is_ready and not self.wrong

    # Coming and going -------------------------------------------------------------------------

    async def start(self) -> None:
        """Run a new process, as often as it takes until one is ready."""
        async with self._changing:
            while self.runtime is None and not await self._started():
                await self.world.clock.sleep(0.5)

    async def _started(self) -> bool:
        self._processes += 1
        self.was_paused = self._is_dying = False
        self.room = f"node {self.number}, process {self._processes}"
        self._context = copy_context()
        self._context.run(room.set, self.room)
        try:
            is_up = await self._done(self._start())
        except ActorError:
            is_up = False
        if not is_up:
            await self._bury()
            return False
        self.up_since = self.world.clock.now()
        return True

    async def _done(self, work: Coroutine[Any, Any, None]) -> bool:
        """Have *work* done by the process; False if that died meanwhile."""
        loop = asyncio.get_running_loop()
        self._work = loop.create_task(work, context=self._context.copy())
        await asyncio.wait({self._work})
        if self._work.cancelled():
            return False
        self._work.result()
        return True

    async def _start(self) -> None:
        world, faults = self.world, self.world.faults
        is_skewed = faults.strikes("clock_skewed")
        skew = timedelta(seconds=self._dice.uniform(-600, 600) if is_skewed else 0)
        self.clock = NodeClock(skew, self._dice.uniform(-0.005, 0.005) if is_skewed else 0.0)
        ids = Ids(self.clock, seed=self._dice.getrandbits(64))
        self.store = WorldStore(self, world.database, ids, faults, world.judge)
        self.link: MemoryLink = world.network.link()
        self.bus = LinkedBus(
            topics.topics_of,
            self.link,
            self.store.node,
            clock=self.clock,
            state_types=bootstrap.STATE_TYPES,
            shown=topics.shown,
        )
        self._runtime = Runtime(
            bootstrap.services(world.actors(), world.workers(self.clock)),
            store=self.store,
            clock=self.clock,
            ids=ids,
            bus=self.bus,
            link=self.link,
            timing=TIMING,
        )
        await self.bus.open()
        await self._runtime.start()
        self.hub = world.hub(self, ids)
        await self.hub.start(lambda: None)
        self.runtime = self._runtime
        for ref, message, name in LOOKS:
            if (ref, name) not in {(row.ref, row.name) for row in world.database.inbox.values()}:
                await self.runtime.tell(ref, message, name=name)

    async def crash(self) -> None:
        """Die as by kill -9: nothing is finished, and nothing more is heard of it."""
        async with self._changing:
            if self.runtime is not None:
                await self._bury()

    def crash_soon(self) -> None:
        """Die at once and come back, if it is not dying already."""
        if not self._is_dying:
            self._is_dying = True
            self.store.is_dead = True
            if self._work is not None:
                self._work.cancel()
            self.world.go_on(self._die_and_return())

    async def _die_and_return(self) -> None:
        await self.crash()
        await self.world.clock.sleep(self._dice.uniform(0, 4))
        await self.start()

    async def _bury(self) -> None:
        self.store.is_dead = True
        self.link.end()
        self.runtime = None
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.resume(self.room)
        await self._end_asks()
        await self.link.close()
        await self._end_bus()
        await self._runtime.abandon()
        await self._runtime._tasks.stop()  # What was begun while the others ended.
        self.world.network.links.remove(self.link)

    async def _end_asks(self) -> None:
        asks = tuple(self._asks)
        for task in asks:
            task.cancel()
        await asyncio.gather(*asks, return_exceptions=True)

    async def _end_bus(self) -> None:
        await self.bus._tasks.stop()
        if self.hub is not None:
            await self.hub.stop()
            self.hub = None

    async def stop(self, *, hands_over: bool = True) -> None:
        """End in good order."""
        async with self._changing:
            runtime, self.runtime = self.runtime, None
            if runtime is None:
                return
            if not await self._done(self._stop(runtime, hands_over=hands_over)):
                await self._bury()
                return
            await self._end_asks()
            self.store.is_dead = True
            await runtime._tasks.stop()
            self.world.network.links.remove(self.link)

    async def _stop(self, runtime: Runtime, *, hands_over: bool) -> None:
        if hands_over:
            await runtime.hand_over()
        await self.bus.close()
        if self.hub is not None:
            await self.hub.stop()
            self.hub = None
        await runtime.stop()

    async def look_after(self) -> None:
        """Start another process where one has found that it is thought dead; for ever."""
        while True:
            await self.world.clock.sleep(0.3)
            if self.runtime is not None and self.runtime.failed.is_set() and not self.wrong:
                self.world.judge.note("a node learned that it had been declared dead")
                await self.stop(hands_over=False)
                await self.start()

    def pause(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        self.was_paused = True
        loop.pause(self.room)

    def resume(self) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        loop.resume(self.room)

    # Asking -----------------------------------------------------------------------------------

    async def ask(
        self, ref: Ref, message: Message[R], *, by: str, ask_id: AskId | None, seconds: float
    ) -> R:
        """Ask as the gateway of this node does, for so many seconds.

        Raises:
            RefusalError, ActorError: as the runtime does; `LostError` if the node says nothing.

        """
        return await self._answer(
            lambda runtime: runtime.ask(ref, message, by=by, ask_id=ask_id, timeout=seconds),
            seconds + 0.5,
        )

    async def tell(self, ref: Ref, message: Message[Any], *, name: str) -> None:
        """Tell as the gateway of this node does.

        Raises:
            ActorError: it may not have been written down.

        """
        await self._answer(lambda runtime: runtime.tell(ref, message, name=name), 5)

    async def _answer(self, say: Callable[[Runtime], Coroutine[Any, Any, R]], seconds: float) -> R:
        if self.runtime is None or not self.runtime.is_ready:
            raise UnavailableError("Nobody is there")
        loop = asyncio.get_running_loop()
        task = loop.create_task(say(self.runtime), context=self._context.copy())
        self._asks[task] = None
        task.add_done_callback(self._asked)
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            task.cancel()
            raise LostError("No answer came")
        if task.cancelled():
            raise LostError("The connection broke")
        return task.result()

    def _asked(self, task: "asyncio.Task[Any]") -> None:
        self._asks.pop(task, None)
        if not task.cancelled():
            task.exception()  # Somebody may have stopped waiting for it.
