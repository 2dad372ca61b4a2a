"""Backup, destroy, restore: through the commands, as an operator types them, while people trade.

The payment provider outlives the destruction, as Stripe would: what it did after the backup the
restored database cannot know, and has to say so.
"""

import asyncio
import json
import os
import shutil
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.functional.running_site import PASSWORD, Answer, call
from tests.money import sandbox as sandboxes
from tests.money.world import free_port
from tests.support import server
from tests.support.server import Server
from tests.support.wait import until
from ticketing import backup
from ticketing.backup import BackupError
from ticketing.embedded import EmbeddedPostgres
from ticketing.payments.webhooks import WEBHOOKS
from ticketing.settings import Settings

RESERVATION_SECONDS = 4.0
SELLER, BUYER = "seller@example.com", "buyer@example.com"


# Nodes of then that might go on, and partitions that they would think theirs.
_GOES_ON = """
select (select count(*) from node where state <> 'dead')
    + (select count(*) from partition p where owner is not null
        or epoch <= (select max(epoch) from journal j where j.partition = p.id))
"""


@dataclass
class Site:
    """A place where a server runs, is lost, and runs again; with those who trade there."""

    data_dir: Path
    settings: Mapping[str, str]
    log: Path
    http: aiohttp.ClientSession
    url: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was answered of each order."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        async with server.running(self.data_dir, self.log, self.settings) as running:
            self.url = running.url
            yield running

    async def command(self, *words: str) -> tuple[int, str]:
        """Type `ticketing` and *words*: the exit status, and what was printed."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticketing", *words),
            env={**os.environ, **self.settings, "TICKETING_DATA_DIR": str(self.data_dir)},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        printed, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, printed.decode()

    async def call(self, who: str, method: str, path: str, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return await call(self.http, self.url, method, path, headers=headers, **options)

    async def signs(self, how: str, who: str) -> None:
        """Sign up, or ask for a token with the password of then."""
        said = {"email": who, "password": PASSWORD}
        if how == "up":
            made = await call(self.http, self.url, "POST", "/api/users/signup", json=said)
            assert made.status == 201, made.body
        answer = await call(self.http, self.url, "POST", "/api/users/token", json=said)
        assert answer.status == 200, answer.body
        self.tokens[who] = answer.body["accessToken"]

    async def orders(self, title: str) -> dict[str, Any]:
        """A ticket is listed and reserved."""
        offer = {"title": title, "price": 20, "delivery": f"code of {title}"}
        listed = await self.call(SELLER, "POST", "/api/tickets", json=offer)
        assert listed.status == 201, listed.body
        said = {"ticketId": listed.body["id"]}
        made = await self.call(BUYER, "POST", "/api/orders", json=said)
        assert made.status == 201, made.body
        order: dict[str, Any] = made.body
        return order

    async def pays(self, order: Mapping[str, Any]) -> None:
        said = {"orderId": order["id"], "token": "tok_visa"}
        paid = await self.call(BUYER, "POST", "/api/payments", json=said)
        assert (paid.status, paid.body["status"]) == (201, "captured")

        async def is_complete() -> dict[str, Any] | None:
            body: dict[str, Any] = (await self.order(order)).body
            return body if body["status"] == "complete" else None

        self.acknowledged[order["id"]] = await until(is_complete, "the order is complete")

    async def order(self, order: Mapping[str, Any]) -> Answer:
        return await self.call(BUYER, "GET", f"/api/orders/{order['id']}")

    async def trades(self) -> None:
        """Buy one ticket after the other, for as long as anybody lets us."""
        while True:
            await self.pays(await self.orders(f"Row {len(self.acknowledged)}"))

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines()
                 if line.startswith("{")]  # fmt: skip
        return [line for line in lines if line["event"] == event]


@asynccontextmanager
async def trading(site: Site) -> AsyncIterator[None]:
    """While the context lasts, somebody trades; and has gone on all the while."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(site.trades())
        yield
        assert not task.done(), task
        task.cancel()


@asynccontextmanager
async def opened(data_dir: Path, folder: Path) -> AsyncIterator[Site]:
    nobody = f"http://127.0.0.1:{free_port()}{WEBHOOKS}"
    async with (
        sandboxes.running(folder, nobody) as sandbox,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
    ):
        settings = {
            "STRIPE_KEY": "sk_test_backup",
            "STRIPE_API_BASE": sandbox.base,
            "STRIPE_WEBHOOK_SECRETS": sandboxes.WEBHOOK_SECRET,
            "TICKETING_RATE_LIMITS": "off",
            "TICKETING_RESERVATION_SECONDS": f"{RESERVATION_SECONDS:g}",
        }
        yield Site(data_dir, settings, folder / "server.log", http)


