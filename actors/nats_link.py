"""The link over NATS: core messages only, because nothing that matters is kept there.

Requests to one subject that come up in one turn of the event loop go out as one message, and so do
their answers and all casts: under load a message carries dozens, and costs little more than one.
Each batch has an inbox of its own that says which requests it holds, so that the server's "no
responders" comes back to just those.

What is lost with a connection (`nats_connection`) is lost. One that seems to be there but brings
nothing back - a subscription that fell behind loses answers in silence - is noticed by asking
oneself, and made anew.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from secrets import token_hex
from typing import Final, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from actors.clock import Clock, SystemClock
from actors.errors import ExpiredError
from actors.link import Answerer, Listener, UnansweredError, UndeliveredError
from actors.nats_connection import NatsConnection
from actors.replies import Replies
from actors.tasks import Tasks

__all__ = ["NatsLink"]

log = structlog.get_logger("actors.link")

T = TypeVar("T")

WATCH_SECONDS: Final = 1.0
"""How often a node asks itself, and how long an answer may take."""
WATCH_FAILURES_MAX: Final = 3

# A server takes messages of a megabyte; in between there is room for what is put around them.
BATCH_BYTES_MAX: Final = 512 * 1024
BODY_BYTES_MAX: Final = 900 * 1024

_NO_RESPONDERS: Final = "503"

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_frames: Final = msgspec.msgpack.Decoder(list[tuple[int, bytes]]).decode
_unpack_casts: Final = msgspec.msgpack.Decoder(list[bytes]).decode


class _Asked:
    """A request that waits for its answer."""

    __slots__ = ("body", "number", "reply", "subject")

    def __init__(self, subject: str, body: bytes, reply: "asyncio.Future[object]") -> None:
        self.subject = subject
        self.body = body
        self.reply = reply
        self.number = -1  # Given when it goes out: those of one batch follow each other.


class NatsLink:
    """A node's end of the line. *url* names one server or several, separated by commas."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.is_up = False
        self._clock = clock or SystemClock()
        self._name = token_hex(8)
        self._connection = NatsConnection(
            url, self._name, self._clock, on_up=self._now_up, on_down=self._now_down
        )
        self._has_been_up = False
        self._has_work = asyncio.Event()
        self._backs: list[Callable[[], None]] = []
        self._answerers: dict[str, Answerer] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._replies = Replies(self._clock)
        self._numbers = count()
        self._waiting: dict[int, _Asked] = {}
        self._asked: dict[str, list[_Asked]] = {}
        self._answered: dict[str, list[tuple[int, bytes]]] = {}
        self._cast: dict[str, list[bytes]] = {}
        self._tasks = Tasks(lambda _name, _error: None)  # It has been logged.

    # From start to end ------------------------------------------------------------------------

    async def open(self) -> None:
        self._answerers[f"self.{self._name}"] = _same
        await self._connection.subscribe(f"inbox.{self._name}.*", self._on_answers)
        await self._connection.subscribe(f"self.{self._name}", self._on_requests)
        self._tasks.start(self._connection.run(), "link")
        self._tasks.start(self._send(), "link sender")
        self._tasks.start(self._watch(), "link watch")

    async def close(self) -> None:
        self.is_up = False
        client = self._connection.client
        if client is not None:
            with suppress(NatsError, TimeoutError, OSError):
                await self._flush(client)
        await self._tasks.stop()
        self._lose("The link was closed")
        await self._connection.close()

    def when_back(self, callback: Callable[[], None]) -> None:
        self._backs.append(callback)

    def _now_up(self) -> None:
        self.is_up = True
        if self._has_been_up:
            for callback in self._backs:
                callback()
        self._has_been_up = True

    def _now_down(self) -> None:
        self.is_up = False
        self._lose("The line is broken")

    async def _watch(self) -> None:
        """Ask ourselves: if that fails again and again, nobody else reaches us either."""
        failures = 0
        while True:
            await self._clock.sleep(WATCH_SECONDS)
            if not self.is_up:
                failures = 0
                continue
            try:
                await self.request(f"self.{self._name}", b"", timeout=WATCH_SECONDS)
            except UnansweredError:
                failures += 1
            except UndeliveredError:
                failures = 0
            else:
                failures = 0
            if failures >= WATCH_FAILURES_MAX:
                log.warning("link.deaf", why="what we ask ourselves does not come back")
                failures = 0
                self._connection.renew()

    # Requests ---------------------------------------------------------------------------------

    async def request(self, subject: str, body: bytes, *, timeout: float) -> bytes:
        if len(body) > BODY_BYTES_MAX:
            raise ValueError(f"expected a body of {BODY_BYTES_MAX} bytes at most, got {len(body)}")
        if not self.is_up:
            raise UndeliveredError("The line is down")
        reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        asked = _Asked(subject, body, reply)
        self._asked.setdefault(subject, []).append(asked)
        self._has_work.set()
        try:
            answer = await self._replies.wait(reply, self._clock.monotonic() + timeout)
        except ExpiredError:
            raise UnansweredError(f"No answer from {subject}") from None
        finally:
            self._waiting.pop(asked.number, None)
        assert isinstance(answer, bytes)
        return answer

    def give_up(self, subject: str) -> None:
        for asked in (each for each in self._waiting.values() if each.subject == subject):
            _fail(asked, UnansweredError(f"Nobody answers at {subject} any more"))

    async def _on_answers(self, message: Msg) -> None:
        """Answers to a batch, or that nobody was there for it."""
        first, _, size = message.subject.rpartition(".")[2].partition("-")
        if message.headers is not None and message.headers.get("Status") == _NO_RESPONDERS:
            for number in range(int(first), int(first) + int(size)):
                if number in self._waiting:
                    _fail(self._waiting[number], UndeliveredError("Nobody listens there"))
            return
        for number, answer in _unpack_frames(message.data):
            asked = self._waiting.get(number)
            if asked is not None and not asked.reply.done():
                asked.reply.set_result(answer)

    # Answers ----------------------------------------------------------------------------------

    async def answer(self, subject: str, answerer: Answerer) -> Callable[[], None]:
        self._answerers[subject] = answerer
        await self._connection.subscribe(subject, self._on_requests)

        def end() -> None:
            self._answerers.pop(subject, None)
            self._tasks.start(self._connection.unsubscribe(subject), "unsubscribe")

        return end

    async def _on_requests(self, message: Msg) -> None:
        answerer = self._answerers.get(message.subject)
        if answerer is None:
            return
        for number, body in _unpack_frames(message.data):
            self._tasks.start(self._respond(answerer, message.reply, number, body), "answer")

    async def _respond(self, answerer: Answerer, inbox: str, number: int, body: bytes) -> None:
        answer = await answerer(body)
        self._answered.setdefault(inbox, []).append((number, answer))
        self._has_work.set()

    # Casts ------------------------------------------------------------------------------------

    def cast(self, subject: str, body: bytes) -> None:
        if self.is_up:
            self._cast.setdefault(subject, []).append(body)
            self._has_work.set()

    async def listen(self, subject: str, listener: Listener) -> Callable[[], None]:
        is_new = subject not in self._listeners
        listeners = self._listeners.setdefault(subject, [])
        listeners.append(listener)
        if is_new:
            await self._connection.subscribe(subject, self._on_casts)

        def end() -> None:
            if listener in listeners:
                listeners.remove(listener)

        return end

    async def _on_casts(self, message: Msg) -> None:
        for body in _unpack_casts(message.data):
            for listener in tuple(self._listeners.get(message.subject, ())):
                try:
                    listener(body)
                except Exception:
                    log.exception("link.listener_failed", subject=message.subject)

    # The line ---------------------------------------------------------------------------------

    async def _send(self) -> None:
        """Send what has come up, again and again."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            client = self._connection.client
            if client is None:
                self._drop()
                continue
            try:
                await self._flush(client)
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("link.not_sent", why=f"{type(error).__name__}: {error}")
                self._connection.renew()

    async def _flush(self, client: Client) -> None:
        asked, self._asked = self._asked, {}
        answered, self._answered = self._answered, {}
        cast, self._cast = self._cast, {}
        for subject, requests in asked.items():
            for batch in _batches(requests, lambda each: len(each.body)):
                first = self._number(batch)
                inbox = f"inbox.{self._name}.{first}-{len(batch)}"
                frames = [(each.number, each.body) for each in batch]
                await client.publish(subject, _pack(frames), reply=inbox)
        for inbox, answers in answered.items():
            for some in _batches(answers, lambda each: len(each[1])):
                await client.publish(inbox, _pack(some))
        for subject, bodies in cast.items():
            for few in _batches(bodies, len):
                await client.publish(subject, _pack(few))

    def _number(self, batch: list[_Asked]) -> int:
        for asked in batch:
            asked.number = next(self._numbers)
            self._waiting[asked.number] = asked
        return batch[0].number

    def _lose(self, why: str) -> None:
        """The line is gone: of what was sent nobody knows, and the rest was not sent."""
        for asked in self._waiting.values():
            _fail(asked, UnansweredError(why))
        self._drop()

    def _drop(self) -> None:
        """What was to be sent is not."""
        asked, self._asked = self._asked, {}
        for requests in asked.values():
            for each in requests:
                _fail(each, UndeliveredError("The line is down"))
        self._answered.clear()
        self._cast.clear()


def _batches(items: list[T], size: Callable[[T], int]) -> list[list[T]]:
    """*items*, in as few messages as may be."""
    batches: list[list[T]] = [[]]
    total = 0
    for item in items:
        total += size(item)
        if batches[-1] and total > BATCH_BYTES_MAX:
            batches.append([])
            total = size(item)
        batches[-1].append(item)
    return batches


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.reply.done():
        asked.reply.set_exception(error)


async def _same(body: bytes) -> bytes:
    return body
