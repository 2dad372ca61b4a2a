"""Tickets: list, look, edit, withdraw."""

import re
from typing import Final

from aiohttp import hdrs, web
from msgspec import UNSET

from actors import NotFoundError
from ticketing import tickets
from ticketing.errors import (
    EventPastError,
    ForbiddenError,
    NoSuchEventError,
    StaleVersionError,
    TicketReservedError,
    TicketSoldError,
    TicketWithdrawnError,
)
from ticketing.tickets import TicketState, queries
from ticketing.values import EventId, TicketId, minor
from web import pages
from web.call import Call, json_answer, no_content
from web.refusals import Fault, InvalidInputError
from web.routing import Route
from web.schemas import tickets as schemas

__all__ = ["ROUTES"]

_ENTITY_TAG: Final = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')
_VERSION: Final = re.compile("[1-9][0-9]{0,17}")

_IF_MATCH: Final = "If-Match"

_NEVER: Final = -1
"""A version that no ticket has: what a tag names that is none of ours."""


async def create(call: Call[schemas.NewTicket]) -> web.Response:
    offer = call.input
    delivery = None if offer.delivery is None else call.gateway.vault.seal(offer.delivery)
    ticket = await call.ask_once(
        tickets.ticket(TicketId(call.new_id)),
        tickets.List(
            seller_id=call.user_id,
            title=offer.title,
            price_minor=minor(offer.price, offer.currency),
            currency=offer.currency,
            event_id=None if offer.event_id is None else EventId(offer.event_id),
            section=offer.section,
            row=offer.row,
            seat=offer.seat,
            delivery=delivery,
        ),
        creates=True,
    )
    response = _answer(call, ticket, 201)
    response.headers[hdrs.LOCATION] = f"/api/tickets/{ticket.id}"
    return response


async def find_page(call: Call[schemas.TicketsQuery]) -> web.Response:
    query = call.input
    search = schemas.search_of(query)
    found = await queries.page(call.reads, search)
    viewer = None if call.claims is None else call.claims.user_id
    shown = found[: query.limit]
    response = json_answer([schemas.view(each, viewer, call.gateway.vault) for each in shown])
    if len(found) > len(shown):
        last = queries.sort_key(shown[-1], search.sort)
        pages.link_next(call.request, response, pages.cursor(search.sort, last))
    return response


async def find_one(call: Call[None]) -> web.Response:
    return _answer(call, await _found(call))


async def change(call: Call[schemas.TicketChange]) -> web.Response:
    wanted, if_version = call.input, _expected_version(call.request)
    ticket = await _found(call)
    # The price means nothing without its currency, so the two are always changed together.
    currency = ticket.currency if wanted.currency is UNSET else wanted.currency
    delivery = wanted.delivery
    if isinstance(delivery, str):
        delivery = call.gateway.vault.seal(delivery)
    changed = await call.ask_once(
        tickets.ticket(ticket.id),
        tickets.Edit(
            seller_id=call.user_id,
            title=wanted.title,
            price_minor=minor(wanted.price, currency),
            currency=currency,
            event_id=EventId(wanted.event_id)
            if isinstance(wanted.event_id, str)
            else wanted.event_id,
            section=wanted.section,
            row=wanted.row,
            seat=wanted.seat,
            delivery=delivery,
            if_version=if_version,
        ),
    )
    return _answer(call, changed)


async def withdraw(call: Call[None]) -> web.Response:
    ref = tickets.ticket(TicketId(call.path_id))
    await call.ask_once(ref, tickets.Withdraw(seller_id=call.user_id))
    return no_content()


async def _found(call: Call[object]) -> TicketState:
    ticket = await queries.find(call.reads, TicketId(call.path_id))
    if ticket is None:
        raise NotFoundError
    return ticket


def _answer(call: Call[object], ticket: TicketState, status: int = 200) -> web.Response:
    viewer = None if call.claims is None else call.claims.user_id
    response = json_answer(schemas.view(ticket, viewer, call.gateway.vault), status)
    response.headers[hdrs.ETAG] = f'"{ticket.version}"'
    return response


def _expected_version(request: web.Request) -> int | None:
    """The version that If-Match insists on; None if it does not.

    Raises:
        InvalidInputError: it is not one entity tag, nor `*`.

    """
    text = request.headers.get(_IF_MATCH, "*").strip()
    if text == "*":
        return None
    tag = _ENTITY_TAG.fullmatch(text)
    if tag is None or len(request.headers.getall(_IF_MATCH)) > 1:
        raise InvalidInputError([Fault(f"{_IF_MATCH} must be one entity tag or *", _IF_MATCH)])
    weak, version = tag.groups()
    # If-Match compares strongly (RFC 9110, section 13.1.1), so a weak tag matches nothing.
    return int(version) if not weak and _VERSION.fullmatch(version) else _NEVER


ROUTES = (
    Route(
        method="POST",
        path="/api/tickets",
        handler=create,
        summary="Offer a ticket for sale",
        input=schemas.NewTicket,
        replies={201: schemas.TicketView},
        refusals=(NoSuchEventError, EventPastError),
        signed_in=True,
        once=True,
    ),
    Route(
        method="GET",
        path="/api/tickets",
        handler=find_page,
        summary="Search tickets, a page at a time",
        input=schemas.TicketsQuery,
        replies={200: list[schemas.TicketView]},
    ),
    Route(
        method="GET",
        path="/api/tickets/{id}",
        handler=find_one,
        summary="One ticket",
        replies={200: schemas.TicketView},
        refusals=(NotFoundError,),
    ),
    Route(
        method="PUT",
        path="/api/tickets/{id}",
        handler=change,
        summary="Change what is offered",
        input=schemas.TicketChange,
        replies={200: schemas.TicketView},
        refusals=(
            ForbiddenError,
            NotFoundError,
            TicketReservedError,
            TicketSoldError,
            TicketWithdrawnError,
            StaleVersionError,
            NoSuchEventError,
            EventPastError,
        ),
        signed_in=True,
        once=True,
        headers=(_IF_MATCH,),
    ),
    Route(
        method="DELETE",
        path="/api/tickets/{id}",
        handler=withdraw,
        summary="Take a ticket off the market",
        replies={204: None},
        refusals=(ForbiddenError, NotFoundError, TicketReservedError, TicketSoldError),
        signed_in=True,
        once=True,
    ),
)
