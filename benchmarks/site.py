"""A site as it is deployed: every role in processes of its own, over NATS and one PostgreSQL.

Clients reach the gateways by one name, as through a Service of Kubernetes: each new *connection*
goes to one of those that are ready; a connection that is there stays where it is until one of its
ends closes it.
"""

import asyncio
import itertools
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import psutil
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.fernet import Fernet

from benchmarks.stage import KEY
from migrations import migrate
from tests.cluster import nats_server
from tests.money import sandbox as sandboxes
from tests.money.sandbox import Sandbox
from tests.money.world import free_port
from tests.support.wait import until
from ticketing.embedded import EmbeddedPostgres
from ticketing.embedded import home as homes
from ticketing.fsck import Violation, check
from ticketing.payments.webhooks import WEBHOOKS

__all__ = ["BASE", "ROLES", "Pod", "Site", "running"]

HOST: Final = "127.0.0.1"
NAME: Final = "site.test"
BASE: Final = f"http://{NAME}"

ROLES: Final = (
    "gateway", "gateway", "auth", "tickets", "tickets", "orders", "orders", "expiration",
    "payments",
)  # fmt: skip
"""What two machines would run; more of the same for more load."""

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0

# As `preStop: sleep`: from when a pod is no longer given connections until it is told to stop.
PRE_STOP_SECONDS: Final = 0.5

# Eleven processes open eight each at the most.
_POSTGRES: Final = {"max_connections": "150"}


@dataclass(eq=False)
class Pod:
    """One process of a role."""

    role: str
    name: str
    port: int
    log: Path
    process: asyncio.subprocess.Process

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def is_gateway(self) -> bool:
        return self.role in {"gateway", "all"}

    @property
    def has_ended(self) -> bool:
        return self.process.returncode is not None


@dataclass
class Site:
    """All processes, and what they stand on."""

    folder: Path
    postgres: EmbeddedPostgres
    sandbox: Sandbox
    probes: aiohttp.ClientSession
    settings: Mapping[str, str]
    first_port: int
    pods: list[Pod] = field(default_factory=list)
    endpoints: list[Pod] = field(default_factory=list)
    """The gateways that new connections go to."""
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    async def start(self, role: str) -> Pod:
        """A new process, ready, and given connections if it is a gateway."""
        number = next(self._numbers)
        # The payment provider's webhooks go to the first one's port as long as it is there.
        port = self.first_port if number == 1 else free_port()
        name = f"{role}-{number}"
        log = self.folder / f"{name}.log"
        settings = {
            "TICKETING_PORT": str(port),
            "TICKETING_DATA_DIR": str(self.folder / name),
        }
        roles = [] if role == "all" else ["--services", role]
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ticketing", "serve", *roles),
                env={**os.environ, **self.settings, **settings}, stdout=errors, stderr=errors,
            )  # fmt: skip
        pod = Pod(role, name, port, log, process)
        self.pods.append(pod)
        await until(lambda: self._is_ready(pod), f"{name} is ready", seconds=READY_SECONDS,
                    every=0.02)  # fmt: skip
        if pod.is_gateway:
            self.endpoints.append(pod)
        return pod

    async def retire(self, pod: Pod) -> None:
        """End a process as a Deployment does: first no connections, then SIGTERM.

        Raises:
            RuntimeError: it does not end well.

        """
        if pod in self.endpoints:
            self.endpoints.remove(pod)
            await asyncio.sleep(PRE_STOP_SECONDS)
        if pod.has_ended:
            raise RuntimeError(f"void: {pod.name} ended by itself: {pod.log.read_text()[-2000:]}")
        pod.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_SECONDS):
            status = await pod.process.wait()
        self.pods.remove(pod)
        if status != 0:
            raise RuntimeError(f"{pod.name} ended with {status}: {pod.log.read_text()[-2000:]}")

    async def kill(self, pod: Pod) -> None:
        """End a process as a power cut would."""
        pod.process.kill()
        await pod.process.wait()
        self.pods.remove(pod)
        if pod in self.endpoints:
            self.endpoints.remove(pod)

    async def _is_ready(self, pod: Pod) -> bool:
        if pod.has_ended:
            raise RuntimeError(f"{pod.name} has ended: {pod.log.read_text()[-2000:]}")
        try:
            limit = aiohttp.ClientTimeout(total=2)
            async with self.probes.get(f"{pod.url}/readyz", timeout=limit) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    def postmaster(self) -> psutil.Process:
        pid_file = self.postgres.home.cluster / "postmaster.pid"
        return psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    async def fsck(self) -> list[Violation]:
        """What is wrong, the payment sandbox's books included."""
        held = await self.sandbox.held()
        connection = await asyncpg.connect(self.postgres.dsn)
        try:
            return await check(connection, sandbox_intents=held)
        finally:
            await connection.close()


