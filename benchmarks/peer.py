"""The peer: the same gateway on plain transactions with `SELECT ... FOR UPDATE`.

Routes, middlewares, token policy, JSON and PostgreSQL settings are ours, because it *is* our
gateway; what stands behind it is not the actor runtime but the way this is usually built: a
connection pool, and one transaction a request that locks the ticket's row. It lacks only the
journal, the timers and the actors - and what belongs to the runtime: reads of several requests are
not gathered, each request sends its own.

    python -m benchmarks.peer DSN PORT
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, cast

import asyncpg
from prometheus_client import CollectorRegistry

from actors import Ids, LocalBus, Message, NotFoundError, Ref, Runtime, SystemClock
from actors.postgres_session import READ_SETTINGS, Session, prepare_session
from ticketing import bootstrap, event_loop, generated_keys, logs, orders
from ticketing.errors import OwnTicketError, PriceChangedError, TicketUnavailableError
from ticketing.reads import Reads
from ticketing.serve import calm_collector
from ticketing.settings import Settings
from web.app import create_app
from web.gateway import Gateway
from web.server import bind, listening

# As many connections as this machine has use for: more made it slower, fewer too.
CONNECTIONS = 8

_LOCK = "select * from tickets where id = $1 for update"
_RESERVE = """
update tickets set status = 'reserved', order_id = $2, buyer_id = $3, reserved_at = $4,
    reserved_until = $5, version = version + 1 where id = $1 returning version
"""
_ORDER = """
insert into orders (id, version, partition, ticket_id, ticket_version, buyer_id, seller_id, title,
    price_minor, currency, status, created_at, expires_at)
values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, 'created', $10, $11)
"""


class Reading:
    """Reads what one request wants, at once; in the place of a `Gatherer`."""

    def __init__(self, read: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]) -> None:
        self._read = read

    async def get(self, key: Any) -> Any:
        return (await self._read([key])).get(key)


class Transactions:
    """Does what the actors do, in one transaction a request."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", window: timedelta) -> None:
        self._pool = pool
        self._window = window
        self._placement = bootstrap.placement()
        self.clock = SystemClock()
        self.ids = Ids(self.clock)
        self.bus = LocalBus()
        self.metrics = CollectorRegistry()
        self.is_ready = True

    def gatherer(self, read: Callable[[list[Any]], Awaitable[Mapping[Any, Any]]]) -> Reading:
        return Reading(read)

    def peek(self, _ref: Ref) -> None:
        """Nothing is in memory."""

    async def ask(self, ref: Ref, message: Message[Any], **_: Any) -> Any:
        assert isinstance(message, orders.Place), "the peer only places orders"
        async with self._pool.acquire() as connection, connection.transaction():
            row: Any = await connection.fetchrow(_LOCK, message.ticket_id)
            now = self.clock.now()
            refuse_unless_open(row, message, now)
            until = now + self._window
            version = await connection.fetchval(
                _RESERVE, message.ticket_id, ref.key, message.buyer_id, now, until
            )
            await connection.execute(
                _ORDER, ref.key, self._placement.partition(ref), row["id"], version,
                message.buyer_id, row["seller_id"], row["title"], row["price_minor"],
                row["currency"], now, until,
            )  # fmt: skip
        return orders.Placed(order=placed(ref, row, message, version=version, now=now, until=until))


def refuse_unless_open(row: Any, message: orders.Place, now: Any) -> None:
    """The same rules as the ticket actor's."""
    if row is None:
        raise NotFoundError
    if row["seller_id"] == message.buyer_id:
        raise OwnTicketError
    is_free = row["status"] == "available" or (
        row["status"] == "reserved" and row["reserved_until"] <= now
    )
    if not is_free:
        raise TicketUnavailableError(available_at=row["reserved_until"])
    if message.price_minor not in {None, row["price_minor"]}:
        raise PriceChangedError


def placed(
    ref: Ref, row: Any, message: orders.Place, *, version: int, now: Any, until: Any
) -> orders.OrderState:
    """The order as the gateway shows it."""
    return orders.OrderState(
        id=ref.key,  # type: ignore[arg-type]
        version=1,
        ticket_id=row["id"],
        ticket_version=version,
        buyer_id=message.buyer_id,
        seller_id=row["seller_id"],
        title=row["title"],
        price_minor=row["price_minor"],
        currency=row["currency"],
        created_at=now,
        expires_at=until,
    )


async def serve(dsn: str, port: int) -> None:
    """Serve until killed."""
    settings = generated_keys.fill_in(Settings.from_env(os.environ))
    logs.configure(settings.log)
    calm_collector()
    pool = await asyncpg.create_pool(
        dsn, min_size=CONNECTIONS, max_size=CONNECTIONS, init=prepare_session,
        server_settings=READ_SETTINGS, connection_class=Session,
    )  # fmt: skip
    runtime = Transactions(pool, timedelta(seconds=settings.reservation_seconds))
    gateway = Gateway.of(cast("Runtime", runtime), Reads(pool), settings, stripe_base=None)
    async with listening(create_app(gateway), bind("127.0.0.1", port)) as listens:
        sys.stdout.write(f"ready http://127.0.0.1:{listens}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    event_loop.run(serve(sys.argv[1], int(sys.argv[2])))
