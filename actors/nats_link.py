"""The link over NATS: core messages only, because nothing that matters is kept there.

Requests to one subject that come up in one turn of the event loop go out as one message, and so do
their answers and all casts: under load a message carries dozens, and costs little more than one.
Each batch has an inbox of its own that says which requests it holds, so that the server's "no
responders" comes back to just those.

A connection that is lost is made anew as the first one was, with the same subscriptions; nothing is
kept for it meanwhile. One that seems to be there but brings nothing back - a subscription that fell
behind loses answers in silence - is noticed by asking oneself, and made anew, too.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count
from secrets import token_hex
from typing import Final, TypeVar

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from actors.clock import Clock, SystemClock
from actors.errors import ExpiredError
from actors.link import Answerer, Listener, UnansweredError, UndeliveredError
from actors.replies import Replies
from actors.tasks import Tasks

__all__ = ["NatsLink"]

log = structlog.get_logger("actors.link")

T = TypeVar("T")

PING_SECONDS: Final = 1
PINGS_MAX: Final = 2
CONNECT_SECONDS: Final = 2
RETRY_SECONDS: Final = 0.1

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
        self._servers = [each.strip() for each in url.split(",")]
        self._clock = clock or SystemClock()
        self._name = token_hex(8)
        self._client: Client | None = None
        self._broken = asyncio.Event()
        self._has_work = asyncio.Event()
        self._backs: list[Callable[[], None]] = []
        self._answerers: dict[str, Answerer] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._subscriptions: dict[str, Subscription] = {}
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
        self._tasks.start(self._keep_connected(), "link")
        self._tasks.start(self._send(), "link sender")
        self._tasks.start(self._watch(), "link watch")

    async def close(self) -> None:
        client, self._client = self._client, None
        self.is_up = False
        if client is not None and client.is_connected:
            with suppress(NatsError, TimeoutError, OSError):
                await self._flush(client)
                await client.flush(timeout=1)
        await self._tasks.stop()
        self._lose("The link was closed")
        if client is not None:
            await _close(client)

    def when_back(self, callback: Callable[[], None]) -> None:
        self._backs.append(callback)

    async def _keep_connected(self) -> None:
        """Connect, and again whenever the connection is lost."""
        is_first = True
        while True:
            self._broken.clear()
            client = await self._connected()
            if client is None:
                await self._clock.sleep(RETRY_SECONDS)
                continue
            self._client, self.is_up = client, True
            server = client.connected_url
            log.info("link.up", server=server and f"{server.hostname}:{server.port}")
            if not is_first:
                for callback in self._backs:
                    callback()
            is_first = False
            await self._broken.wait()
            self._client, self.is_up = None, False
            self._lose("The line is broken")
            log.warning("link.down")
            await _close(client)

    async def _connected(self) -> Client | None:
        """A new connection with all subscriptions; None if there is nobody."""

        async def on_closed() -> None:
            self._broken.set()

        async def on_error(error: Exception) -> None:
            log.info("link.error", why=f"{type(error).__name__}: {error}")

        client = Client()
        try:
            await client.connect(
                self._servers,
                name=self._name,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=PINGS_MAX,
                pending_size=0,
                closed_cb=on_closed,
                disconnected_cb=on_closed,
                error_cb=on_error,
            )
            await client.subscribe(f"inbox.{self._name}.*", cb=self._on_answers)
            for subject in self._answerers:
                self._subscriptions[subject] = await client.subscribe(subject, cb=self._on_requests)
            for subject in self._listeners:
                await client.subscribe(subject, cb=self._on_casts)
            await client.flush(timeout=CONNECT_SECONDS)
        except (NatsError, OSError, TimeoutError) as error:
            log.debug("link.not_up", why=f"{type(error).__name__}: {error}")
            await _close(client)
            return None
        return client

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
                self._broken.set()

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
        await self._subscribe(subject, self._on_requests)

        def end() -> None:
            self._answerers.pop(subject, None)
            self._tasks.start(self._unsubscribe(subject), "unsubscribe")

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
            await self._subscribe(subject, self._on_casts)

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

    async def _subscribe(self, subject: str, callback: Callable[[Msg], Awaitable[None]]) -> None:
        """Have *subject* heard; if the line is down, as soon as it is back."""
        client = self._client
        if client is None:
            return
        try:
            self._subscriptions[subject] = await client.subscribe(subject, cb=callback)
            await client.flush(timeout=CONNECT_SECONDS)
        except (NatsError, OSError, TimeoutError):
            self._broken.set()  # The next connection begins with all of them.

    async def _unsubscribe(self, subject: str) -> None:
        subscription = self._subscriptions.pop(subject, None)
        if subscription is not None:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _send(self) -> None:
        """Send what has come up, again and again."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            client = self._client
            if client is None:
                self._drop()
                continue
            try:
                await self._flush(client)
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("link.not_sent", why=f"{type(error).__name__}: {error}")
                self._broken.set()

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


async def _close(client: Client) -> None:
    with suppress(NatsError, OSError, TimeoutError, asyncio.InvalidStateError):
        await client.close()
    # It gives up on the way if the other side is gone, and leaves its socket open.
    transport = client._transport  # noqa: SLF001
    if transport is not None:
        transport.close()  # type: ignore[no-untyped-call]


async def _same(body: bytes) -> bytes:
    return body