async def test_what_was_acknowledged_before_a_backup_is_there_after_everything_else_is_lost(
    data_dir: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "backup.zip"
    async with opened(data_dir, tmp_path) as site:
        async with site.running() as running:
            for who in (SELLER, BUYER):
                await site.signs("up", who)
            lapsing = await site.orders("nobody pays for it")
            forgotten = await site.orders("paid for after the backup")
            async with trading(site):
                await until(lambda: len(site.acknowledged) > 2, "some trade")
                before = dict(site.acknowledged)
                status, printed = await site.command("backup", str(kept))
                assert (status, printed.startswith(f"{kept}: ")) == (0, True), printed
                await site.pays(forgotten)
                after = len(site.acknowledged)
                await until(lambda: len(site.acknowledged) > after, "it goes on after the backup")
            old = dict(site.tokens)
            await running.kill()

        shutil.rmtree(data_dir)
        status, printed = await site.command("restore", str(kept))
        assert (status, "everybody signs in again" in printed) == (0, True), printed
        assert await site.command("fsck") == (0, "0 violations\n")

        async with site.running() as running:
            assert (await site.call(BUYER, "GET", "/api/orders")).status == 401
            for who in (SELLER, BUYER):
                await site.signs("in", who)
            assert old != site.tokens
            for order in before.values():
                assert (await site.order(order)).body == order  # Also what was sealed in it.
            for order in (lapsing, forgotten):

                async def has_lapsed(order: Mapping[str, Any] = order) -> bool:
                    return bool((await site.order(order)).body["status"] == "cancelled")

                await until(has_lapsed, "what came due has lapsed")
            await site.pays(await site.orders("after the restore"))
            told = await until(lambda: site.logged("payment.unclaimed"), "money is unclaimed")
            assert forgotten["id"] in {line["order"] for line in told}
            assert not {line["order"] for line in told} & before.keys()
            with pytest.raises(backup.BackupError, match="there already"):
                await backup.make(Settings(data_dir=data_dir), kept, print)
            assert await running.stop() == 0
        assert await site.command("fsck") == (0, "0 violations\n")
        await _loses_nothing(Settings(data_dir=data_dir), kept)


async def _loses_nothing(settings: Settings, kept: Path) -> None:
    """Whatever is wrong with a backup, the database that is there stays as it is."""
    count = await _tickets(settings)
    with pytest.raises(BackupError, match=rf"2 accounts, {count} tickets.*--replace"):
        await backup.restore(settings, kept, replace=False, log=print)
    wrong = {
        "cut off or damaged": kept.read_bytes()[:-1000],
        "damaged": kept.read_bytes().replace(b"PGDMP", b"PGDMQ"),
        "not a backup": b"",
        "format 1, got 2": _altered(kept, {"format": 2}),
        "0099.* does not know": _altered(
            kept, {"migrations": [{"number": 99, "name": "0099_new.sql", "sha256": ""}]}
        ),
        "TICKETING_DATA_KEYS": _altered(kept, {"sealed": "gAAA"}),
        "expected the rows .*12345": _altered(kept, {"rows": {"tickets": 12345}}),
        "error: .*": _altered(kept, {}, dump=b"PGDMP and no more"),
    }
    broken = kept.with_name("broken.zip")
    for words, content in wrong.items():
        broken.write_bytes(content)
        with pytest.raises(BackupError, match=words):
            await backup.restore(settings, broken, replace=True, log=print)
    assert await _tickets(settings) == count
    told = await backup.restore(settings, kept, replace=True, log=print)
    assert f"restored {kept}" in told
    assert 0 < await _tickets(settings) < count
    assert await _value(settings, _GOES_ON) == 0


def _altered(kept: Path, manifest: Mapping[str, Any], *, dump: bytes | None = None) -> bytes:
    """The same with something else in its manifest, or instead of its dump."""
    made = kept.with_name("altered.zip")
    with zipfile.ZipFile(kept) as archive, zipfile.ZipFile(made, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "manifest.json":
                content = json.dumps({**json.loads(content), **manifest}).encode()
            if name == "database.dump" and dump is not None:
                content = dump
            other.writestr(name, content)
    return made.read_bytes()


async def _tickets(settings: Settings) -> int:
    return await _value(settings, "select count(*) from tickets")


async def _value(settings: Settings, sql: str) -> int:
    async with await EmbeddedPostgres.open(settings.data_dir, log=print) as postgres:
        connection = await asyncpg.connect(postgres.dsn)
        try:
            found: int = await connection.fetchval(sql)
        finally:
            await connection.close()
    return found


async def test_a_database_of_ones_own_is_not_for_these_commands(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://db.test/ticketing")
    with pytest.raises(BackupError, match="DATABASE_URL: a database of your own"):
        await backup.make(settings, tmp_path / "kept.zip", print)
    with pytest.raises(BackupError, match="DATABASE_URL: a database of your own"):
        await backup.restore(settings, tmp_path / "kept.zip", replace=True, log=print)
    with pytest.raises(BackupError, match="there is no database in"):
        await backup.make(Settings(data_dir=tmp_path), tmp_path / "kept.zip", print)
    assert not list(tmp_path.iterdir())
