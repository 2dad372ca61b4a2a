"""A connection to NATS that is there again and again, with the same subscriptions.

One that is lost is made anew as the first one was; nothing is kept for it meanwhile, because what
is sent late is worse than what is not sent. One that seems to be there but brings nothing back is
for its user to notice, who then has it made anew (`renew`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeAlias

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from actors.clock import Clock

__all__ = ["NatsConnection"]

log = structlog.get_logger("actors.link")

PING_SECONDS: Final = 1
PINGS_MAX: Final = 2
CONNECT_SECONDS: Final = 2
CLOSE_SECONDS: Final = 1
RETRY_SECONDS: Final = 0.1

_LOST: Final = (NatsError, OSError, TimeoutError)

_Hears: TypeAlias = Callable[[Msg], Awaitable[None]]


class NatsConnection:
    """The way to *url*, one server or several, separated by commas; *name* tells whose it is.

    *on_up* is called whenever there is a connection with all subscriptions, *on_down* when it is
    lost.
    """

    def __init__(
        self,
        url: str,
        name: str,
        clock: Clock,
        *,
        on_up: Callable[[], None],
        on_down: Callable[[], None],
    ) -> None:
        self.client: Client | None = None
        """The connection that there is at the moment."""
        self._servers = [each.strip() for each in url.split(",")]
        self._name = name
        self._clock = clock
        self._on_up = on_up
        self._on_down = on_down
        self._broken = asyncio.Event()
        self._wanted: dict[str, _Hears] = {}
        self._subscriptions: dict[str, Subscription] = {}

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost, until cancelled."""
        while True:
            self._broken.clear()
            client = await self._connected()
            if client is None:
                await self._clock.sleep(RETRY_SECONDS)
                continue
            self.client = client
            server = client.connected_url
            log.info("link.up", server=server and f"{server.hostname}:{server.port}")
            self._on_up()
            await self._broken.wait()
            self.client = None
            self._on_down()
            log.warning("link.down")
            await _close(client)

    def renew(self) -> None:
        """This connection is no good: let go of it and make another."""
        self._broken.set()

    async def close(self) -> None:
        """Let out what was sent, and go; `run` must have been cancelled before."""
        client, self.client = self.client, None
        if client is not None:
            if client.is_connected:
                with suppress(*_LOST):
                    await client.flush(timeout=CLOSE_SECONDS)
            await _close(client)

    async def subscribe(self, subject: str, hears: _Hears) -> None:
        """Have *hears* hear what comes to *subject*; if nobody is there, as soon as somebody is."""
        self._wanted[subject] = hears
        client = self.client
        if client is None:
            return
        try:
            self._subscriptions[subject] = await client.subscribe(subject, cb=hears)
            await client.flush(timeout=CONNECT_SECONDS)
        except _LOST:
            self.renew()  # The next connection begins with all of them.

    async def unsubscribe(self, subject: str) -> None:
        self._wanted.pop(subject, None)
        subscription = self._subscriptions.pop(subject, None)
        if subscription is not None:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()

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
            await self._subscribe_all(client)
        except _LOST as error:
            log.debug("link.not_up", why=f"{type(error).__name__}: {error}")
            await _close(client)
            return None
        return client

    async def _subscribe_all(self, client: Client) -> None:
        """Have what is wanted heard through *client*, and what comes to be wanted meanwhile."""
        self._subscriptions = {}
        while missing := [each for each in self._wanted if each not in self._subscriptions]:
            for subject in missing:
                self._subscriptions[subject] = await client.subscribe(
                    subject, cb=self._wanted[subject]
                )
            await client.flush(timeout=CONNECT_SECONDS)


async def _close(client: Client) -> None:
    with suppress(*_LOST, asyncio.InvalidStateError):
        await client.close()
    # It gives up on the way if the other side is gone, and leaves its socket open.
    transport = client._transport  # noqa: SLF001
    if transport is not None:
        transport.close()  # type: ignore[no-untyped-call]
