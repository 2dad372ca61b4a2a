"""What stands around the simulated market: a store that fails, a provider, a teller, a sweeper."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from actors import Clock, Effect, Ids, Message, NotYetError, Worker, handle
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.store import Commit, Joined, Outcome
from ticketing import expiration
from ticketing.expiration.messages import SWEEPER, Repaired, Sweep
from ticketing.orders import messages as orders
from ticketing.orders.state import OrderState
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import OrderId

__all__ = ["FakeSweeper", "FakeTeller", "FaultyStore", "Provider", "Tables"]


class Tables:
    """What the database says."""

    def __init__(self, database: MemoryDatabase) -> None:
        self.database = database

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


class FaultyStore(MemoryStore):
    """Takes time, fails now and then, and looks that no promise is broken while it is used."""

    def __init__(
        self, database: MemoryDatabase, clock: Clock, ids: Ids, dice: Random, consumed: Counter[str]
    ) -> None:
        super().__init__(database, clock, ids)
        self.is_faulty = True
        self.faults_share = 0.15
        self.latency = lambda: dice.choice((0.0, 0.001, 0.004, 0.02))
        self._dice = dice
        self._consumed = consumed

    async def join(self, services: Sequence[str]) -> Joined:
        await super().join(services)
        return self.seize()  # The node before was proven dead.

    async def commit(self, batch: Sequence[Commit]) -> list[Outcome]:
        if self.is_faulty and self._dice.random() < self.faults_share:
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
        if provider.dice.random() < 0.1:
            if effect.may_be_repeat:
                raise NotYetError
            self._tell(effect, payments.NotSent(number=message.number))
            return
        is_good = provider.authorised.setdefault(place, provider.dice.random() < 0.7)
        await provider.answer(self._clock)
        outcome = (
            payments.Authorised(number=message.number, intent_id=f"{effect.key}/{message.number}")
            if is_good
            else payments.Declined(number=message.number, decline_code="card_declined")
        )
        self._tell(effect, outcome)

    @handle
    async def capture(self, message: payments.Capture, effect: Effect) -> None:
        self._provider.captured[message.intent_id] = 1
        await self._provider.answer(self._clock)
        self._tell(effect, payments.Captured(number=message.number))

    @handle
    async def void(self, message: payments.Void, effect: Effect) -> None:
        self._provider.voided[message.intent_id] = 1
        await self._provider.answer(self._clock)
        self._tell(effect, payments.Voided(number=message.number))

    def _tell(self, effect: Effect, outcome: Message[None]) -> None:
        """Once, or twice: a webhook may say the same."""
        for _ in range(self._provider.dice.choice((1, 1, 1, 2))):
            effect.tell(payments.payment(OrderId(effect.key)), outcome)


class FakeSweeper(Worker):
    """Stands in for the sweeper: the same questions, to the database in memory."""

    kind, service, concurrency, queue_size_max = SWEEPER, "expiration", 2, 0
    patience = timedelta(seconds=2)

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @handle
    async def sweep(self, message: Sweep, effect: Effect) -> None:  # noqa: ARG002
        since = effect.now - self.patience
        for ticket in self._tables.tickets():
            starts_at = ticket.event_starts_at
            if ticket.status is TicketStatus.AVAILABLE and starts_at and starts_at < since:
                assert ticket.event_id is not None
                close = tickets.Close(event_id=ticket.event_id)
                effect.tell(tickets.ticket(ticket.id), close)
            if ticket.status is not TicketStatus.RESERVED:
                continue
            assert ticket.order_id is not None
            assert ticket.reserved_until is not None
            assert ticket.reserved_at is not None
            if ticket.reserved_until < since:
                lapse = tickets.Lapse(order_id=ticket.order_id)
                effect.tell(tickets.ticket(ticket.id), lapse)
            if ticket.reserved_at < since and self._tables.order(ticket.order_id) is None:
                adopt = orders.Adopt(reservation=reservation(ticket))
                effect.tell(orders.order(ticket.order_id), adopt)
        for order in self._tables.orders():
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
