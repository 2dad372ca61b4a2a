"""A small market with something of everything in it, and ways to break it for `fsck` to see.

It is a minute old: its runtime ran by a clock that is a minute behind the database's.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import asyncpg
from cryptography.fernet import Fernet
from msgspec.structs import replace

from actors import Fact, Ids, InboxRow, Message, Ref, Runtime, SystemClock, encode, wire_name
from actors.store import Commit, Outcome, Recorded
from tests.support.sandbox import held
from tests.support.wait import until
from ticketing import bootstrap
from ticketing.events import messages as events
from ticketing.orders import messages as orders
from ticketing.orders.state import CancelReason
from ticketing.payments import messages as payments
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.state import PaymentStatus
from ticketing.settings import Settings
from ticketing.tickets import messages as tickets
from ticketing.values import EventId, OrderId, TicketId, UserId

AGE = timedelta(minutes=1)
SELLER, BUYER, ADMIN = UserId("seller"), UserId("buyer"), UserId("admin")
PRICE = 2500


class MinuteOldClock:
    """The machine's clock, a minute behind; not corrected by the database's."""

    def __init__(self) -> None:
        self._clock = SystemClock()

    def now(self) -> datetime:
        return self._clock.now() - AGE

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True)
class Market:
    """Where it is and who is who in it. An order's payment has the order's id."""

    dsn: str
    intents: list[dict[str, Any]]
    """What the payment sandbox holds."""

    free: ClassVar[TicketId] = TicketId("t-free")
    """A ticket that nobody wants."""
    night: ClassVar[EventId] = EventId("e-night")
    """An event of next month."""
    listed: ClassVar[TicketId] = TicketId("t-listed")
    """A ticket for it."""
    edited: ClassVar[TicketId] = TicketId("t-edited")
    """A ticket that its seller changed twice: three versions."""
    reserved: ClassVar[TicketId] = TicketId("t-reserved")
    live: ClassVar[OrderId] = OrderId("o-live")
    """The order that `reserved` is reserved for; nothing has been paid."""
    tried: ClassVar[OrderId] = OrderId("o-tried")
    """A live order, after a card that was declined."""
    sold: ClassVar[TicketId] = TicketId("t-sold")
    complete: ClassVar[OrderId] = OrderId("o-complete")
    """The order that `sold` is sold to."""
    back: ClassVar[TicketId] = TicketId("t-back")
    cancelled: ClassVar[OrderId] = OrderId("o-cancelled")
    """The order that had `back` reserved, which was then sold to another."""
    second: ClassVar[OrderId] = OrderId("o-second")
    """The order that `back` is sold to."""
    acting: ClassVar[OrderId] = OrderId("o-acting")
    """A live order whose card holder is asked by the bank."""
    returned: ClassVar[TicketId] = TicketId("t-returned")
    refunded: ClassVar[OrderId] = OrderId("o-refunded")
    """The order that `returned` was sold to, until an administrator gave the money back."""


async def make(dsn: str, folder: Path) -> Market:
    """Fill the migrated database at *dsn*; everything is at rest and stopped afterwards."""
    settings = Settings(
        data_dir=folder, fee_percent=Decimal(10), data_keys=(Fernet.generate_key().decode(),)
    )
    async with running_sandbox(folder / "sandbox") as base:
        async with bootstrap.running(
            settings, dsn=dsn, stripe_base=base, exclusive=True, clock=MinuteOldClock()
        ) as system:
            await _trade(system.runtime, Market(dsn, []))
            await _rest(dsn)
        return Market(dsn, [_aged(intent) for intent in await held(base)])


def _aged(intent: dict[str, Any]) -> dict[str, Any]:
    """*intent* as if the provider's clock had been a minute behind, too."""
    return intent | {"created": intent["created"] - int(AGE.total_seconds())}


async def _trade(runtime: Runtime, market: Market) -> None:
    for ticket_id in (market.free, market.edited, market.reserved, market.sold, market.back):
        await _list(runtime, ticket_id)
    await _announce(runtime, market.night)
    await _list(runtime, market.listed, market.night)
    for title in ("First edition", "Second edition"):
        edit = tickets.Edit(seller_id=SELLER, title=title, price_minor=PRICE)
        await runtime.ask(tickets.ticket(market.edited), edit)
    await _place(runtime, market.live, market.reserved)
    await _list(runtime, TicketId("t-tried"))
    await _place(runtime, market.tried, TicketId("t-tried"))
    await _pay(runtime, market.tried, "tok_chargeDeclined", PaymentStatus.DECLINED)
    await _place(runtime, market.complete, market.sold)
    await _pay(runtime, market.complete, "tok_visa", PaymentStatus.CAPTURED)
    await _place(runtime, market.cancelled, market.back)
    cancel = orders.Cancel(buyer_id=BUYER, reason=CancelReason.USER)
    await runtime.ask(orders.order(market.cancelled), cancel)
    await _place(runtime, market.second, market.back)
    await _pay(runtime, market.second, "tok_visa", PaymentStatus.CAPTURED)
    await _list(runtime, TicketId("t-acting"))
    await _place(runtime, market.acting, TicketId("t-acting"))
    card = "pm_card_threeDSecure2Required"
    await _pay(runtime, market.acting, card, PaymentStatus.REQUIRES_ACTION)
    await _list(runtime, market.returned)
    await _place(runtime, market.refunded, market.returned)
    await _pay(runtime, market.refunded, "tok_visa", PaymentStatus.CAPTURED)
    await _rest(market.dsn)
    refund = payments.Refund(by=ADMIN, reason="The concert was moved")
    await _tried(runtime, market.refunded, refund, PaymentStatus.REFUNDED)


