"""What one process does of all that there is to do, and what it says where it has no gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.cluster.nats_server import Nats
from tests.functional.running_site import Answer, call
from tests.money.world import free_port
from tests.support.wait import until
from ticketing.__main__ import main
from ticketing.generated_keys import fill_in
from ticketing.roles import ALL, SERVICES, Roles, refuse_unless_fit
from ticketing.serve import Standing, standing
from ticketing.settings import Settings, SettingsError
from ticketing.starting import StoppedError

OWNED = "select distinct service from partition where owner is not null"

MEETING = {"nats_url": "nats://nats.test", "database_url": "postgresql://db.test/ticketing"}


def test_roles_are_named_in_any_order() -> None:
    assert Roles.parse("all") == ALL == Roles(SERVICES, has_gateway=True)
    assert Roles.parse("payments, auth") == Roles(("auth", "payments"), has_gateway=False)
    assert Roles.parse("gateway") == Roles((), has_gateway=True)
    assert str(Roles.parse("tickets,gateway")) == "gateway,tickets"


@pytest.mark.parametrize("text", ["", "tickts", "all,tickets", "tickets,", "Gateway"])
def test_a_role_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--services: expected all, or some of gateway,auth"):
        Roles.parse(text)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["--services", "tickts"], "--services"),
        (["--services", "tickets"], "NATS_URL"),
        (["--processes", "0"], "--processes"),
        (["--processes", "many"], "--processes"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    arguments: list[str],
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TICKETING_DATA_DIR", str(tmp_path))
    assert main(["serve", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"ticketing: {name}: expected ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("roles", "processes", "given", "missing"),
    [
        ("all", 1, {}, None),
        ("all", 4, {}, None),
        ("all", 4, MEETING, None),  # They share the sandbox of their parent.
        ("all", 1, MEETING, "STRIPE_API_BASE"),
        ("all", 1, MEETING | {"stripe_api_base": "http://sandbox.test"}, None),
        ("tickets", 1, {}, "NATS_URL"),
        ("tickets", 2, {"nats_url": "nats://nats.test"}, "DATABASE_URL"),
        ("tickets,orders", 1, MEETING, None),
        ("payments", 2, MEETING, "STRIPE_API_BASE"),
        ("gateway", 1, MEETING, "STRIPE_API_BASE"),
    ],
)
def test_a_part_of_the_roles_needs_where_to_meet_the_others(
    roles: str, processes: int, given: dict[str, Any], missing: str | None
) -> None:
    refused = None
    try:
        refuse_unless_fit(Roles.parse(roles), Settings(**given), processes=processes)
    except SettingsError as error:
        refused = error.name
    assert refused == missing


@asynccontextmanager
async def caller() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http


def settings_of(folder: Path, **given: Any) -> Settings:
    return fill_in(Settings(**{"data_dir": folder, "port": 0, **given}))


async def test_a_process_without_a_gateway_answers_probes_alone(
    postgres_dsn: str, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, database_url=postgres_dsn)
    async with standing(settings, Roles.parse("auth,tickets")) as server, caller() as http:
        for path in ("/livez", "/readyz"):
            assert (await call(http, server.url, "GET", path)).status == 200
        metrics = (await call(http, server.url, "GET", "/metrics")).body
        assert "actors_turns_total" in metrics
        assert "actors_inbox_overdue 0.0" in metrics
        for path in ("/", "/api/tickets", "/ws"):
            answer = await call(http, server.url, "GET", path)
            assert (answer.status, answer.body["code"]) == (404, "not_found")
            assert answer.headers["X-Request-Id"] == answer.body["requestId"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert (await call(http, server.url, "POST", "/readyz")).status == 405
        server.system.runtime.is_ready = False
        draining = await call(http, server.url, "GET", "/readyz")
        assert (draining.status, draining.body["detail"]) == (503, "The process is draining")
        rows = await server.system.store.pool.fetch(OWNED)
        assert {row["service"] for row in rows} == {"auth", "tickets"}


class Late:
    """A database behind a folder of sockets that is not there yet."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._sockets = Path(dsn.partition("host=")[2].partition("&")[0].replace("%2F", "/"))
        self._place = folder / "sockets"
        self.dsn = dsn.replace(str(self._sockets).replace("/", "%2F"), f"{self._place}")

    def arrive(self) -> None:
        self._place.symlink_to(self._sockets)


