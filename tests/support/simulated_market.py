"""A marketplace in virtual time: the real actors, a store that fails, a node that dies, people.

Only the teller and the sweeper are stand-ins: the one for the payment provider's, the other for
its queries. Everything is drawn from one seed.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from actors import (
    Actor,
    ActorError,
    Clock,
    Effect,
    Ids,
    Message,
    NotYetError,
    Ref,
    RefusalError,
    Runtime,
    UnavailableError,
    Worker,
    handle,
)
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.simulation import EPOCH, SimulatedClock
from actors.store import Commit, Joined, Outcome
from ticketing import bootstrap, expiration
from ticketing.expiration.actor import LOOK_TIMER, Watch
from ticketing.expiration.messages import SWEEPER, Repaired, Sweep
from ticketing.orders import messages as orders
from ticketing.orders.actor import Order
from ticketing.orders.state import CancelReason, OrderState
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.tickets import messages as tickets
from ticketing.tickets.actor import Ticket
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import OrderId, TicketId, UserId

__all__ = ["GRACE", "WINDOW", "Market", "Provider"]

WINDOW: Final = timedelta(seconds=8)

# What a lapse may be late while commits fail and are slow: a few retries, and the watch's look.
GRACE: Final = timedelta(seconds=6)

OFFERED: Final = 2
BUYERS: Final = tuple(UserId(f"buyer-{number}") for number in range(4))
SELLER: Final = UserId("seller")
BUSY_SECONDS: Final = 45.0


class FaultyStore(MemoryStore):
    """Takes time, fails now and then, and looks that no promise is broken while it is used."""

    def __init__(
        self, database: MemoryDatabase, clock: Clock, ids: Ids, dice: Random, consumed: Counter[str]
    ) -> None:
        super().__init__(database, clock, ids)
        self.is_faulty = True
        self.latency = lambda: dice.choice((0.0, 0.001, 0.004, 0.02))
        self._dice = dice
        self._consumed = consumed

    async def join(self, services: Sequence[str]) -> Joined:
        await super().join(services)
        return self.seize()  # The node before was proven dead.

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        if self.is_faulty and self._dice.random() < 0.15:
            self.faults.append(self._dice.choice(list(Fault)))
        return await super().commit(batch)

    def _write(self, commit: Commit) -> Outcome:
        outcome = super()._write(commit)
        if outcome is Outcome.COMMITTED and commit.consumed is not None:
            self._consumed[commit.consumed.id] += 1
            assert commit.consumed.due_at <= min(commit.at, self._clock.now()), f"early: {commit}"
        return outcome


@dataclass
class Provider:
    """The payment provider: keeps its word under an idempotency key."""

    dice: Random
    authorised: dict[tuple[str, int], bool] = field(default_factory=dict)
    """By order and attempt: whether the card was good."""
    captured: Counter[str] = field(default_factory=Counter)
    voided: Counter[str] = field(default_factory=Counter)

    async def answer(self, clock: Clock) -> None:
        """An answer takes its time, and may not come at all."""
        await clock.sleep(self.dice.choice((0.0, 0.1, 0.7, 2.5)))
        if self.dice.random() < 0.1:
            raise NotYetError


class FakeTeller(Worker):
    """Stands in for the teller: any outcome may come, also late or twice."""

    kind, service, concurrency, queue_size_max = payments.TELLER, "payments", 10, 0
    parks = False

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock

    @handle
    async def authorise(self, message: payments.Authorise, effect: Effect) -> None:
        provider = self._provider
        place = (effect.key, message.number)
        payment = payments.payment(OrderId(effect.key))
        if provider.dice.random() < 0.1:
            if effect.may_be_repeat:
                raise NotYetError
            effect.tell(payment, payments.NotSent(number=message.number))
            return
        is_good = provider.authorised.setdefault(place, provider.dice.random() < 0.7)
        await provider.answer(self._clock)
        outcome = (
            payments.Authorised(number=message.number, intent_id=f"{effect.key}/{message.number}")
            if is_good
            else payments.Declined(number=message.number, decline_code="card_declined")
        )
        effect.tell(payment, outcome)

    @handle
    async def capture(self, message: payments.Capture, effect: Effect) -> None:
        self._provider.captured[message.intent_id] = 1
        await self._provider.answer(self._clock)
        outcome = payments.Captured(number=message.number)
        effect.tell(payments.payment(OrderId(effect.key)), outcome)

    @handle
    async def void(self, message: payments.Void, effect: Effect) -> None:
        self._provider.voided[message.intent_id] = 1
        await self._provider.answer(self._clock)
        effect.tell(payments.payment(OrderId(effect.key)), payments.Voided(number=message.number))


class FakeSweeper(Worker):
    """Stands in for the sweeper: the same questions, to the database in memory."""

    kind, service, concurrency, queue_size_max = SWEEPER, "expiration", 2, 0
    patience = timedelta(seconds=2)

    def __init__(self, market: "Market") -> None:
        self._market = market

    @handle
    async def sweep(self, message: Sweep, effect: Effect) -> None:  # noqa: ARG002
        since = effect.now - self.patience
        for ticket in self._market.tickets():
            if ticket.status is not TicketStatus.RESERVED:
                continue
            assert ticket.order_id is not None
            assert ticket.reserved_until is not None
            assert ticket.reserved_at is not None
            if ticket.reserved_until < since:
                lapse = tickets.Lapse(order_id=ticket.order_id)
                effect.tell(tickets.ticket(ticket.id), lapse)
            if ticket.reserved_at < since and self._market.order(ticket.order_id) is None:
                adopt = orders.Adopt(reservation=reservation(ticket))
                effect.tell(orders.order(ticket.order_id), adopt)
        for order in self._market.orders():
            if order.is_live and order.expires_at < since:
                effect.tell(orders.order(order.id), orders.Expire())
        if effect.sends:
            effect.tell(expiration.watch(int(effect.key)), Repaired(count=len(effect.sends)))


def reservation(ticket: TicketState) -> tickets.Reservation:
    fields = {name: getattr(ticket, name) for name in ("order_id", "buyer_id", "seller_id")}
    fields |= {name: getattr(ticket, name) for name in ("title", "price_minor", "currency")}
    return tickets.Reservation(
        ticket_id=ticket.id,
        ticket_version=ticket.version,
        until=ticket.reserved_until,  # type: ignore[arg-type] # it is reserved
        **fields,
    )


class Market:
    """Everything, from the first offer to the last timer."""

    def __init__(self, seed: int, ticket: type[Ticket] = Ticket) -> None:
        self.dice = Random(seed)  # noqa: S311 - reproducible is what it has to be
        self.clock = SimulatedClock()
        self.ids = Ids(self.clock, seed)
        self.database = MemoryDatabase(bootstrap.STATE_TYPES)
        self.provider = Provider(self.dice)
        self.consumed: Counter[str] = Counter()
        self.acknowledged: list[tuple[Ref, int]] = []
        """Versions that somebody was told of."""
        self.offered: list[TicketId] = []
        self.cancels_asked: set[OrderId] = set()
        self.is_faulty = True
        self._ticket = ticket
        self._runtime: Runtime | None = None
        self._store: FaultyStore | None = None
        self.up_since = EPOCH

    # What the database says -------------------------------------------------------------------

    def tickets(self) -> list[TicketState]:
        return [state for state in self._states("ticket") if isinstance(state, TicketState)]

    def orders(self) -> list[OrderState]:
        return [state for state in self._states("order") if isinstance(state, OrderState)]

    def order(self, order_id: OrderId) -> OrderState | None:
        found = self.database.state(orders.order(order_id))
        assert found is None or isinstance(found, OrderState)
        return found

    def _states(self, kind: str) -> list[Any]:
        return [self.database.state(ref) for ref in self.database.states if ref.kind == kind]

    # The node ---------------------------------------------------------------------------------

    async def start(self) -> None:
        members: list[Actor[Any]] = [
            self._ticket(),
            Order(window=WINDOW),
            Watch(),
            Payment(attempts_max=2, fee_percent=2.5),
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
        await asyncio.gather(self._sell(), *people, self._break(), self._inspect())
        self.heal()
        await self._rest()
        await self.stop()

    async def _sell(self) -> None:
        """Always have a few tickets on offer: few enough that buyers meet."""
        offer = tickets.List(seller_id=SELLER, title="A seat", price_minor=2500, currency="usd")
        number = 0
        while self.clock.monotonic() < BUSY_SECONDS:
            ticket_id = TicketId(f"ticket-{number}")
            if len(self.offered) < OFFERED:
                with suppress(ActorError):
                    await self.ask(tickets.ticket(ticket_id), offer, SELLER)
                    self.offered.append(ticket_id)
                    number += 1
            await self.clock.sleep(0.1)
            sold = {each.id for each in self.tickets() if each.status is TicketStatus.SOLD}
            self.offered = [each for each in self.offered if each not in sold]

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
        await self.clock.sleep(self.dice.choice((0.0, 0.5, 3.0)))
        payment = payments.payment(order_id)
        match self.dice.randrange(4):
            case 0:
                await self._cancel(buyer, order_id)
            case 1:
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
            case 2:
                await self._persist(payment, payments.Pay(buyer_id=buyer, token="tok"), buyer)
                await self.clock.sleep(self.dice.choice((0.0, 0.3, 2.0)))
                await self._cancel(buyer, order_id)
            case _:
                await self.clock.sleep(WINDOW.total_seconds())

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
        """Outages, crashes and restarts."""
        for _ in range(self.dice.randrange(4)):
            await self.clock.sleep(self.dice.uniform(2, 14))
            match self.dice.randrange(3):
                case 0:
                    assert self._store is not None
                    self._store.is_reachable = False
                    await self.clock.sleep(self.dice.uniform(0.1, 4))
                    self._store.is_reachable = True
                    self.up_since = self.clock.now()
                    continue
                case 1:
                    await self.crash()
                case _:
                    await self.stop()
            await self.clock.sleep(self.dice.uniform(0.0, 6))
            await self.start()
            self.up_since = self.clock.now()

    async def _inspect(self) -> None:
        """No reservation outlives its deadline by much while a node is up."""
        while self.clock.monotonic() < BUSY_SECONDS:
            await self.clock.sleep(0.5)
            if self._runtime is None or self._store is None or not self._store.is_reachable:
                continue
            for ticket in self.tickets():
                until = ticket.reserved_until
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

    def _is_busy(self) -> bool:
        left = [row for row in self.database.inbox.values() if row.kind not in {"watch", SWEEPER}]
        return bool(left) or any(each.status is TicketStatus.RESERVED for each in self.tickets())
