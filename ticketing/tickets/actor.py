"""The ticket actor: the only judge of who holds a ticket."""

from typing import Final

from msgspec import UNSET

from actors import Actor, AskIdReusedError, NotFoundError, Turn, handle
from ticketing.errors import (
    CooldownError,
    EventPastError,
    EventStartedError,
    ForbiddenError,
    NoSuchEventError,
    OwnTicketError,
    PriceChangedError,
    StaleVersionError,
    TicketReservedError,
    TicketSoldError,
    TicketUnavailableError,
    TicketWithdrawnError,
)
from ticketing.events import messages as events
from ticketing.events.messages import EVENT, EventCard
from ticketing.tickets.messages import (
    TICKET,
    Close,
    Edit,
    Lapse,
    List,
    Release,
    ReleaseOutcome,
    Reservation,
    Reserve,
    Sell,
    Unsell,
    Withdraw,
)
from ticketing.tickets.state import (
    ReleaseReason,
    TicketEdited,
    TicketListed,
    TicketReleased,
    TicketReserved,
    TicketSold,
    TicketState,
    TicketStatus,
    TicketUnsold,
    TicketWithdrawn,
    WithdrawReason,
)
from ticketing.values import EventId

__all__ = ["Ticket"]

LAPSE_TIMER: Final = "lapse"
CLOSE_TIMER: Final = "close"

# Whoever let a ticket lapse this often waits for one reservation's length before the next try.
LAPSES_MAX: Final = 3

_OFFER: Final = (
    "title", "price_minor", "currency", "event_id", "section", "row", "seat", "delivery",
)  # fmt: skip


class Ticket(Actor[TicketState]):
    """One ticket. Reserving, lapsing and selling it meet here, one at a time."""

    kind, service, table, asks = TICKET, "tickets", "tickets", (EVENT,)

    @handle(creates=True)
    async def list(self, message: List, turn: Turn[TicketState]) -> TicketState:
        if turn.exists:
            if not _is_same_listing(turn.state, message):
                raise AskIdReusedError
            return turn.state
        event = await open_event(turn, message.event_id)
        offer = {name: getattr(message, name) for name in _OFFER}
        turn.record(TicketListed(at=turn.now, seller_id=message.seller_id, event=event, **offer))
        if event is not None:
            close_when_started(turn)
        return turn.state

    @handle
    async def edit(self, message: Edit, turn: Turn[TicketState]) -> TicketState:
        refuse_unless_changeable(turn.state, message.seller_id)
        if turn.state.status is TicketStatus.WITHDRAWN:
            raise TicketWithdrawnError
        if message.if_version not in {None, turn.state.version}:
            raise StaleVersionError(version=turn.state.version)
        now = {name: getattr(turn.state, name) for name in _OFFER}
        asked = {name: getattr(message, name) for name in _OFFER}
        wanted = now | {name: value for name, value in asked.items() if value is not UNSET}
        if wanted == now:
            return turn.state
        is_elsewhere = wanted["event_id"] != turn.state.event_id
        event = await open_event(turn, wanted["event_id"]) if is_elsewhere else turn.state.event
        turn.record(TicketEdited(event=event, **wanted))
        if is_elsewhere:
            close_when_started(turn)
        return turn.state

    @handle
    async def withdraw(self, message: Withdraw, turn: Turn[TicketState]) -> TicketState:
        refuse_unless_changeable(turn.state, message.seller_id)
        if turn.state.status is not TicketStatus.WITHDRAWN:
            withdraw(turn, WithdrawReason.SELLER)
        return turn.state

    @handle
    async def reserve(self, message: Reserve, turn: Turn[TicketState]) -> Reservation:
        ticket = turn.state
        if ticket.status is TicketStatus.RESERVED and ticket.buyer_id == message.buyer_id:
            return reservation(ticket)  # A retry gets the first answer, never a longer reservation.
        refuse_unless_open(ticket, message, turn)
        turn.record(
            TicketReserved(
                order_id=message.order_id,
                buyer_id=message.buyer_id,
                at=turn.now,
                until=turn.now + message.window,
            )
        )
        held = reservation(turn.state)
        turn.schedule(LAPSE_TIMER, held.until, Lapse(order_id=message.order_id))
        return held

    @handle
    async def release(self, message: Release, turn: Turn[TicketState]) -> ReleaseOutcome:
        if turn.state.order_id != message.order_id:
            return ReleaseOutcome.NOT_HELD
        if turn.state.status is TicketStatus.SOLD:
            return ReleaseOutcome.SOLD
        is_another = message.until not in {None, turn.state.reserved_until}
        release(turn, ReleaseReason.CANCELLED if is_another else message.reason)
        return ReleaseOutcome.RELEASED

    @handle
    async def lapse(self, message: Lapse, turn: Turn[TicketState]) -> None:
        ticket = turn.state
        if ticket.order_id != message.order_id or ticket.reserved_until is None:
            return
        if turn.now >= ticket.reserved_until:
            release(turn, ReleaseReason.LAPSED)

    @handle
    async def sell(self, message: Sell, turn: Turn[TicketState]) -> bool:
        if turn.state.order_id != message.order_id:
            return False
        if turn.state.status is TicketStatus.RESERVED:
            turn.record(TicketSold(order_id=message.order_id))
            turn.cancel(LAPSE_TIMER)
            forget_event(turn)
        return True

    @handle
    async def unsell(self, message: Unsell, turn: Turn[TicketState]) -> None:
        ticket = turn.state
        if ticket.status is not TicketStatus.SOLD or ticket.order_id != message.order_id:
            return
        turn.record(TicketUnsold(order_id=message.order_id, at=turn.now))
        if not message.relist:
            withdraw(turn, WithdrawReason.REFUNDED)
        elif ticket.has_started(turn.now):
            withdraw(turn, WithdrawReason.EVENT_STARTED)
        else:
            close_when_started(turn)

    @handle
    async def close(self, message: Close, turn: Turn[TicketState]) -> None:
        ticket = turn.state
        if ticket.event_id != message.event_id:
            return
        if not ticket.has_started(turn.now):
            close_when_started(turn)
        elif ticket.status is TicketStatus.AVAILABLE:
            withdraw(turn, WithdrawReason.EVENT_STARTED)


