"""What stands around the simulated market: a store that fails, what it holds, a sweeper."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from actors import Clock, Effect, Ids, Worker, handle
from actors.memory import Fault, MemoryDatabase, MemoryStore
from actors.store import Commit, Outcome
from ticketing import expiration
from ticketing.expiration.messages import SWEEPER, Repaired, Sweep
from ticketing.orders import messages as orders
from ticketing.orders.state import OrderState
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import TicketState, TicketStatus
from ticketing.values import OrderId

__all__ = ["FakeSweeper", "FaultyStore", "Tables"]


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
        super().__init__(database, clock, ids, exclusive=True)  # The one before is proven dead.
        self.is_faulty = True
        self.faults_share = 0.15
        self.latency = lambda: dice.choice((0.0, 0.001, 0.004, 0.02))
        self._dice = dice
        self._consumed = consumed

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
