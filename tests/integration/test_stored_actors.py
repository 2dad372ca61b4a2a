"""What is stored of actors can be looked at, page by page and at any version, and wakes nobody."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest
import pytest_asyncio

from actors import Ref, Runtime, UnavailableError
from actors import postgres_inspection as queries
from actors.postgres_session import READ_SETTINGS, prepare_session
from actors.redaction import UNREADABLE
from actors.stored import StoredActors, Unreadable
from tests.conftest import DsnFactory
from tests.support import postgres
from tests.support.market import BUYER, PRICE, SELLER
from ticketing import auth, bootstrap
from ticketing.generated_keys import fill_in
from ticketing.orders import messages as orders
from ticketing.reads import Reads
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import ReleaseReason, TicketState, TicketStatus
from ticketing.values import OrderId, TicketId

TICKET, ORDER = tickets.ticket(TicketId("a-ticket")), orders.order(OrderId("an-order"))
ACCOUNT = auth.account("kim@example.com")
CANCEL = orders.Cancel(buyer_id=BUYER, reason=orders.CancelReason.USER)


class House:
    """A system, and a look into its database."""

    def __init__(self, runtime: Runtime, pool: Any, stored: StoredActors) -> None:
        self.runtime = runtime
        self.stored = stored
        self._pool = pool

    async def execute(self, sql: str, *arguments: object) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(sql, *arguments)

    async def live(self) -> None:
        """One ticket is listed, reserved, let go of, and reserved again; an account is opened."""
        offer = tickets.List(
            seller_id=SELLER, title="A", price_minor=PRICE, currency="usd", delivery="sealed"
        )
        await self.runtime.ask(TICKET, offer)
        place = orders.Place(ticket_id=TicketId(TICKET.key), buyer_id=BUYER)
        await self.runtime.ask(orders.order(OrderId("first")), place)
        await self.runtime.ask(orders.order(OrderId("first")), CANCEL)
        await self.runtime.ask(ORDER, place)
        opened = auth.SignUp(user_id=BUYER, email="Kim@example.com", password_hash="$argon2id$x")
        await self.runtime.ask(ACCOUNT, opened)


@pytest_asyncio.fixture
async def house(postgres_dsn: str) -> AsyncIterator[House]:
    with postgres.data_folder() as folder:
        async with bootstrap.running(
            fill_in(Settings(data_dir=folder)),
            dsn=postgres_dsn,
            stripe_base="http://127.0.0.1:9",  # Nobody pays here.
            exclusive=True,
        ) as system:
            pool = system.store.pool
            stored = StoredActors(Reads(pool), bootstrap.STATE_TYPES, bootstrap.TABLES)
            made = House(system.runtime, pool, stored)
            await made.live()
            yield made


async def test_rows_are_the_states_in_memory_and_sleepers_sleep_on(house: House) -> None:
    for ref in (TICKET, ORDER, ACCOUNT):
        assert await house.stored.row(ref) == house.runtime.inspector.state(ref)
        house.runtime.inspector.passivate(ref)
    for ref in (TICKET, ORDER, ACCOUNT):
        row = await house.stored.row(ref)
        assert row is not None
        assert await house.stored.journal(ref, after=None, limit=9)
        assert await house.stored.state_at(ref, row.version) == row
        await house.stored.of_actor(ref)
        assert ref not in house.runtime.resident
    assert await house.stored.row(tickets.ticket(TicketId("no-ticket"))) is None


async def test_a_state_is_what_it_was_at_every_version(house: House) -> None:
    async def status(version: int) -> Any:
        state = await house.stored.state_at(TICKET, version)
        assert isinstance(state, TicketState)
        assert state.version == min(version, 4)
        return state.status, state.order_id

    reserved, free = TicketStatus.RESERVED, (TicketStatus.AVAILABLE, None)
    seen = {version: await status(version) for version in (1, 2, 3, 4, 9)}
    assert seen == {
        1: free,
        2: (reserved, "first"),
        3: free,
        4: (reserved, ORDER.key),
        9: (reserved, ORDER.key),
    }
    # Also after a later one was asked for, and once there is one more.
    assert await status(2) == (reserved, "first")
    assert await house.stored.state_at(TICKET, 0) is None
    assert await house.stored.state_at(tickets.ticket(TicketId("no-ticket")), 3) is None
    await house.runtime.ask(ORDER, CANCEL)
    state = await house.stored.state_at(TICKET, 5)
    assert state == await house.stored.row(TICKET)


async def test_a_journal_goes_on_where_the_page_ended_and_hides_what_is_secret(
    house: House,
) -> None:
    first = await house.stored.journal(TICKET, after=None, limit=3)
    last = (first[-1].version, first[-1].seq)
    rest = await house.stored.journal(TICKET, after=last, limit=3)
    lines = [*first, *rest]
    assert [(each.version, each.seq) for each in lines] == [(1, 0), (2, 0), (3, 0), (4, 0)]
    assert [each.fact for each in lines] == [
        "ticket.listed", "ticket.reserved", "ticket.released", "ticket.reserved",
    ]  # fmt: skip
    assert [each.cause for each in lines] == [
        "tickets.list", "tickets.reserve", "tickets.release", "tickets.reserve",
    ]  # fmt: skip
    listed, released = lines[0].data, lines[2].data
    assert isinstance(listed, dict)
    assert isinstance(released, dict)
    assert (listed["title"], listed["delivery"], listed["event"]) == ("A", "(secret)", None)
    assert (released["order_id"], released["reason"]) == ("first", ReleaseReason.CANCELLED)
    assert "at" in listed
    [opened] = await house.stored.journal(ACCOUNT, after=None, limit=9)
    assert "example.com" not in str(opened.data)
    assert "argon2" not in str(opened.data)


async def test_what_cannot_be_read_is_shown_as_that(house: House) -> None:
    await house.execute("alter table tickets drop constraint tickets_status_check")
    await house.execute("alter table tickets drop constraint tickets_check")
    await house.execute("alter table tickets drop constraint tickets_check1")
    await house.execute("alter table tickets drop constraint tickets_check2")
    await house.execute("update tickets set status = 'melted'")
    row = await house.stored.row(TICKET)
    assert isinstance(row, Unreadable)
    assert row.version == 4
    assert "melted" in row.why

    renamed = b'{"fact": "ticket.melted"}'
    await house.execute("update journal set data = $1 where key = $2 and version = 3", renamed,
                        TICKET.key)  # fmt: skip
    lines = await house.stored.journal(TICKET, after=None, limit=9)
    assert [each.data == UNREADABLE for each in lines] == [False, False, True, False]
    assert isinstance(await house.stored.state_at(TICKET, 2), TicketState)
    state = await house.stored.state_at(TICKET, 4)
    assert isinstance(state, Unreadable)
    assert (state.version, state.why) == (4, "ticket.released in version 3: ValidationError")


async def test_timers_are_seen_where_they_are_and_in_their_order(house: House) -> None:
    [lapse] = await house.stored.of_actor(TICKET)
    assert (lapse.name, lapse.message, lapse.attempts) == ("lapse", "tickets.lapse", 0)
    found = await house.stored.timers(after=None, limit=100)
    places = [(each.due_at, each.id) for each in found]
    assert places == sorted(places)
    assert lapse.id in {each.id for each in found}
    walked, after = [], None
    while page := await house.stored.timers(after=after, limit=3):
        after = (page[-1].due_at, page[-1].id)
        walked += page
    assert {lapse.id} <= {each.id for each in walked}
    kinds = await house.stored.timers(after=None, limit=100, kind="ticket")
    assert [each.id for each in kinds] == [lapse.id]


async def test_pending_and_late_messages_are_counted(house: House) -> None:
    _, overdue = await house.stored.timers_pending_overdue()
    assert overdue == 0
    # Nobody owns such a partition, so that it stays.
    await house.execute(
        "insert into inbox (id, partition, kind, key, message, body, due_at)"
        " select uuidv7(), 99999, 'ticket', 'x', 'tickets.lapse', '{}',"
        " now() - $1::interval from generate_series(1, 3)",
        timedelta(minutes=1),
    )
    pending, overdue = await house.stored.timers_pending_overdue()
    assert pending >= 3 + 2  # And when the ticket and its order lapse.
    assert overdue == 3


async def test_a_parked_message_is_found_by_its_id(house: House) -> None:
    row_id = "0190b8a0-0000-7000-8000-000000000001"
    await house.execute(
        "insert into inbox (id, partition, kind, key, message, body, due_at, parked_at, error)"
        " values ($1, 1, 'ticket', 'x', 'tickets.lapse', '{}', now(), now(), 'boom')",
        row_id,
    )
    parked = await house.stored.parked_one(row_id)
    assert parked is not None
    assert (parked.error, parked.row.id, parked.row.body) == ("boom", row_id, b"{}")
    assert await house.stored.of_actor(Ref("ticket", "x")) == []
    [lapse] = await house.stored.of_actor(TICKET)
    assert await house.stored.parked_one(lapse.id) is None
    assert await house.stored.parked_one("what an operator typed") is None


async def test_owners_and_nodes(house: House) -> None:
    owned = await house.stored.partitions()
    assert [(each.service, each.slots, each.first_slot) for each in owned] == [
        (service, 256, 0) for service in bootstrap.SERVICES
    ]
    [node] = await house.stored.nodes()
    assert {each.node for each in owned} == {node.id} == {house.runtime.node_id}
    assert (node.state, [*node.services]) == ("up", [*bootstrap.SERVICES])
    assert all(each.epoch_from == each.epoch_to == 1 for each in owned)
    assert all(each.lease_until is not None for each in owned)


async def test_a_database_out_of_reach_is_told_as_that() -> None:
    pool = await asyncpg.create_pool("postgres://nobody@127.0.0.1:9/none", min_size=0)
    stored = StoredActors(Reads(pool), bootstrap.STATE_TYPES, bootstrap.TABLES)
    with pytest.raises(UnavailableError):
        await stored.row(TICKET)
    pool.terminate()


# What a page costs -------------------------------------------------------------------------------

# Timers a second apart, of which few are of a rare kind; many messages to one actor; parked ones;
# short histories, and a long one.
FILL: Final = """
    insert into inbox (id, partition, kind, key, name, message, body, due_at)
    select uuidv7(), 0, case when n % 5000 = 0 then 'watch' else 'ticket' end, 't' || n, 'lapse',
        'tickets.lapse', '{}', timestamptz '2026-01-01 00:00Z' + n * interval '1 s'
    from generate_series(1, 20000) n;
    insert into inbox (id, partition, kind, key, message, body, due_at)
    select uuidv7(), 0, 'audit', 'log', 'audit.note', '{}', now() from generate_series(1, 300) n;
    insert into inbox (id, partition, kind, key, message, body, due_at, parked_at)
    select uuidv7(), 0, 'ticket', 'p' || n, 'tickets.lapse', '{}', now(), now()
    from generate_series(1, 300) n;
    insert into journal (kind, key, version, seq, fact, data, at, cause, partition, epoch, node)
    select 'ticket', 't' || n % 2000, 1 + n / 2000, 0, 'ticket.sold', '{}', now(), 'c', 0, 1,
        uuidv7() from generate_series(1, 20000) n;
    insert into journal (kind, key, version, seq, fact, data, at, cause, partition, epoch, node)
    select 'reconciler', 'stripe', n, 0, 'reconciler.swept',
        '{"fact":"reconciler.swept","until":"2026-01-01T00:00:00Z","touched":1}', now(), 'c', 0, 1,
        uuidv7() from generate_series(1, 5000) n;
    insert into tickets (id, version, partition, seller_id, title, price_minor, currency, status,
        created_at, lapses)
    select 't' || n, 1, 0, 's', 'A', 1, 'usd', 'available', now(), '[]'
    from generate_series(1, 2000) n;
