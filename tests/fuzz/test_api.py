"""The API is asked for whatever its own description allows, and for much that it does not.

schemathesis makes the requests: examples, edge cases of every parameter, random bodies, and chains
in which one answer gives the next request its ids. No answer may be a 5xx, have a status or a shape
that the description does not name, or let through what it forbids. `make fuzz` takes ten minutes
for what takes seconds here.
"""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.functional.running_site import PASSWORD, call
from tests.support import postgres, server
from tests.support.wait import until
from ticketing import admin

SECONDS: Final = int(os.environ.get("TICKETING_FUZZ_SECONDS", "12"))
SEED: Final = os.environ.get("TICKETING_FUZZ_SEED", "1")

# What ends the session of whoever asks would leave nothing to be asked after it; and whom an
# operator has suspended answers nothing but 503.
LEFT_OUT: Final = (
    "/api/users/signout",
    "/api/users/signout-everywhere",
    "/api/admin/actors/{kind}/{key}/suspend",
)

# The description cannot say who owns what, and which of two right requests comes first: so a right
# request may be refused. That it is refused in a way that is described is checked. And what is
# deleted is not gone: an order is cancelled, and can still be read.
CHECKS_LEFT_OUT: Final = ("positive_data_acceptance", "use_after_free")

SETTINGS: Final = {
    "TICKETING_LIVE_RESERVATIONS_MAX": "100000",
    "TICKETING_PAYMENT_ATTEMPTS": "100",
    "TICKETING_RATE_LIMITS": "off",
}

REQUESTS_MIN: Final = 100

ROLES: Final = ("admin", "user", "anonymous")


@dataclass(frozen=True)
class Site:
    """A server with something of everything in it, all of it an administrator's."""

    url: str
    http: aiohttp.ClientSession
    tokens: dict[str, str]
    ids: dict[str, str]
    """What `{id}` is in the paths below a name: `/api/orders/{id}`."""

    async def post(self, path: str, body: Any, who: str = "admin") -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        answer = await call(self.http, self.url, "POST", path, json=body, headers=headers)
        assert answer.status in {200, 201}, answer.body
        return answer.body

    async def sign_in(self, who: str) -> None:
        said = {"email": f"{who}@example.com", "password": PASSWORD}
        self.tokens[who] = (await self.post("/api/users/token", said, ""))["accessToken"]

    async def is_admin(self) -> bool:
        await self.sign_in("admin")
        headers = {"Authorization": f"Bearer {self.tokens['admin']}"}
        answer = await call(self.http, self.url, "GET", "/api/admin/overview", headers=headers)
        return answer.status == 200

    async def furnish(self, dsn: str) -> None:
        for who in ("admin", "user"):
            said = {"email": f"{who}@example.com", "password": PASSWORD}
            await self.post("/api/users/signup", said, "")
            await self.sign_in(who)
        await admin.change_role(dsn, "admin@example.com", "grant")
        await until(self.is_admin, "the role is theirs", every=0.1)
        sold = await self.post("/api/tickets", {"title": "Row 1", "price": 20}, "user")
        order = await self.post("/api/orders", {"ticketId": sold["id"]})
        await self.post("/api/payments", {"orderId": order["id"], "token": "tok_visa"})
        ticket = await self.post("/api/tickets", {"title": "Row 2", "price": 20})
        self.ids.update(
            orders=order["id"], payments=order["id"], tickets=ticket["id"], actors=ticket["id"]
        )

    def config(self) -> str:
        """What is there, for schemathesis: half of its requests are about it."""
        lines = []
        for name, found in self.ids.items():
            pattern = f"/{name}/\\\\{{"
            parameters = (
                f'{{ "path.kind" = "ticket", "path.key" = "{found}" }}'
                if name == "actors" else f'{{ "path.id" = "{found}" }}'
            )  # fmt: skip
            lines += ["[[operations]]", f'include-path-regex = "{pattern}"',
                      f"parameters = {parameters}"]  # fmt: skip
        return "\n".join(lines)


@asynccontextmanager
async def furnished(databases: postgres.Databases, folder: Path) -> AsyncIterator[Site]:
    dsn = await databases.create()
    settings = {**SETTINGS, "DATABASE_URL": dsn}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        server.running(folder / "var", folder / "log", settings) as running,
    ):
        site = Site(running.url, http, {}, {})
        await site.furnish(dsn)
        yield site
    await databases.drop(dsn)


async def explore(site: Site, who: str, seconds: int, folder: Path) -> int:
    """How much schemathesis asked of the API as *who*, in so many *seconds* at the most."""
    config = folder / "schemathesis.toml"
    config.write_text(site.config() if who == "admin" else "")
    headers = ("-H", f"Authorization: Bearer {site.tokens[who]}") if who in site.tokens else ()
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("schemathesis"), "--config-file", config, "--no-color",
        "run", f"{site.url}/api/openapi.json", *headers,
        *("--exclude-checks", ",".join(CHECKS_LEFT_OUT)),
        *(word for path in LEFT_OUT for word in ("--exclude-path", path)),
        *("--phases", "examples,coverage,fuzzing,stateful", "--max-time", str(seconds)),
        *("--generation-database", "none", "--seed", SEED, "--continue-on-failure"),
        *("--warnings", "off", "--request-timeout", "30"),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder,
    )  # fmt: skip
    said, _ = await process.communicate()
    report = said.decode()
    assert process.returncode == 0, f"as {who}:\n{report}"
    found = re.search(r"(\d+) generated", report)
    assert found is not None, report
    return int(found[1])


async def test_no_answer_is_a_failure_or_of_another_shape_than_described(
    databases: postgres.Databases, tmp_path: Path
) -> None:
    async with furnished(databases, tmp_path) as site:
        for who in ROLES:
            seconds = max(1, SECONDS // len(ROLES))
            while (asked := await explore(site, who, seconds, tmp_path)) < REQUESTS_MIN:
                seconds *= 2  # A busy machine takes longer; it does not look at less.
            print(f"as {who}: {asked} requests, none answered otherwise than described")
    log = (tmp_path / "log").read_text()
    assert '"status":500' not in log.replace(" ", "")
