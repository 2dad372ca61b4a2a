"""Looks at every commit and every reply as it happens, and says what must not be.

It keeps its own picture of all actors, folded from the facts that were committed, and the rows of
the database are held against it. What it finds is kept in `violation`: to raise it where it is
found would only be another fault for the runtime to survive.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from actors import ActorError, CrashedError, Message, Ref, RefusalError, State
from actors.mailbox import AskId
from actors.memory import MemoryDatabase
from actors.simulation import SimulatedClock
from actors.store import Commit
from tests.support.invariants import Holding, facts_of
from ticketing import bootstrap
from ticketing.errors import TicketReservedError, TicketUnavailableError
from ticketing.orders import messages as orders
from ticketing.orders.state import CancelReason, OrderCancelled, OrderSettled, OrderState
from ticketing.payments import facts as paid
from ticketing.payments.state import AttemptStatus, PaymentState
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import (
    ReleaseReason,
    TicketReleased,
    TicketSold,
    TicketState,
    TicketStatus,
    TicketUnsold,
    TicketWithdrawn,
)
from ticketing.values import OrderId, UserId

__all__ = ["ALLOWANCE", "Asked", "Judge"]

S = TypeVar("S", bound=State)

# How much a node's idea of the database's time may be off: a heartbeat's way there and back, and
# what a bad clock gains until the next one.
ALLOWANCE: Final = timedelta(seconds=0.1)


@dataclass
class Asked:
    """A command, as a client sends it: once, or again and again under one id."""

    ref: Ref
    message: Message[Any]
    by: UserId
    ask_id: AskId | None
    floor: int
    """The version of *ref* when it was first sent."""
    since: datetime
    may_be_done: bool = False
    """Whether an earlier try may have been."""

    @property
    def id(self) -> str:
        return "" if self.ask_id is None else self.ask_id.id

    def __str__(self) -> str:
        return f"{type(self.message).__name__} of {self.ref} since {self.since:%H:%M:%S.%f}"


class Judge:
    """Everything that must hold at any moment. *is_taken* says whether an order's money was."""

    def __init__(self, database: MemoryDatabase, is_taken: Callable[[str], bool]) -> None:
        self.database = database
        self.clock = SimulatedClock()
        self.violation: str | None = None
        self.on_violation: Callable[[], None] = lambda: None
        self.states: dict[Ref, State] = {}
        self.tickets: dict[Ref, TicketState] = {}
        """Those of `states` that are tickets."""
        self.encoded: dict[tuple[Ref, int], bytes] = {}
        """Every version there ever was."""
        self.done: dict[str, bytes] = {}
        """What was answered in the commit of each ask, by its id."""
        self.unheard: set[str] = set()
        """The asks whose node did not hear that they had been committed."""
        self.consumed: Counter[str] = Counter()
        self.owned_since: dict[int, datetime] = {}
        self.open_since: dict[Ref, datetime] = {}
        """Since when a ticket has been there for anybody to reserve."""
        self.seen: Counter[str] = Counter()
        """How often each interesting case has come about."""
        self._is_taken = is_taken
        self._holdings: dict[Ref, Holding] = {}
        self._decode_facts: dict[str, msgspec.json.Decoder[Any]] = {}
        self._decode_states = {
            kind: msgspec.json.Decoder(each) for kind, each in bootstrap.STATE_TYPES.items()
        }

    def note(self, case: str) -> None:
        """An interesting case has come about."""
        self.seen[case] += 1

    def fail(self, what: str) -> None:
        """Something is not as it must be; the first of it counts."""
        if self.violation is None:
            self.violation = what
            self.on_violation()

    def state(self, ref: Ref, of: type[S]) -> S | None:
        found = self.states.get(ref)
        return found if isinstance(found, of) else None

    def version(self, ref: Ref) -> int:
        found = self.states.get(ref)
        return 0 if found is None else found.version

    # Commits ----------------------------------------------------------------------------------

    def committed(self, commit: Commit) -> None:
        """*commit* is durable from now on."""
        try:
            self._look_at(commit)
        except AssertionError as error:
            self.fail(str(error))

    def _look_at(self, commit: Commit) -> None:
        row = commit.consumed
        if row is not None:
            self.consumed[row.id] += 1
            assert self.consumed[row.id] == 1, f"consumed twice: {row.message} of {row.ref}"
            early = row.due_at - min(commit.at + ALLOWANCE, self.clock.now() + ALLOWANCE)
            assert early <= timedelta(), f"early by {early}: {row.message} of {row.ref}"
        if commit.answer is not None:
            assert commit.answer.id not in self.done, f"done twice: {commit.cause} {commit.ref}"
            self.done[commit.answer.id] = commit.answer.reply
        if commit.rows:
            self._look_at_rows(commit)
        if commit.facts:
            self._fold(commit)

    def _look_at_rows(self, commit: Commit) -> None:
        rows = [msgspec.json.decode(row.data) for row in commit.rows if row.table == "ledger"]
        total = sum(row["delta_minor"] for row in rows)
        assert total == 0, f"the movements of one commit of {commit.ref} come to {total}"

    def _fold(self, commit: Commit) -> None:
        ref = commit.ref
        before = self.states.get(ref) or bootstrap.STATE_TYPES[ref.kind](id=ref.key)  # type: ignore[call-arg]
        assert commit.version == before.version + 1, (
            f"{ref} goes from version {before.version} to {commit.version}"
        )
        decode = self._decode_facts.get(ref.kind)
        if decode is None:
            decode = msgspec.json.Decoder(facts_of(bootstrap.STATE_TYPES[ref.kind]))
            self._decode_facts[ref.kind] = decode
        after: Any = before
        facts = [decode.decode(data) for _, data in commit.facts]
        for fact in facts:
            after = after.apply(fact)
        after = replace(after, version=commit.version)
        assert commit.state is not None
        is_same = self._decode_states[ref.kind].decode(commit.state) == after
        assert is_same, f"{ref} is not what its journal says at version {commit.version}"
        self.states[ref] = after
        if isinstance(after, TicketState):
            self.tickets[ref] = after
        self.encoded[ref, commit.version] = commit.state
        for fact in facts:
            self._judge(ref, before, after, fact)

    def _judge(self, ref: Ref, before: Any, after: Any, fact: Any) -> None:
        if ref.kind == "ticket":
            self._holdings.setdefault(ref, Holding(ALLOWANCE)).take(fact)
            if isinstance(fact, TicketReleased | TicketUnsold | TicketSold | TicketWithdrawn):
                self._note_ticket(before, fact)
            if after.status is TicketStatus.AVAILABLE:
                self.open_since.setdefault(ref, self.clock.now())
            else:
                self.open_since.pop(ref, None)
        elif isinstance(fact, OrderSettled):
            self._settled(after)
        elif isinstance(fact, OrderCancelled):
            self._cancelled(before, after)
        elif isinstance(fact, paid.PaymentCaptured):
            self._captured(ref, after)

    def _settled(self, order: OrderState) -> None:
        ticket = self.state(tickets.ticket(order.ticket_id), TicketState)
        assert ticket is not None
        assert (ticket.status, ticket.order_id) == (TicketStatus.SOLD, order.id), (
            f"settled, but its ticket is {ticket.status} for {ticket.order_id}: {order}"
        )

    def _cancelled(self, before: OrderState, order: OrderState) -> None:
        if order.cancel_reason is CancelReason.REFUNDED:
            return  # Its ticket is told afterwards.
        ticket = self.state(tickets.ticket(order.ticket_id), TicketState)
        assert ticket is not None
        assert ticket.order_id != order.id, f"cancelled, but it has its ticket still: {order}"
        if before.settled_at is not None:
            self.note("a sale was undone, because the money could not be taken")

    def _captured(self, ref: Ref, payment: PaymentState) -> None:
        assert self._is_taken(ref.key), f"captured, says {ref}, and nobody took any money"
        order = self.state(orders.order(OrderId(ref.key)), OrderState)
        assert order is not None
        assert order.settled_at is not None, f"captured without a sale: {order}"
        if order.expires_at < self.clock.now():
            self.note("a capture that was under way at the deadline of its order")
        if len(payment.attempts) > 1:
            self.note("a sale to somebody whose first card had not paid")

    def _note_ticket(self, before: TicketState, fact: object) -> None:
        match fact:
            case TicketReleased(reason=ReleaseReason.LAPSED, order_id=order_id):
                self.note("a reservation lapsed")
                payment = self.state(Ref("payment", order_id), PaymentState)
                attempt = None if payment is None else payment.attempt
                if attempt is not None and attempt.status in {
                    AttemptStatus.STARTED, AttemptStatus.ACTION_REQUIRED,
                }:  # fmt: skip
                    self.note("a reservation lapsed while its buyer was paying")
            case TicketReleased():
                self.note("a buyer let go of a ticket")
            case TicketUnsold():
                self.note("a ticket was sold and came back")
            case TicketSold(order_id=order_id):
                order = self.state(orders.order(order_id), OrderState)
                if order is not None and order.expires_at < self.clock.now():
                    self.note("a ticket was sold at the very end of its reservation")
            case TicketWithdrawn() if before.status is TicketStatus.RESERVED:
                self.note("the event started while its ticket was reserved")
            case _:
                pass

    # Partitions -------------------------------------------------------------------------------

    def moved(self, partitions: Mapping[int, int], *, is_taken: bool) -> None:
        """Partitions have another owner from now on."""
        now = self.clock.now()
        moved = set(partitions)
        self.owned_since.update(dict.fromkeys(moved, now))
        if not moved:
            return
        first = max(partitions.values()) == 1
        if not is_taken:
            self.note("partitions were handed over")
        elif not first:
            self.note("partitions of a dead node were taken over")
            due = [row for row in self.database.inbox.values() if row.partition in moved]
            if any(row.due_at <= now and row.name == "lapse" for row in due):
                self.note("a take-over with a reservation whose time was up")

    # Replies ----------------------------------------------------------------------------------

    def replied(self, asked: Asked, reply: Any) -> None:
        """A client was told *reply*."""
        said = msgspec.json.encode(reply)
        kept = self.done.get(asked.id)
        if kept is not None and kept != said:
            self.fail(f"two answers to one ask: {asked}")
        state = getattr(reply, "order", reply)
        if not isinstance(state, State) or getattr(state, "id", None) != asked.ref.key:
            return
        if self.encoded.get((asked.ref, state.version)) != msgspec.json.encode(state):
            self.fail(f"told of something that is not committed: {asked}: {state}")
        if kept is None and state.version < asked.floor:
            self.fail(f"told what was no more: version {state.version}: {asked}")

    def refused(self, asked: Asked, refusal: RefusalError) -> None:
        """A client was refused."""
        if asked.id in self.done:
            self.fail(f"refused ({refusal.code}) and done: {asked}")
        if isinstance(refusal, TicketUnavailableError | TicketReservedError):
            ticket = getattr(asked.message, "ticket_id", asked.ref.key)
            open_since = self.open_since.get(tickets.ticket(ticket))
            if open_since is not None and open_since < asked.since:
                self.fail(f"refused ({refusal}), and free since {open_since}: {asked}")

    def failed(self, asked: Asked, error: ActorError) -> None:
        """A client was told that it failed: that is well, unless it is not so."""
        asked.may_be_done |= error.executed == "maybe"
        if isinstance(error, CrashedError):
            self.fail(f"an actor crashed: {asked}")
        if asked.id in self.done and not asked.may_be_done:
            self.fail(f"said not to have been done, and done: {asked}")
