"""Payments: pay for an order, and look what became of it."""

from aiohttp import web

from actors import NotFoundError
from ticketing import payments
from ticketing.errors import (
    OrderCancelledError,
    OrderCompleteError,
    OrderExpiredError,
    PaymentInProgressError,
)
from ticketing.payments import PaymentStatus, queries
from ticketing.values import OrderId
from web.auth import still_good
from web.call import Call, json_answer
from web.fields import is_id
from web.outcome import watch
from web.refusals import NotSignedInError, PaymentDeclinedError, ProviderUnavailableError
from web.routing import Route
from web.schemas import payments as schemas

__all__ = ["ROUTES"]


async def pay(call: Call[schemas.NewPayment]) -> web.Response:
    order_id = OrderId(call.input.order_id)
    good, _ = await still_good(call.caller, call.reads)
    if not good:
        raise NotSignedInError("This session has ended; sign in again")
    if not is_id(order_id):
        raise NotFoundError
    with watch(call.gateway, order_id, call.user_id) as watched:
        started = await call.ask_once(
            payments.payment(order_id),
            payments.Pay(buyer_id=call.user_id, token=call.input.token),
        )
        is_captured = await watched.is_captured(started, is_retry=call.key is not None)
    status = PaymentStatus.CAPTURED if is_captured else PaymentStatus.PROCESSING
    outcome = schemas.PaymentOutcome(id=order_id, order_id=order_id, status=status)
    return json_answer(outcome, 201 if is_captured else 202)


async def find_one(call: Call[None]) -> web.Response:
    payment = await queries.find(call.reads, OrderId(call.path_id), call.user_id)
    if payment is None:
        raise NotFoundError
    return json_answer(schemas.view(payment))


ROUTES = (
    Route(
        method="POST",
        path="/api/payments",
        handler=pay,
        summary="Pay for an order, and wait for what comes of it",
        input=schemas.NewPayment,
        replies={201: schemas.PaymentOutcome, 202: schemas.PaymentOutcome},
        refusals=(
            PaymentDeclinedError,
            NotFoundError,
            OrderExpiredError,
            OrderCancelledError,
            OrderCompleteError,
            PaymentInProgressError,
            ProviderUnavailableError,
        ),
        signed_in=True,
        once=True,
    ),
    Route(
        method="GET",
        path="/api/payments/{id}",
        handler=find_one,
        summary="One of your own payments; its id is the order's",
        replies={200: schemas.PaymentView},
        refusals=(NotFoundError,),
        signed_in=True,
    ),
)