def reservation(ticket: TicketState) -> Reservation:
    """The reservation that *ticket* is under."""
    assert ticket.order_id is not None
    assert ticket.buyer_id is not None
    assert ticket.reserved_until is not None
    return Reservation(
        ticket_id=ticket.id,
        ticket_version=ticket.version,
        order_id=ticket.order_id,
        buyer_id=ticket.buyer_id,
        seller_id=ticket.seller_id,
        title=ticket.title,
        price_minor=ticket.price_minor,
        currency=ticket.currency,
        until=ticket.reserved_until,
    )


def release(turn: Turn[TicketState], reason: ReleaseReason) -> None:
    """End the reservation."""
    order_id = turn.state.order_id
    assert order_id is not None
    lapses = turn.state.lapses_with(turn.now) if reason is ReleaseReason.LAPSED else None
    turn.record(TicketReleased(order_id=order_id, reason=reason, at=turn.now, lapses=lapses))
    turn.cancel(LAPSE_TIMER)
    if turn.state.has_started(turn.now):
        withdraw(turn, WithdrawReason.EVENT_STARTED)


def withdraw(turn: Turn[TicketState], reason: WithdrawReason) -> None:
    """Leave the market."""
    turn.record(TicketWithdrawn(reason=reason))
    forget_event(turn)


async def open_event(turn: Turn[TicketState], event_id: EventId | None) -> EventCard | None:
    """The event that the ticket is to be for, if it is for one.

    Raises:
        NoSuchEventError, EventPastError: no tickets can be offered for it.

    """
    if event_id is None:
        return None
    try:
        event = await turn.ask(events.event(event_id), events.Describe())
    except NotFoundError:
        raise NoSuchEventError from None
    if event.starts_at <= turn.now:
        raise EventPastError
    return event


def close_when_started(turn: Turn[TicketState]) -> None:
    """Leave the market when the event starts, whichever it is now."""
    ticket = turn.state
    if ticket.event_id is None or ticket.event_starts_at is None:
        turn.cancel(CLOSE_TIMER)
    elif ticket.status in {TicketStatus.AVAILABLE, TicketStatus.RESERVED}:
        turn.schedule(CLOSE_TIMER, ticket.event_starts_at, Close(event_id=ticket.event_id))


def forget_event(turn: Turn[TicketState]) -> None:
    """A ticket that is sold or withdrawn has nothing to do when its event starts."""
    if turn.state.event_id is not None:
        turn.cancel(CLOSE_TIMER)


def refuse_unless_changeable(ticket: TicketState, user_id: str) -> None:
    """Only the seller changes a ticket, and only while nobody holds it."""
    if ticket.seller_id != user_id:
        raise ForbiddenError
    if ticket.status is TicketStatus.RESERVED:
        raise TicketReservedError(available_at=ticket.reserved_until)
    if ticket.status is TicketStatus.SOLD:
        raise TicketSoldError


def refuse_unless_open(ticket: TicketState, message: Reserve, turn: Turn[TicketState]) -> None:
    """Whether this buyer may reserve this ticket now."""
    if ticket.seller_id == message.buyer_id:
        raise OwnTicketError
    if ticket.has_started(turn.now):
        raise EventStartedError
    if ticket.status is TicketStatus.RESERVED:
        raise TicketUnavailableError(available_at=ticket.reserved_until)
    if ticket.status is TicketStatus.SOLD:
        raise TicketUnavailableError("Ticket is already sold")
    if ticket.status is TicketStatus.WITHDRAWN:
        raise TicketUnavailableError("Ticket has been withdrawn")
    if message.price_minor not in {None, ticket.price_minor}:
        raise PriceChangedError
    lapses = ticket.lapses_of(message.buyer_id)
    if message.cooldown and lapses is not None and lapses.count >= LAPSES_MAX:
        until = lapses.last_at + message.window
        if turn.now < until:
            raise CooldownError(available_at=until)


def _is_same_listing(ticket: TicketState, message: List) -> bool:
    return (ticket.seller_id, ticket.title, ticket.price_minor, ticket.currency) == (
        message.seller_id, message.title, message.price_minor, message.currency,
    )  # fmt: skip
