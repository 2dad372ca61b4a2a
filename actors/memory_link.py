"""The link in memory: several nodes in one event loop, and faults on request.

What is said takes the time that `MemoryNetwork.latency` draws, and arrives in the order in which
one node sent it. A node can be cut off, in one direction or both; what it sends is then lost
without a word, as on a line that is broken somewhere in the middle.

What arrives at an end is handled in the context in which that end was made: so a node that is
paused (see `actors.simulation.room`) hears it when it goes on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from actors.clock import Clock
from actors.link import Answerer, Listener, UnansweredError, UndeliveredError
from actors.tasks import Tasks

__all__ = ["MemoryLink", "MemoryNetwork", "Way"]


class Way(NamedTuple):
    """What travels: to which *subject*, and whether it is the answer to what was asked there."""

    kind: Literal["request", "answer", "cast"]
    subject: str


@dataclass
class MemoryNetwork:
    """What all ends have in common."""

    clock: Clock
    links: "list[MemoryLink]" = field(default_factory=list)
    latency: Callable[[], float] = lambda: 0.0
    """The seconds of each way of each word; drawn anew each time."""
    drops: Callable[[Way], bool] = lambda _way: False
    """Whether the next word gets lost."""
    doubles: Callable[[Way], bool] = lambda _way: False
    """Whether the next word arrives twice."""

    def __post_init__(self) -> None:
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged.
        self._context = copy_context()

    def carry(self, word: Coroutine[Any, Any, None], name: str) -> None:
        """Have *word* on its way, whatever becomes of who sent it."""
        self._tasks.start(word, name, context=self._context.copy())

    def link(self) -> "MemoryLink":
        """A new end."""
        link = MemoryLink(self)
        self.links.append(link)
        return link


class MemoryLink:
    """One node's end. `hears` and `speaks` are whether its words come and go."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.hears = self.speaks = True
        self._network = network
        self._is_open = False
        self._answerers: dict[str, Answerer] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._backs: list[Callable[[], None]] = []
        self._waiting: dict[asyncio.Future[bytes], str] = {}
        self._sent_until = 0.0
        self._under_way: deque[tuple[str, bytes]] = deque()
        self._arrived: deque[tuple[str, bytes]] = deque()
        self._context = copy_context()
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged.

    @property
    def is_up(self) -> bool:
        return self._is_open

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self.end()
        await self._tasks.stop()

    def end(self) -> None:
        """Be gone at once, as the line of a node that was killed."""
        self._is_open = False
        self._answerers.clear()
        self._listeners.clear()
        for reply in self._waiting:
            _fail(reply, UnansweredError("The link was closed"))

    def back(self) -> None:
        """The line was broken, and is whole again."""
        self.hears = self.speaks = True
        for callback in self._backs:
            callback()

    async def request(self, subject: str, body: bytes, *, timeout: float) -> bytes:
        if not self._is_open:
            raise UndeliveredError("The line is down")
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[reply] = subject
        for _ in range(2 if self._network.doubles(Way("request", subject)) else 1):
            self._network.carry(self._ask(subject, body, reply), f"request {subject}")
        try:
            async with asyncio.timeout(timeout):
                return await reply
        except TimeoutError:
            raise UnansweredError(f"No answer from {subject}") from None
        finally:
            del self._waiting[reply]

    async def _ask(self, subject: str, body: bytes, reply: "asyncio.Future[bytes]") -> None:
        await self._travel()
        if not self.speaks or self._network.drops(Way("request", subject)):
            return
        there = next((link for link in self._network.links if subject in link._answerers), None)  # noqa: SLF001 - its other end
        if there is None:
            if self.hears:
                _fail(reply, UndeliveredError("Nobody listens there"))
            return
        if not there.hears:
            return
        answer = await there._answered(subject, body)  # noqa: SLF001
        await self._travel()
        arrives = there.speaks and there.is_up and self.hears
        is_lost = self._network.drops(Way("answer", subject))
        if arrives and not is_lost and not reply.done():
            reply.set_result(answer)

    def _answered(self, subject: str, body: bytes) -> "asyncio.Future[bytes]":
        """What this end answers, at work in its own context; cancelled if it ends before."""
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        answerer = self._answerers[subject]

        async def answer() -> None:
            try:
                answered.set_result(await answerer(body))
            except Exception as error:  # noqa: BLE001 - it is the asker's
                _fail(answered, error)
            finally:
                answered.cancel()

        self._tasks.start(answer(), f"answer {subject}", context=self._context.copy())
        return answered

    def give_up(self, subject: str) -> None:
        for reply, asked in tuple(self._waiting.items()):
            if asked == subject:
                _fail(reply, UnansweredError(f"Nobody answers at {subject} any more"))

    async def answer(self, subject: str, answerer: Answerer) -> Callable[[], None]:
        self._answerers[subject] = answerer
        return lambda: _void(self._answerers.pop(subject, None))

    def cast(self, subject: str, body: bytes) -> None:
        if self._is_open:
            now = self._network.clock.monotonic()
            self._sent_until = max(self._sent_until, now + self._network.latency())
            self._under_way.append((subject, body))
            asyncio.get_running_loop().call_later(self._sent_until - now, self._deliver)

    def _deliver(self) -> None:
        """What was cast first arrives, whichever of the timers it is that rings."""
        subject, body = self._under_way.popleft()
        way = Way("cast", subject)
        for link in tuple(self._network.links):
            if subject not in link._listeners:  # noqa: SLF001
                continue
            if not (self.speaks and link.hears) or self._network.drops(way):
                continue
            for _ in range(2 if self._network.doubles(way) else 1):
                link._arrives(subject, body)  # noqa: SLF001

    def _arrives(self, subject: str, body: bytes) -> None:
        self._arrived.append((subject, body))
        asyncio.get_running_loop().call_soon(self._hear, context=self._context)

    def _hear(self) -> None:
        """What arrived first is heard first, whichever of the callbacks it is that runs."""
        subject, body = self._arrived.popleft()
        for listener in tuple(self._listeners.get(subject, ())):
            listener(body)

    async def listen(self, subject: str, listener: Listener) -> Callable[[], None]:
        listeners = self._listeners.setdefault(subject, [])
        listeners.append(listener)
        return lambda: listeners.remove(listener)

    def when_back(self, callback: Callable[[], None]) -> None:
        self._backs.append(callback)

    async def _travel(self) -> None:
        await self._network.clock.sleep(self._network.latency())


def _fail(reply: "asyncio.Future[bytes]", error: Exception) -> None:
    if not reply.done():
        reply.set_exception(error)


def _void(_: object) -> None:
    """Nothing."""