@asynccontextmanager
async def waiting(settings: Settings, does: Roles = ALL) -> AsyncIterator[asyncio.Queue[Standing]]:
    """A process that may not come to stand for long; the queue gets it when it does."""
    there: asyncio.Queue[Standing] = asyncio.Queue()
    stop = asyncio.Event()

    async def stand() -> None:
        async with standing(settings, does, stop=stop) as server:
            there.put_nowait(server)
            await stop.wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(stand())
        try:
            yield there
        finally:
            stop.set()


async def test_a_process_waits_for_its_database_and_says_so(
    postgres_dsn: str, tmp_path: Path
) -> None:
    late = Late(postgres_dsn, tmp_path)
    settings = settings_of(tmp_path, database_url=late.dsn, port=free_port())
    url = f"http://{settings.host}:{settings.port}"
    async with waiting(settings) as there, caller() as http:

        async def told() -> Answer | None:
            try:
                answer = await call(http, url, "GET", "/readyz")
            except aiohttp.ClientConnectionError:
                return None
            return answer if "database" in answer.body.get("detail", "") else None

        answer = await until(told, "it says what it waits for")
        assert (answer.status, answer.body["code"]) == (503, "not_ready")
        assert answer.body["detail"] == "The process is starting: the database is not there yet"
        assert (await call(http, url, "GET", "/livez")).status == 200
        elsewhere = await call(http, url, "GET", "/api/tickets")
        assert (elsewhere.status, elsewhere.body["code"]) == (503, "not_ready")
        assert elsewhere.headers["Retry-After"]
        late.arrive()
        await there.get()
        assert (await call(http, url, "GET", "/readyz")).status == 200
        assert (await call(http, url, "GET", "/api/tickets")).status == 200


async def test_who_waits_can_be_told_to_stop(postgres_dsn: str, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, database_url=Late(postgres_dsn, tmp_path).dsn)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    with pytest.raises(StoppedError):
        async with standing(settings, stop=stop):
            pass


async def test_a_database_that_is_there_and_is_wrong_is_not_waited_for(
    postgres_dsn: str, tmp_path: Path
) -> None:
    wrong = postgres_dsn.replace("/test_", "/no_such_")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        async with standing(settings_of(tmp_path, database_url=wrong)):
            pass


async def test_a_process_waits_for_nats_and_says_when_it_is_gone(
    postgres_dsn: str, tmp_path: Path
) -> None:
    nats = Nats(free_port(), tmp_path / "nats.log")
    settings = settings_of(
        tmp_path, database_url=postgres_dsn, nats_url=f"nats://{nats.address}", port=free_port()
    )
    url = f"http://{settings.host}:{settings.port}"
    async with waiting(settings, Roles.parse("tickets")) as there, caller() as http:

        async def detail() -> str:
            try:
                answer = await call(http, url, "GET", "/readyz")
            except aiohttp.ClientConnectionError:
                return ""
            said: str = answer.body.get("detail", "ready")
            return said

        async def says(what: str) -> None:
            async def it_does() -> bool:
                return await detail() == what

            await until(it_does, what)

        await says("The process is starting: NATS is not there yet")
        await nats.start()
        try:
            await there.get()
            assert await detail() == "ready"
            await nats.kill()
            await says("NATS does not answer")
            assert (await call(http, url, "GET", "/livez")).status == 200
            await nats.start()
            await says("ready")
        finally:
            await nats.kill()


async def test_who_waits_for_nats_can_be_told_to_stop(postgres_dsn: str, tmp_path: Path) -> None:
    away = f"nats://127.0.0.1:{free_port()}"
    settings = settings_of(tmp_path, database_url=postgres_dsn, nats_url=away)
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(1.0, stop.set)
    with pytest.raises(StoppedError):
        async with standing(settings, Roles.parse("tickets"), stop=stop):
            pass
