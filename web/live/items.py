"""Tickets and orders as they are shown in updates: the same views as by REST, encoded once.

What is public is what a stranger gets from `GET /api/tickets/{id}`. There, a reservation whose time
is up reads as none and a ticket whose event has begun as withdrawn, even while that has not been
committed yet; so do items, which therefore know until when they are good.
"""

from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from ticketing.orders import CancelReason, OrderState, OrderStatus
from ticketing.tickets import TicketState, TicketStatus, WithdrawReason
from ticketing.values import UserId
from ticketing.vault import Vault
from web.live.topic import Item
from web.schemas import orders, tickets

__all__ = ["of_order", "of_ticket"]

_encode: Final = msgspec.json.Encoder().encode


def of_ticket(ticket: TicketState, viewer: UserId | None, vault: Vault, now: datetime) -> Item:
    """*ticket* as *viewer* may see it *now*; None is the public."""
    shown, until = _ticket_at(ticket, now)
    body = b'{"kind":"ticket",' + _encode(tickets.view(shown, viewer, vault))[1:]
    if until is None:
        return Item(ticket.id, ticket.version, body)
    return Item(ticket.id, ticket.version, body, until, partial(of_ticket, ticket, viewer, vault))


def of_order(order: OrderState, delivery: str | None, vault: Vault, now: datetime) -> Item:
    """*order* as its buyer sees it *now*; *delivery*, sealed, is shown once it is complete."""
    shown, until = _order_at(order, now)
    sealed = delivery if order.status is OrderStatus.COMPLETE else None
    body = b'{"kind":"order",' + _encode(orders.view(shown, sealed, vault))[1:]
    if until is None:
        return Item(order.id, order.version, body)
    return Item(order.id, order.version, body, until, partial(of_order, order, delivery, vault))


def _ticket_at(ticket: TicketState, now: datetime) -> tuple[TicketState, datetime | None]:
    """How *ticket* reads *now*, as in `tickets.queries`; and until when, if not until a commit."""
    until = ticket.reserved_until
    if until is not None and until > now:
        return ticket, until
    if until is not None:
        ticket = replace(
            ticket,
            status=TicketStatus.AVAILABLE,
            order_id=None,
            buyer_id=None,
            reserved_at=None,
            reserved_until=None,
        )
    if ticket.status is not TicketStatus.AVAILABLE:
        return ticket, None
    if ticket.has_started(now):
        withdrawn = replace(
            ticket, status=TicketStatus.WITHDRAWN, withdraw_reason=WithdrawReason.EVENT_STARTED
        )
        return withdrawn, None
    return ticket, ticket.event_starts_at


def _order_at(order: OrderState, now: datetime) -> tuple[OrderState, datetime | None]:
    """How *order* reads *now*, as in `orders.queries`; and until when, if not until a commit."""
    if not order.is_live:
        return order, None
    if order.expires_at > now:
        return order, order.expires_at
    ended = replace(order, status=OrderStatus.CANCELLED, cancel_reason=CancelReason.EXPIRED)
    return ended, None
