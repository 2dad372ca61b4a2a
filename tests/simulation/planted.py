"""Bugs that are not in the product: each takes one protection out, and the simulator must notice.

`make simulate PLANTED=1` plays seed 1, 2, 3, ... with each of them until something is found, and
prints which seed it was, after how many steps and seconds, and what gave it away.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from actors import SystemClock, Turn, handle
from actors.activation import Activation
from actors.directory import Directory
from actors.errors import ExpiredError
from actors.lease import Lease
from actors.linked_bus import LinkedBus
from actors.memory import MemoryStore
from actors.store import Commit, Outcome, Owner
from actors.timers import Timers
from actors.writer import Writer
from tests.simulation import world
from tests.simulation.plan import Plan, drawn
from tests.support.quiet import quiet
from ticketing.orders import actor as order_actor
from ticketing.orders import messages as orders
from ticketing.orders.actor import Order
from ticketing.orders.state import CancelReason, OrderCancelled, OrderState
from ticketing.payments import actor as payment_actor
from ticketing.payments import ledger
from ticketing.payments import messages as payments
from ticketing.payments.actor import Payment
from ticketing.payments.facts import AttemptAuthorised, PaymentSettled, VoidRequested
from ticketing.payments.state import AttemptStatus, PaymentState
from ticketing.tickets import messages as tickets
from ticketing.tickets.actor import LAPSE_TIMER, Ticket, release, reservation, withdraw
from ticketing.tickets.state import (
    ReleaseReason,
    TicketReserved,
    TicketSold,
    TicketState,
    TicketStatus,
    WithdrawReason,
)
from web.live.topic import Topic

__all__ = ["PLANTED", "Found", "Planted", "found", "small"]

SECONDS_MAX: Final = 60.0


def small(seed: int) -> Plan:
    """A seed in which planted bugs are looked for: a fifth of a whole one, with as many spells."""
    return drawn(seed, visits=300, spells=20)


@dataclass(frozen=True)
class Planted:
    """A bug: what is put in the place of what."""

    name: str
    patches: Sequence[tuple[Any, str, Any]]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, attribute, replacement in self.patches:
                stack.enter_context(patch.object(owner, attribute, replacement))
            yield


@dataclass(frozen=True)
class Found:
    """What gave a planted bug away."""

    seed: int
    steps: int
    seconds: float
    violation: str


def found(bug: Planted) -> Found | None:
    """The first seed that finds *bug*, from 1 upwards; None if none does in a minute."""
    began = perf_counter()
    with quiet(), bug.in_place():
        for seed in count(1):
            result = world.run(small(seed))
            seconds = perf_counter() - began
            if result.violation is not None:
                return Found(seed, result.steps, seconds, result.violation)
            if seconds > SECONDS_MAX:
                return None
    raise AssertionError("unreachable")


def table() -> bool:
    """Print what is found, as a table; whether everything is."""
    print("| planted bug | seed | steps | seconds | found by |\n|---|---|---|---|---|")
    is_well = True
    for bug in PLANTED:
        it = found(bug)
        is_well &= it is not None
        if it is None:
            print(f"| {bug.name} | none | | {SECONDS_MAX:.0f} | **not found** |", flush=True)
        else:
            why = it.violation.replace("|", "/")[:90]
            print(f"| {bug.name} | {it.seed} | {it.steps} | {it.seconds:.1f} | {why} |", flush=True)
    return is_well


# In the store. ---------------------------------------------------------------------------------


def _written(*, fences: bool = True, checks: bool = True, consumes: bool = True) -> Any:
    """How a store writes that does without one of its protections."""

    def write(self: MemoryStore, commit: Commit) -> Outcome:
        database = self.database
        if fences and database.owners.get(commit.partition) != Owner(self.node, commit.epoch):
            return Outcome.FENCED
        row = commit.consumed
        if row is not None and row.id not in database.inbox:
            return Outcome.STALE
        state = database.state(commit.ref) if commit.expected is not None else None
        is_stale = (
            commit.expected is not None and (state.version if state else 0) != commit.expected
        )
        if checks and is_stale:
            return Outcome.STALE
        database.write(commit, self.node)
        if row is not None and not consumes:
            database.inbox[row.id] = row
        return Outcome.COMMITTED

    return write


# In the runtime. -------------------------------------------------------------------------------

_finish = Activation._finish
_outage = Writer._outage


async def _answer_first(self: Activation, turn: Any, envelope: Any, reply: Any) -> Outcome:
    envelope.answer(reply)
    return await _finish(self, turn, envelope, reply)


async def _take_for_lost(self: Writer, commits: Any, error: Any) -> Sequence[bool]:
    return [False for _ in await _outage(self, commits, error)]


async def _nothing(*_: Any) -> None:
    pass


async def _not_replayed(*_: Any) -> bool:
    return False


def _to_the_middle(self: SystemClock, now: datetime, *, asked_at: datetime) -> None:
    received_at = self.now()
    if not asked_at <= now <= received_at:
        self.offset += now - (asked_at + (received_at - asked_at) / 2)


# In the domain. --------------------------------------------------------------------------------


class CarelessTicket(Ticket):
    """Lets go of its reservation whoever asks."""

    @handle
    async def release(
        self, message: tickets.Release, turn: Turn[TicketState]
    ) -> tickets.ReleaseOutcome:
        if turn.state.status is TicketStatus.RESERVED:
            release(turn, message.reason)
        return tickets.ReleaseOutcome.RELEASED


class GreedyTicket(Ticket):
    """Sells itself to whoever asks first, reserved or not."""

    @handle
    async def sell(self, message: tickets.Sell, turn: Turn[TicketState]) -> bool:
        if turn.state.status is not TicketStatus.SOLD:
            turn.record(TicketSold(order_id=message.order_id))
            turn.cancel(LAPSE_TIMER)
        return True


class HastyTicket(Ticket):
    """Leaves the market when its event starts, reserved or not."""

    @handle
    async def close(self, message: tickets.Close, turn: Turn[TicketState]) -> None:  # noqa: ARG002
        if turn.state.status in {TicketStatus.AVAILABLE, TicketStatus.RESERVED}:
            withdraw(turn, WithdrawReason.EVENT_STARTED)


class EarlyTicket(Ticket):
    """Lets its reservation lapse when the order says so, whatever the time."""

    @handle
    async def lapse(self, message: tickets.Lapse, turn: Turn[TicketState]) -> None:
        if turn.state.order_id == message.order_id and turn.state.reserved_until is not None:
            release(turn, ReleaseReason.LAPSED)

    @handle
    async def reserve(
        self, message: tickets.Reserve, turn: Turn[TicketState]
    ) -> tickets.Reservation:
        held = await super().reserve(message, turn)
        if turn.facts:
            lapse = tickets.Lapse(order_id=message.order_id)
            turn.schedule(LAPSE_TIMER, turn.now + message.window / 2, lapse)
        return held


class GenerousTicket(Ticket):
    """Gives a buyer who asks again a longer reservation."""

    @handle
    async def reserve(
        self, message: tickets.Reserve, turn: Turn[TicketState]
    ) -> tickets.Reservation:
        ticket = turn.state
        if ticket.status is not TicketStatus.RESERVED or ticket.buyer_id != message.buyer_id:
            return await super().reserve(message, turn)
        assert ticket.order_id is not None
        until = turn.now + message.window
        turn.record(
            TicketReserved(
                order_id=ticket.order_id, buyer_id=message.buyer_id, at=turn.now, until=until
            )
        )
        turn.schedule(LAPSE_TIMER, until, tickets.Lapse(order_id=ticket.order_id))
        return reservation(turn.state)


class ForgetfulTicket(Ticket):
    """Sets no timer for the end of a reservation."""

    @handle
    async def reserve(
        self, message: tickets.Reserve, turn: Turn[TicketState]
    ) -> tickets.Reservation:
        held = await super().reserve(message, turn)
        if turn.facts:
            turn.cancel(LAPSE_TIMER)
        return held


class PresumingOrder(Order):
    """Is settled without asking whether the ticket can be sold."""

    @handle
    async def settle(self, message: orders.Settle, turn: Turn[OrderState]) -> bool:
        if turn.state.status.value == "cancelled":
            return False
        if turn.state.is_live:
            order_actor.settle(turn, found=message.found)
        return True


class KeepingOrder(Order):
    """Gives the money back and keeps the ticket."""

    @handle
    async def refund(self, message: orders.Refund, turn: Turn[OrderState]) -> None:  # noqa: ARG002
        if turn.state.settled_at is None or turn.state.status.value == "cancelled":
            return
        turn.record(OrderCancelled(at=turn.now, reason=CancelReason.REFUNDED))


async def _let_go_alone(turn: Turn[OrderState], reason: CancelReason) -> bool:
    turn.record(OrderCancelled(at=turn.now, reason=reason))
    return True


class BoldPayment(Payment):
    """Takes the money without asking whether the ticket is still there."""

    @handle
    async def authorised(self, message: payments.Authorised, turn: Turn[PaymentState]) -> None:
        number, intent_id = message.number, message.intent_id
        if turn.state.attempts[number - 1].status not in {
            AttemptStatus.STARTED, AttemptStatus.ACTION_REQUIRED,
        }:  # fmt: skip
            return
        turn.record(AttemptAuthorised(at=turn.now, number=number, intent_id=intent_id))
        turn.record(PaymentSettled(at=turn.now, number=number))
        amount = turn.state.amount_minor
        capture = payments.Capture(number=number, intent_id=intent_id, amount_minor=amount)
        turn.tell(payments.teller(turn.key), capture)


def _void_nothing(turn: Turn[PaymentState], number: int, intent_id: str) -> None:
    turn.record(VoidRequested(at=turn.now, number=number, intent_id=intent_id))


_captured = ledger.captured


def _one_movement_less(*args: Any) -> list[Any]:
    return _captured(*args)[:-1]


def _any_version(self: Topic, item: Any) -> bool:
    self._enter(item)
    return True


PLANTED: Final = (
    Planted(
        "no version check, and what has moved away stays in memory",
        [
            (MemoryStore, "_write", _written(checks=False)),
            (Directory, "lose", lambda *_: None),
        ],
    ),
    Planted("no fence", [(MemoryStore, "_write", _written(fences=False))]),
    Planted(
        "no fence, no version check",
        [(MemoryStore, "_write", _written(fences=False, checks=False))],
    ),
    Planted("a consumed message stays", [(MemoryStore, "_write", _written(consumes=False))]),
    Planted("no lease check before an answer from memory", [(Lease, "holds", True)]),
    Planted("what has moved away stays in memory", [(Directory, "lose", lambda *_: None)]),
    Planted("a clock is set to the middle", [(SystemClock, "correct", _to_the_middle)]),
    Planted("reply before commit", [(Activation, "_finish", _answer_first)]),
    Planted("stored answers not replayed", [(Activation, "_replayed", _not_replayed)]),
    Planted("an unknown outcome is taken for none", [(Writer, "_outage", _take_for_lost)]),
    Planted("an unknown outcome is told as none", [(ExpiredError, "executed", "no")]),
    Planted(
        "timers not loaded with their partitions",
        [(Timers, "load_anew", _nothing), (Timers, "_read", _not_replayed)],
    ),
    Planted("live updates: a gap is not noticed", [(LinkedBus, "_is_complete", lambda *_: True)]),
    Planted("live updates: the version is not checked", [(Topic, "put", _any_version)]),
    Planted("release without order check", [(world, "Ticket", CarelessTicket)]),
    Planted("sold to whoever asks", [(world, "Ticket", GreedyTicket)]),
    Planted("withdrawn from under its buyer", [(world, "Ticket", HastyTicket)]),
    Planted("lapse early", [(world, "Ticket", EarlyTicket)]),
    Planted("no timer for the lapse", [(world, "Ticket", ForgetfulTicket)]),
    Planted("a retry lengthens the reservation", [(world, "Ticket", GenerousTicket)]),
    Planted("cancelled without asking the ticket", [(order_actor, "let_go", _let_go_alone)]),
    Planted("settled without asking the ticket", [(world, "Order", PresumingOrder)]),
    Planted("refunded, and the ticket kept", [(world, "Order", KeepingOrder)]),
    Planted("capture without settle", [(world, "Payment", BoldPayment)]),
    Planted("void forgotten", [(payment_actor, "void", _void_nothing)]),
    Planted("a ledger row is missing", [(ledger, "captured", _one_movement_less)]),
)
