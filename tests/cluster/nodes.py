"""Nodes (`node`) and what they stand on.

Between each node and the database, and each node and NATS, is a line of its own (`chaos_proxy`).
All nodes pay with one payment sandbox.
"""

import asyncio
import base64
import os
import re
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg

from tests.cluster import chaos_proxy, disk, nats_server
from tests.cluster.chaos_proxy import Lines
from tests.cluster.clocks import SteppedClock
from tests.cluster.disk import Disk
from tests.cluster.nats_server import Nats
from tests.cluster.node import EVERYTHING, HOST, REPOSITORY, Node
from tests.crash.outage import Database, database
from tests.money import sandbox as sandboxes
from tests.money.sandbox import Sandbox
from tests.money.world import free_port
from tests.support.wait import until
from ticketing.embedded.home import PORT
from ticketing.fsck import Violation, check
from ticketing.payments.webhooks import WEBHOOKS

__all__ = ["LEASE_SECONDS", "RESERVATION_SECONDS", "Cluster", "running"]

LEASE_SECONDS: Final = 2.0
RESERVATION_SECONDS: Final = 5.0

REST_SECONDS: Final = 90.0

_IS_NEWS: Final = re.compile(r'"level": ?"info"')

_BUSY: Final = """
select exists (
    select from inbox
    where kind not in ('watch', 'sweeper', 'reconciler') and key <> 'stripe' and parked_at is null
        and (name is null or due_at < clock_timestamp())
) or exists (
    select from orders where status in ('created', 'awaiting:payment')
) or exists (
    select from payments p cross join lateral jsonb_array_elements(p.attempts) as a
    where a ->> 'status' in
        ('started', 'action_required', 'authorised', 'settled', 'voiding', 'refunding')
)
"""