class Service(AbstractResolver):
    """Which gateway the next connection goes to: one after the other."""

    def __init__(self, endpoints: Sequence[Pod]) -> None:
        self._endpoints = endpoints
        self._numbers = itertools.count()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del port, family
        if not self._endpoints:
            raise OSError("no gateway is ready")
        pod = self._endpoints[next(self._numbers) % len(self._endpoints)]
        return [
            ResolveResult(
                hostname=host, host=HOST, port=pod.port, family=socket.AF_INET, proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


def client(site: Site, connections: int) -> aiohttp.ClientSession:
    """Who asks for `BASE` with so many connections at once."""
    connector = aiohttp.TCPConnector(
        resolver=Service(site.endpoints), use_dns_cache=False, limit=connections
    )
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


@asynccontextmanager
async def running(
    folder: Path,
    roles: Sequence[str],
    settings: Mapping[str, str],
    prepare: Callable[[str], Awaitable[None]] | None = None,
) -> AsyncIterator[Site]:
    """A site in *folder* with a process for each of *roles*, all of them ready.

    *prepare* fills the database at the address that it is given, before anybody is there.
    """
    first_port, nats_port = free_port(), free_port()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        postgres = await enter(
            await EmbeddedPostgres.open(
                folder / "var", log=lambda _: None, server_settings=_POSTGRES
            )
        )
        stack.callback(homes.remove, postgres.home)
        await enter(nats_server.running(nats_port, folder / "nats.log"))
        sandbox = await enter(sandboxes.running(folder, f"http://{HOST}:{first_port}{WEBHOOKS}"))
        probes = await enter(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        connection = await asyncpg.connect(postgres.dsn)
        await migrate(connection)
        await connection.close()
        if prepare is not None:
            await prepare(postgres.dsn)
        shared = {
            "DATABASE_URL": postgres.dsn,
            "JWT_KEY": KEY,
            "NATS_URL": f"nats://{HOST}:{nats_port}",
            "SESSION_KEYS": Fernet.generate_key().decode(),
            "STRIPE_API_BASE": sandbox.base,
            "STRIPE_KEY": f"sk_test_{secrets.token_hex(8)}",
            "STRIPE_WEBHOOK_SECRETS": sandboxes.WEBHOOK_SECRET,
            "TICKETING_DATA_KEYS": Fernet.generate_key().decode(),
            "TICKETING_LOG": "json",
            "TICKETING_PUBLIC_URL": BASE,
            "TICKETING_RATE_LIMITS": "off",
            **settings,
        }
        site = Site(folder, postgres, sandbox, probes, shared, first_port)
        stack.push_async_callback(_end, site)
        for role in roles:
            await site.start(role)
        yield site


async def _end(site: Site) -> None:
    for pod in site.pods:
        if not pod.has_ended:
            pod.process.terminate()
    for pod in site.pods:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await pod.process.wait()
        except TimeoutError:
            pod.process.kill()
            await pod.process.wait()