async def _announce(runtime: Runtime, event_id: EventId) -> None:
    add = events.Add(
        user_id=SELLER,
        post_id=event_id,
        name="Night",
        category=events.Category.CONCERT,
        venue="Hall",
        city="Oslo",
        starts_at=runtime.clock.now() + timedelta(days=30),
        time_zone="Europe/Oslo",
    )
    await runtime.ask(events.event(event_id), add)


async def _list(runtime: Runtime, ticket_id: TicketId, event_id: EventId | None = None) -> None:
    offer = tickets.List(
        seller_id=SELLER, title="A seat", price_minor=PRICE, currency="usd", event_id=event_id
    )
    await runtime.ask(tickets.ticket(ticket_id), offer)


async def _place(runtime: Runtime, order_id: OrderId, ticket_id: TicketId) -> None:
    place = orders.Place(ticket_id=ticket_id, buyer_id=BUYER)
    await runtime.ask(orders.order(order_id), place)


async def _pay(runtime: Runtime, order_id: OrderId, token: str, ends: PaymentStatus) -> None:
    await _tried(runtime, order_id, payments.Pay(buyer_id=BUYER, token=token), ends)


async def _tried(
    runtime: Runtime, order_id: OrderId, message: Message[Any], ends: PaymentStatus
) -> None:
    with runtime.bus.subscribe(payments.payment(order_id)) as changes:
        await runtime.ask(payments.payment(order_id), message)
        while True:
            change = await changes.next(timeout=30.0)
            if change.state.status is ends:  # type: ignore[attr-defined] # a payment's state
                return


async def _rest(dsn: str) -> None:
    """Wait until nobody has anything left to say."""
    connection = await asyncpg.connect(dsn)
    busy = "select exists (select from inbox where name is null)"

    async def is_at_rest() -> bool:
        return not await connection.fetchval(busy)

    try:
        await until(is_at_rest, "every message has been handled")
    finally:
        await connection.close()


class Meddler:
    """Changes what must not be changed: rows by SQL, histories by facts nobody decided on."""

    def __init__(self, market: Market, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.market = market
        self._connection = connection

    async def sql(self, text: str, *arguments: object) -> None:
        await self._connection.execute(text, *arguments)

    async def now(self) -> datetime:
        now: datetime = await self._connection.fetchval("select clock_timestamp()")
        return now

    def partition(self, ref: Ref) -> int:
        """The partition that *ref* belongs to."""
        return bootstrap.placement().partition(ref)

    async def a_minute_ago(self) -> datetime:
        return await self.now() - AGE

    async def forget(self, kind: str, key: str) -> None:
        """Remove an actor with its history and what it was to be told."""
        for table in ("journal", "inbox"):
            await self.sql(f"delete from {table} where kind = $1 and key = $2", kind, key)  # noqa: S608
        await self.sql(f"delete from {bootstrap.TABLES[kind]} where id = $1", key)  # noqa: S608

    async def blind_the_watches(self) -> None:
        """Nobody is about to look around."""
        await self.sql("delete from inbox where kind in ('watch', 'sweeper')")

    async def record(self, ref: Ref, *facts: Fact, at: datetime | None = None) -> None:
        """Have *ref* record *facts* that it did not decide on, in one turn, a minute ago."""
        ids = Ids(SystemClock())
        store = bootstrap.open_store(self.market.dsn, ids, exclusive=True)
        await store.open()
        try:
            await store.join(bootstrap.SERVICES)
            await store.bury()
            epochs = await store.take(bootstrap.placement().partitions(bootstrap.SERVICES))
            before = (await store.load([ref]))[ref]
            state = before
            for fact in facts:
                state = state.apply(fact)
            partition = self.partition(ref)
            commit = Commit(
                ref=ref,
                partition=partition,
                epoch=epochs[partition],
                cause="test",
                at=at or await self.a_minute_ago(),
                expected=before.version,
                state=encode(replace(state, version=before.version + 1)),
                facts=tuple(Recorded(wire_name(type(fact)), encode(fact)) for fact in facts),
            )
            assert await store.commit([commit]) == [Outcome.COMMITTED]
        finally:
            await store.close()

    async def tell(self, ref: Ref, message: Message[Any]) -> None:
        """Put a message into the inbox; nobody is there to deliver it."""
        store = bootstrap.open_store(self.market.dsn, ids := Ids(SystemClock()), exclusive=False)
        await store.open()
        try:
            row = InboxRow(
                id=ids.new(),
                partition=self.partition(ref),
                kind=ref.kind,
                key=ref.key,
                message=wire_name(type(message)),
                body=encode(message),
                due_at=await self.a_minute_ago(),
            )
            await store.send([row])
        finally:
            await store.close()