@dataclass
class Cluster:
    """All nodes, and what they stand on."""

    folder: Path
    database: Database
    servers: Sequence[Nats]
    sandbox: Sandbox
    lines: Lines
    http: aiohttp.ClientSession
    settings: Mapping[str, str]
    jwt_key: str
    command: Sequence[str]
    disk: Disk | None = None
    """What the database has to itself, if it has."""
    nodes: list[Node] = field(default_factory=list)

    @property
    def nats(self) -> Nats | None:
        """The nats-server, or one of them."""
        return self.servers[0] if self.servers else None

    @property
    def gateways(self) -> list[Node]:
        return [node for node in self.nodes if node.services == EVERYTHING
                or "gateway" in node.services.split(",")]  # fmt: skip

    async def add(self, services: str = EVERYTHING, *, port: int | None = None) -> Node:
        """A place for one more node, not started yet."""
        name = f"node{len(self.nodes) + 1}"
        socket = f"{self.database.home.sockets}/.s.PGSQL.{PORT}"
        node = Node(
            name=name,
            port=port or free_port(),
            services=services,
            settings={**self.settings, "TICKETING_DATA_DIR": str(self.folder / name)},
            log=self.folder / f"{name}.log",
            http=self.http,
            database=await self.lines.open(f"{name}-database", socket),
            nats=[
                await self.lines.open(f"{name}-nats{number}", server.address)
                for number, server in enumerate(self.servers, 1)
            ],
            clock=SteppedClock(self.folder / f"{name}.clock"),
            command=self.command,
        )
        self.nodes.append(node)
        return node

    async def migrate(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticketing", "migrate"),
            cwd=REPOSITORY,
            env={**os.environ, "DATABASE_URL": self.database.dsn},
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows, straight from the database."""
        connection = await asyncpg.connect(self.database.dsn)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    async def rest(self) -> None:
        """Wait until everything has come to its end, and nobody has more to say."""

        async def is_at_rest() -> bool:
            (row,) = await self.fetch(_BUSY)
            return not row[0]

        await until(is_at_rest, "everything is at rest", seconds=REST_SECONDS, every=0.1)

    async def fsck(self) -> list[Violation]:
        """What `fsck` finds when all is at rest, the payment sandbox's books included."""
        held = await self.sandbox.held()
        connection = await asyncpg.connect(self.database.dsn)
        try:
            return await check(connection, sandbox_intents=held, at_rest=True)
        finally:
            await connection.close()

    def complaints(self, lines: int = 40) -> str:
        """What the nodes logged last that is no news."""
        found = []
        for node in self.nodes:
            log = node.log.read_text() if node.log.exists() else ""
            bad = [line for line in log.splitlines() if not _IS_NEWS.search(line)]
            found += [f"--- {node.name}", *(line[:2000] for line in bad[-lines:])]
        return "\n".join(found)


@asynccontextmanager
async def running(
    folder: Path,
    services: Sequence[str],
    settings: Mapping[str, str] | None = None,
    *,
    nats_servers: int = 1,
    on_small_disk: bool = False,
    command: Sequence[str] = ("-m", "ticketing"),
    one_by_one: bool = False,
) -> AsyncIterator[Cluster]:
    """A cluster in *folder*, a node for each of *services*, all of them ready.

    They are started at once, unless *one_by_one*: then each knows who it is. The database has a
    disk of its own if it is to be *on_small_disk* and that can be had here.
    """
    first_port = free_port()
    jwt_key = secrets.token_urlsafe(48)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        own = stack.enter_context(disk.small(folder / "disk")) if on_small_disk else None
        found = await enter(database((own.folder if own else folder) / "database"))
        servers = await enter(_nats(nats_servers, folder))
        sandbox = await enter(sandboxes.running(folder, f"http://{HOST}:{first_port}{WEBHOOKS}"))
        http = await enter(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        cluster = Cluster(
            folder=folder,
            database=found,
            servers=servers,
            sandbox=sandbox,
            lines=await enter(chaos_proxy.running()),
            http=http,
            settings={**_shared(sandbox, jwt_key), **(settings or {})},
            jwt_key=jwt_key,
            command=command,
            disk=own,
        )
        await cluster.migrate()
        for number, each in enumerate(services):
            await cluster.add(each, port=None if number else first_port)
        stack.push_async_callback(_stop_all, cluster)
        async with asyncio.TaskGroup() as tasks:
            keeping = []
            try:
                for node in cluster.nodes:
                    await node.start()
                    keeping.append(tasks.create_task(node.keep()))
                    if one_by_one:
                        await node.ready()
                        await _identify(cluster, node)
                for node in cluster.nodes:
                    await node.ready()
                yield cluster
            except BaseException:
                sys.stdout.write(f"{cluster.complaints()}\n")
                raise
            finally:
                for task in keeping:
                    task.cancel()


@asynccontextmanager
async def _nats(count: int, folder: Path) -> AsyncIterator[Sequence[Nats]]:
    """So many servers; several are one to their clients."""
    if not count:
        yield ()
    elif count == 1:
        async with nats_server.running(free_port(), folder / "nats.log") as server:
            yield (server,)
    else:
        ports = [free_port() for _ in range(2 * count)]
        async with nats_server.clustered(ports[:count], ports[count:], folder) as servers:
            yield servers


async def _identify(cluster: Cluster, node: Node) -> None:
    known = [each.id for each in cluster.nodes if each.id]
    ((node.id,),) = await cluster.fetch(
        "select id::text from node where state = 'up' and id::text <> all($1)", known
    )


async def _stop_all(cluster: Cluster) -> None:
    for node in cluster.nodes:
        node.is_wanted = False
        if node.process is not None and node.process.returncode is None:
            node.process.send_signal(signal.SIGCONT)
            node.process.kill()
            await node.process.wait()


def _shared(sandbox: Sandbox, jwt_key: str) -> dict[str, str]:
    """What all nodes of a deployment have in common."""

    def fernet_key() -> str:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()

    return {
        "JWT_KEY": jwt_key,
        "SESSION_KEYS": fernet_key(),
        "TICKETING_DATA_KEYS": fernet_key(),
        "STRIPE_API_BASE": sandbox.base,
        "STRIPE_KEY": "sk_test_cluster",
        "STRIPE_WEBHOOK_SECRETS": sandboxes.WEBHOOK_SECRET,
        "TICKETING_HOST": HOST,
        "TICKETING_LEASE_SECONDS": f"{LEASE_SECONDS:g}",
        "TICKETING_LIVE_RESERVATIONS_MAX": "1000",
        "TICKETING_LOG": "json",
        "TICKETING_PAYMENT_ATTEMPTS": "100",
        "TICKETING_RATE_LIMITS": "off",
        "TICKETING_RESERVATION_SECONDS": f"{RESERVATION_SECONDS:g}",
    }
