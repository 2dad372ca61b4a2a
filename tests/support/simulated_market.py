"""A marketplace in virtual time: the real actors, a store that fails, a node that dies, people.

What stands around the actors is in `simulated_world`. Everything is drawn from one seed.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final

from actors import (
    Actor,
    ActorError,
    Ids,
    Message,
    Ref,
    RefusalError,
    Runtime,
    UnavailableError,
)
from actors.memory import MemoryDatabase
from actors.simulation import EPOCH, SimulatedClock
from actors.store import InboxRow
from tests.support.simulated_provider import FakeTeller, Provider
from tests.support.simulated_world import FakeSweeper, FaultyStore, Tables
from ticketing import bootstrap, expiration
from ticketing.audit.actor import Audit
from ticketing.errors import EventPastError
from ticketing.events import EventState
from ticketing.events import messages as events
from ticketing.events.actor import Event
from ticketing.expiration.actor import LOOK_TIMER, Watch
from ticketing.expiration.messages import SWEEPER
from ticketing.orders import messages as orders
from ticketing.orders.actor import Order
from ticketing.orders.state import CancelReason
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.payments.reconciler import LOOK_TIMER as RECONCILE_TIMER
from ticketing.payments.reconciler import Reconciler
from ticketing.payments.state import AttemptStatus, PaymentState
from ticketing.tickets import messages as tickets
from ticketing.tickets.actor import Ticket
from ticketing.tickets.state import TicketStatus
from ticketing.values import EventId, OrderId, TicketId, UserId

__all__ = ["GRACE", "WINDOW", "Market"]

WINDOW: Final = timedelta(seconds=8)

# What a lapse may be late while commits fail and are slow: a few retries, and the watch's look.
GRACE: Final = timedelta(seconds=6)

OFFERED: Final = 2
_GONE: Final = {TicketStatus.SOLD, TicketStatus.WITHDRAWN}
ADMIN: Final = UserId("admin")
BUYERS: Final = tuple(UserId(f"buyer-{number}") for number in range(4))
SELLER: Final = UserId("seller")
BUSY_SECONDS: Final = 45.0


class Market(Tables):
    """Everything, from the first offer to the last timer."""

    def __init__(self, seed: int, ticket: type[Ticket] = Ticket) -> None:
        self.dice = Random(seed)  # noqa: S311 - reproducible is what it has to be
        self.clock = SimulatedClock()
        self.ids = Ids(self.clock, seed)
        super().__init__(MemoryDatabase(bootstrap.STATE_TYPES))
        self.provider = Provider(self.dice)
        self.consumed: Counter[str] = Counter()
        self.acknowledged: list[tuple[Ref, int]] = []
        """Versions that somebody was told of."""
        self.offered: list[TicketId] = []
        self.cancels_asked: set[OrderId] = set()
        self.is_faulty = True
        self.allowance = timedelta()
        self._ticket = ticket
        self._runtime: Runtime | None = None
        self._store: FaultyStore | None = None
        self.up_since = EPOCH

    # The node ---------------------------------------------------------------------------------

    async def start(self) -> None:
        members: list[Actor[Any]] = [
            Event(),
            self._ticket(),
            Order(window=WINDOW),
            Watch(),
            Payment(attempts_max=2, fee_percent=Decimal("2.5")),
            Reconciler(),
            Audit(),
        ]
        workers = [FakeTeller(self.provider, self.clock), FakeSweeper(self)]
        store = FaultyStore(self.database, self.clock, self.ids, self.dice, self.consumed)
        store.is_faulty = self.is_faulty
        services = bootstrap.services(members, workers)
        runtime = Runtime(services, store=store, clock=self.clock, ids=self.ids)
        await runtime.start()
        self._runtime, self._store = runtime, store
        # One watch looks after everything here.
        await runtime.tell(expiration.watch(0), expiration.Look(), name=LOOK_TIMER)
        await runtime.tell(payments.reconciler(), payments.LookAround(), name=RECONCILE_TIMER)

    async def crash(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            await runtime.abandon()

    async def stop(self) -> None:
        runtime, self._runtime = self._runtime, None
        if runtime is not None:
            await runtime.stop()

    def heal(self) -> None:
        self.is_faulty = False
        if self._store is not None:
            self._store.is_faulty = False
            self._store.is_reachable = True

    async def ask(self, ref: Ref, message: Message[Any], by: UserId) -> Any:
        """Ask as the gateway does.

        Raises:
            RefusalError, ActorError: as the runtime does; also when no node is up.

        """
        if self._runtime is None:
            raise UnavailableError
        reply = await self._runtime.ask(ref, message, by=by)
        version = getattr(reply, "version", None)
        if version is not None:
            self.acknowledged.append((ref, version))
        return reply

    # What happens -----------------------------------------------------------------------------

    async def live(self) -> None:
        """Busy, broken, and finally at rest."""
        await self.start()
        people = [self._buy(buyer) for buyer in BUYERS]
        await asyncio.gather(
            self._sell(), *people, self._act(), self._administer(), self._break(), self._inspect()
        )
        self.heal()
        await self._rest()
        for order in self.orders():  # Somebody sees to the refunds that failed.
            await self._refund(order.id, chance=1.0 if self._is_owed(order.id) else 0.0)
        await self._rest()
        await self.stop()

    async def _sell(self) -> None:
        """Always have a few tickets on offer: few enough that buyers meet."""
        number = 0
        while self.clock.monotonic() < BUSY_SECONDS:
            ticket_id = TicketId(f"ticket-{number}")
            if len(self.offered) < OFFERED:
                with suppress(ActorError, EventPastError):
                    event_id = await self._announce(number)
                    offer = tickets.List(
                        seller_id=SELLER,
                        title="A seat",
                        price_minor=2500,
                        currency="usd",
                        event_id=event_id,
                    )
                    await self.ask(tickets.ticket(ticket_id), offer, SELLER)
                    self.offered.append(ticket_id)
                number += 1
            await self.clock.sleep(0.1)
            gone = {each.id for each in self.tickets() if each.status in _GONE}
            self.offered = [each for each in self.offered if each not in gone]

    async def _announce(self, number: int) -> EventId | None:
        """What the ticket of that number is for: half of them for something that starts soon."""
        if self.dice.random() < 0.5:
            return None
        add = events.Add(
            user_id=SELLER,
            post_id=f"event-{number}",
            name=f"Night {number}",
            category=events.Category.OTHER,
            venue="Hall",
            city="Oslo",
            starts_at=self.clock.now() + timedelta(seconds=self.dice.choice((0.2, 4, 9, 20))),
            time_zone="UTC",
        )
        event: EventState = await self.ask(events.event(EventId(f"event-{number}")), add, SELLER)
        return event.id

    async def _buy(self, buyer: UserId) -> None:
        while self.clock.monotonic() < BUSY_SECONDS:
            await self.clock.sleep(self.dice.choice((0.05, 0.4, 1.5)))
            if not self.offered:
                continue
            ticket_id = self.dice.choice(self.offered)
            order_id = OrderId(self.ids.new())
            place = orders.Place(ticket_id=ticket_id, buyer_id=buyer)
            try:
                placed = await self._persist(orders.order(order_id), place, buyer)
                order = placed.order
                if placed.held is not None:
                    order_id = placed.held.order_id
                    adopt = orders.Adopt(reservation=placed.held)
                    order = await self._persist(orders.order(order_id), adopt, buyer)
                if order is not None:
                    await self._go_on(buyer, order_id)
            except (RefusalError, ActorError):
                continue

    async def _go_on(self, buyer: UserId, order_id: OrderId) -> None:
        """Pay, cancel, both, or let it lapse."""
        await self.clock.sleep(self.dice.choice((0.0, 0.5, 3.0, 6.0, 7.5)))
        payment = payments.payment(order_id)
        match self.dice.randrange(5):
            case 0:
                await self._cancel(buyer, order_id)
            case 1:
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
            case 2:
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
                await self.clock.sleep(self.dice.choice((0.2, 1.0, 3.0)))
                # Another card: after a decline, or instead of an answer to the bank.
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
            case 3:
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
                await self.clock.sleep(self.dice.choice((0.0, 0.3, 2.0)))
                await self._cancel(buyer, order_id)
            case _:
                await self.clock.sleep(WINDOW.total_seconds())

    async def _act(self) -> None:
        """Card holders answer their banks, sooner or later; half of the browsers come back."""
        while self.clock.monotonic() < BUSY_SECONDS:
            await self.clock.sleep(self.dice.choice((0.1, 0.5, 2.0)))
            for order in self.orders():
                for intent in self.provider.waiting(order.id):
                    if self.dice.random() < 0.4:
                        continue
                    self.provider.act(intent)
                    if self.dice.random() < 0.5:
                        confirm = payments.Confirm(buyer_id=order.buyer_id)
                        with suppress(RefusalError, ActorError):
                            await self.ask(payments.payment(order.id), confirm, order.buyer_id)

    async def _administer(self) -> None:
        """Some who bought want their money back, and the last refund may have failed."""
        while self.clock.monotonic() < BUSY_SECONDS:
            await self.clock.sleep(self.dice.choice((1.0, 4.0)))
            for order in self.orders():
                await self._refund(order.id, chance=0.1)

    async def _refund(self, order_id: OrderId, chance: float) -> None:
        if self.dice.random() >= chance:
            return
        relist = self.dice.random() < 0.5
        refund = payments.Refund(by=ADMIN, reason="asked for it", relist=relist)
        with suppress(RefusalError, ActorError):
            await self.ask(payments.payment(order_id), refund, ADMIN)

    async def _cancel(self, buyer: UserId, order_id: OrderId) -> None:
        self.cancels_asked.add(order_id)
        cancel = orders.Cancel(buyer_id=buyer, reason=CancelReason.USER)
        await self._persist(orders.order(order_id), cancel, buyer)

    async def _persist(self, ref: Ref, message: Message[Any], by: UserId) -> Any:
        """Ask until there is an answer, or give up."""
        while True:
            try:
                return await self.ask(ref, message, by)
            except ActorError:
                if self.dice.random() < 0.3:
                    raise
                await self.clock.sleep(0.3)

    async def _break(self) -> None:
        """Outages, bad spells, crashes and restarts."""
        for _ in range(self.dice.randrange(5)):
            await self.clock.sleep(self.dice.uniform(2, 10))
            match self.dice.randrange(4):
                case 0:
                    assert self._store is not None
                    self._store.is_reachable = False
                    await self.clock.sleep(self.dice.uniform(0.1, 4))
                    self._store.is_reachable = True
                    self.up_since = self.clock.now()
                    continue
                case 1:
                    assert self._store is not None
                    self._store.faults_share = 0.8
                    await self.clock.sleep(self.dice.uniform(1, 4))
                    self._store.faults_share = 0.15
                    self.up_since = self.clock.now()
                    continue
                case 2:
                    await self.crash()
                case _:
                    await self.stop()
            await self.clock.sleep(self.dice.uniform(0.0, 6))
            await self.start()
            self.up_since = self.clock.now()

    async def _inspect(self) -> None:
        """Nothing is reserved, or for sale, for much longer than it may be while a node is up."""
        while self.clock.monotonic() < BUSY_SECONDS:
            await self.clock.sleep(0.5)
            if self._runtime is None or self._store is None or not self._store.is_reachable:
                continue
            for ticket in self.tickets():
                until = ticket.reserved_until
                if ticket.status is TicketStatus.AVAILABLE:
                    until = ticket.event_starts_at
                if until is not None:
                    late = self.clock.now() - max(until, self.up_since)
                    assert late <= GRACE, f"{ticket.id} is {late} late"

    async def _rest(self) -> None:
        """Wait until nothing more will happen by itself."""
        for _ in range(300):
            await self.clock.sleep(2)
            if not self._is_busy():
                return
        raise AssertionError(f"never at rest: {list(self.database.inbox.values())}")

    def _is_owed(self, order_id: OrderId) -> bool:
        payment = self.database.state(payments.payment(order_id))
        assert payment is None or isinstance(payment, PaymentState)
        attempts = () if payment is None else payment.attempts
        return any(each.status is AttemptStatus.REFUND_FAILED for each in attempts)

    def _is_busy(self) -> bool:
        left = [row for row in self.database.inbox.values() if not _goes_round(row)]
        return bool(left) or any(each.status is TicketStatus.RESERVED for each in self.tickets())


def _goes_round(row: InboxRow) -> bool:
    """Whether it belongs to those who look around for ever."""
    return row.kind in {"watch", SWEEPER, payments.RECONCILER} or row.key == "stripe"