"""
DEEP: Final = ("2026-01-01 04:00:00Z", "00000000-0000-0000-0000-000000000001")

# What is read for each page, and how many rows of tables and indexes that may be.
PAGES: Final = {
    "facts": (queries._FACTS, ("ticket", "t7", 3, 0, 2**63 - 1, 50), 50),
    "facts of a long history": (queries._FACTS, ("reconciler", "stripe", 4000, 0, 4500, 50), 50),
    "timers": (queries._TIMERS, (*queries.BEGINNING, None, 50), 51),
    "timers, deep in the list": (queries._TIMERS, (*DEEP, None, 50), 51),
    "timers of a kind": (queries._TIMERS, (*DEEP, "ticket", 50), 60),
    "of an actor": (queries._OF_ACTOR, ("ticket", "t7", 100), 5),
    "of an actor with many": (queries._OF_ACTOR, ("audit", "log", 100), 600),
    "parked": (queries._PARKED_ONE, (DEEP[1],), 1),
    "overdue": (queries._COUNT_OVERDUE, (), 20_300),
    "pending": (queries._COUNT_PENDING, (), 20_300),
    "row": (queries.StateRow(TicketState, "tickets")._sql, ("t7",), 1),
}


def scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    found = [plan] if plan["Node Type"].endswith("Scan") and "Relation Name" in plan else []
    return [*found, *(each for inner in plan.get("Plans", []) for each in scans(inner))]


def literal(value: object) -> str:
    return "null" if value is None else f"'{value}'"


async def rows_read(connection: Any, sql: str, arguments: Sequence[object]) -> float:
    """How many rows the database touches."""
    await connection.execute(f"prepare page as {sql}")
    given = f"({', '.join(map(literal, arguments))})" if arguments else ""
    explained = await connection.fetchval(f"explain (analyze, format json) execute page{given}")
    await connection.execute("deallocate page")
    (result,) = json.loads(explained)
    found = scans(result["Plan"])
    assert found
    assert "Seq Scan" not in {each["Node Type"] for each in found}, result["Plan"]
    return float(sum(each["Actual Rows"] + each.get("Rows Removed by Filter", 0) for each in found))


@pytest.mark.parametrize("plan", ["force_generic_plan", "force_custom_plan"])
async def test_every_page_reads_hardly_more_than_it_shows(
    postgres_dsn_factory: DsnFactory, plan: str
) -> None:
    """With a plan that is made once for all pages, and with one for each."""
    settings = {**READ_SETTINGS, "plan_cache_mode": plan}
    connection = await asyncpg.connect(await postgres_dsn_factory(), server_settings=settings)
    try:
        await connection.execute(FILL)
        await connection.execute("vacuum analyze")
        for name, (sql, arguments, at_most) in PAGES.items():
            assert await rows_read(connection, sql, arguments) <= at_most, name
    finally:
        await connection.close()


async def test_a_long_history_is_folded_and_then_gone_on_from_there(
    postgres_dsn_factory: DsnFactory,
) -> None:
    pool = await asyncpg.create_pool(
        await postgres_dsn_factory(), init=prepare_session, min_size=1, max_size=1
    )
    try:
        async with pool.acquire() as connection:
            await connection.execute(FILL)
        reads = CountingReads(pool)
        stored = StoredActors(reads, bootstrap.STATE_TYPES, bootstrap.TABLES)
        reconciler = Ref("reconciler", "stripe")
        for version, at_most in ((4998, 10), (4999, 1), (5000, 1), (7, 1), (5000, 1)):
            before = reads.count
            state = await stored.state_at(reconciler, version)
            assert state is not None
            assert (state.version, getattr(state, "touched", None)) == (version, version)
            assert reads.count - before <= at_most
    finally:
        await pool.close()


class CountingReads(Reads):
    """Counts how often it is asked."""

    count = 0

    async def rows(self, sql: str, *arguments: object) -> list[Any]:
        self.count += 1
        return await super().rows(sql, *arguments)
