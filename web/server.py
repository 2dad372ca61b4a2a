"""Listening, and stopping to: the gateway's socket.

aiohttp answers what is not even HTTP by itself, in plain text; here such requests get a problem
document and the security headers, like everything else.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web

from web import errors
from web.middleware import PROBLEM_HEADERS, REQUEST_ID_HEADER

__all__ = ["bind", "listening"]

# What is being asked when we stop gets this long; an ask takes 10 s at the most.
_FINISH_SECONDS: Final = 12.0

# How often it is looked whether everybody has gone.
_LOOK_SECONDS: Final = 0.02

# Longer than the 60 s after which usual proxies let go, so that it is they who close.
_KEEP_ALIVE_SECONDS: Final = 75.0

# From the first byte of a request until its headers are complete. 16 KiB of them, which nobody
# sends who means well, take 2 s over the slowest line that anybody shops with (GPRS, 80 kbit/s).
_HEAD_SECONDS: Final = 15.0

_BACKLOG: Final = 1024  # A crowd at the opening of a sale connects within one moment.

# What is written waits here and not in the kernel, which would take 4 MB from us for a client that
# reads nothing; so the hub sees early who is slow.
_UNSENT_BYTES_MAX: Final = 16_384

# What the other side has not even acknowledged for so long, it will not; also for updates, whose
# heartbeats are what notices a line that is dead.
_UNACKNOWLEDGED_MILLISECONDS_MAX: Final = 15_000

_SERVER_ERROR: Final = 500


@asynccontextmanager
async def listening(
    app: web.Application, bound: socket.socket, *, parting_seconds: float = 0.0
) -> AsyncIterator[int]:
    """Answers requests at the address *bound* (see `bind`) while the context lasts; gives the port.

    On leaving, nobody new is let in, and what is being asked is still answered. Connections that
    are there are answered on for *parting_seconds*, or until the last one has gone. Each answer
    should be the last of its connection by then (`middleware`): to close one that is silent may
    cross with a request that is on its way, and whoever sent that cannot know what came of it.
    """
    runner = web.AppRunner(app, shutdown_timeout=_FINISH_SECONDS)
    await runner.setup()
    try:
        listener = await _listen(app, runner, bound)
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            listener.close()
            await _parted(runner, parting_seconds)
    finally:
        await runner.cleanup()


async def _parted(runner: web.AppRunner, seconds: float) -> None:
    """Wait until nobody is connected any more, for so many *seconds* at the most."""
    assert runner.server is not None, "the runner has not been set up"
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while runner.server.connections and loop.time() < until:  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(_LOOK_SECONDS)


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that has the address to itself, before anybody listens; port 0 is a free one.

    If *shared*, others that ask for the same may have it, too; each new connection is then given
    to one of those that listen (evenly on Linux; elsewhere as the system likes).

    Raises:
        OSError: the address cannot be had.

    """
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    bound = socket.socket(family, kind, protocol)
    try:
        # A connection of a predecessor that is still being closed must not be in the way.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bound_sending(bound)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from None
    return bound


def _bound_sending(bound: socket.socket) -> None:
    """Limits that the connections of *bound* inherit, where the system has them (Linux)."""
    limits = {
        "TCP_NOTSENT_LOWAT": _UNSENT_BYTES_MAX,
        "TCP_USER_TIMEOUT": _UNACKNOWLEDGED_MILLISECONDS_MAX,
    }
    for name, value in limits.items():
        if (option := getattr(socket, name, None)) is not None:
            bound.setsockopt(socket.IPPROTO_TCP, option, value)


async def _listen(
    app: web.Application, runner: web.AppRunner, bound: socket.socket
) -> asyncio.Server:
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None, "the runner has not been set up"
    problem_headers = app[PROBLEM_HEADERS]

    def connect() -> _Connection:
        return _Connection(
            server,
            loop=loop,
            access_log=None,  # The middleware writes it.
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            auto_decompress=False,  # Compressed bodies are refused, so none is unpacked.
            problem_headers=problem_headers,
        )

    return await loop.create_server(connect, sock=bound, backlog=_BACKLOG)


class _Connection(web.RequestHandler):
    """One client's connection; whatever it sends, the answer is a document of ours."""

    def __init__(
        self,
        server: web.Server,
        *,
        problem_headers: Callable[[], Mapping[str, str]],
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self._problem_headers = problem_headers
        self._head_deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # aiohttp lets a head come as slowly as a connection may idle: a few bytes a minute would
        # keep a socket for little more than nothing.
        if self._is_reading_a_head:
            if self._head_deadline is None:
                self._head_deadline = self._loop.call_later(_HEAD_SECONDS, self._give_up)
        elif self._head_deadline is not None:
            self._end_deadline()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)

    @property
    def _is_reading_a_head(self) -> bool:
        """Whether something has come that is no request yet."""
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def _give_up(self) -> None:
        self._head_deadline = None
        if self._is_reading_a_head:
            self.force_close()

    def _end_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= _SERVER_ERROR or request.writer.output_size > 0:
            # Logs it, and gives up where half an answer is on its way already.
            super().handle_error(request, status, exc, message)
        headers = self._problem_headers()
        response = errors.answer_protocol_error(status, headers[REQUEST_ID_HEADER])
        response.headers.update(headers)
        response.force_close()
        return response
