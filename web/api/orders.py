"""Orders: buy, look, cancel."""

from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs, web
from msgspec import UNSET

from actors import NotFoundError
from ticketing import orders
from ticketing.errors import (
    CooldownError,
    EventStartedError,
    OrderCompleteError,
    OwnTicketError,
    PaymentInProgressError,
    PriceChangedError,
    TicketUnavailableError,
    TooManyReservationsError,
)
from ticketing.orders import queries
from ticketing.tickets import queries as ticket_queries
from ticketing.values import OrderId, TicketId, minor
from web import pages
from web.call import Call, json_answer, no_content
from web.fields import is_id
from web.limits import refuse_if_waiting
from web.refusals import RateLimitedError
from web.reservations import Purchase, refuse_hoarding, refuse_if_taken
from web.routing import Route
from web.schemas import orders as schemas

__all__ = ["ROUTES"]

_ORDER_OF_PAGES: Final = "newest"
_FIRST_PAGE: Final = (datetime.max.replace(tzinfo=UTC), "")


async def place(call: Call[schemas.NewOrder]) -> web.Response:
    ticket_id = TicketId(call.input.ticket_id)
    if not is_id(ticket_id):
        raise NotFoundError
    if call.key is None:  # A retry is given the first answer, whoever holds the ticket by now.
        refuse_if_taken(call.gateway.runtime, ticket_id, call.user_id)
    price_minor = await _price_minor(call, ticket_id)
    with call.gateway.in_flight.placing(call.user_id, ticket_id) as in_flight:
        standing = await call.gateway.standings.get(Purchase(call.user_id))
        assert standing is not None, "every purchase has one"
        refuse_if_waiting(standing.wait_seconds)
        refuse_hoarding(
            standing.reserved,
            in_flight,
            ticket_id,
            at_most=call.gateway.settings.live_reservations_max,
            now=call.gateway.runtime.clock.now(),
        )
        placed = await call.ask_once(
            orders.order(OrderId(call.new_id)),
            orders.Place(ticket_id=ticket_id, buyer_id=call.user_id, price_minor=price_minor),
            creates=True,
        )
    if placed.held is None:
        assert placed.order is not None
        order, status = placed.order, 201
    else:
        # The buyer holds the ticket already: the order that it is held for answers.
        held = orders.order(placed.held.order_id)
        order, status = await call.ask(held, orders.Adopt(reservation=placed.held)), 200
    response = json_answer(schemas.view(order), status)
    response.headers[hdrs.LOCATION] = f"/api/orders/{order.id}"
    return response


async def find_page(call: Call[schemas.OrdersQuery]) -> web.Response:
    query = call.input
    before = _FIRST_PAGE
    if query.after is not UNSET:
        before = pages.decode(query.after, _ORDER_OF_PAGES, instants=True)
    found = await queries.page(
        call.reads,
        call.user_id,
        statuses=schemas.statuses_of(query),
        before=before,
        limit=query.limit + 1,
    )
    shown = found[: query.limit]
    vault = call.gateway.vault
    response = json_answer([schemas.view(own.order, own.delivery, vault) for own in shown])
    if len(found) > len(shown):
        last = shown[-1].order
        after = pages.cursor(_ORDER_OF_PAGES, (last.created_at, last.id))
        pages.link_next(call.request, response, after)
    return response


async def find_one(call: Call[None]) -> web.Response:
    own = await queries.find(call.reads, OrderId(call.path_id), call.user_id)
    if own is None:
        raise NotFoundError
    return json_answer(schemas.view(own.order, own.delivery, call.gateway.vault))


async def cancel(call: Call[None]) -> web.Response:
    done = await call.ask_once(
        orders.order(OrderId(call.path_id)),
        orders.Cancel(buyer_id=call.user_id, reason=orders.CancelReason.USER),
    )
    if not done.cancelled:
        raise PaymentInProgressError  # The ticket turned out to be sold to it: the money follows.
    return no_content()


async def _price_minor(call: Call[schemas.NewOrder], ticket_id: TicketId) -> int | None:
    """The price that the buyer saw, in the ticket's own currency."""
    if call.input.price is None:
        return None
    ticket = await ticket_queries.find(call.reads, ticket_id)
    if ticket is None:
        raise NotFoundError
    return minor(call.input.price, ticket.currency)


ROUTES = (
    Route(
        method="POST",
        path="/api/orders",
        handler=place,
        summary="Buy a ticket: reserve it until it is paid, or the time is up",
        input=schemas.NewOrder,
        replies={201: schemas.OrderView, 200: schemas.OrderView},
        refusals=(
            NotFoundError,
            TicketUnavailableError,
            OwnTicketError,
            PriceChangedError,
            CooldownError,
            EventStartedError,
            TooManyReservationsError,
            RateLimitedError,
        ),
        signed_in=True,
        once=True,
    ),
    Route(
        method="GET",
        path="/api/orders",
        handler=find_page,
        summary="Your own orders, newest first, a page at a time",
        input=schemas.OrdersQuery,
        replies={200: list[schemas.OrderView]},
        signed_in=True,
    ),
    Route(
        method="GET",
        path="/api/orders/{id}",
        handler=find_one,
        summary="One of your own orders",
        replies={200: schemas.OrderView},
        refusals=(NotFoundError,),
        signed_in=True,
    ),
    Route(
        method="DELETE",
        path="/api/orders/{id}",
        handler=cancel,
        summary="Cancel an order and give the ticket back",
        replies={204: None},
        refusals=(NotFoundError, OrderCompleteError, PaymentInProgressError),
        signed_in=True,
        once=True,
    ),
)
