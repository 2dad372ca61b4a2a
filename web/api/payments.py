"""Payments: pay for an order, come back from 3-D Secure, and look what became of it."""

from aiohttp import web
from msgspec import UNSET

from actors import NotFoundError, RefusalError
from ticketing import payments
from ticketing.errors import (
    OrderCancelledError,
    OrderCompleteError,
    OrderExpiredError,
    PaymentInProgressError,
)
from ticketing.payments import PaymentStatus, queries
from ticketing.values import OrderId
from web import address
from web.auth import refuse_ended
from web.call import Call, json_answer
from web.fields import is_id
from web.limits import CONFIRMING, PAYING, PAYING_BY_ADDRESS
from web.outcome import Outcome, watch
from web.refusals import PaymentDeclinedError, ProviderUnavailableError, RateLimitedError
from web.routing import Route
from web.schemas import payments as schemas

__all__ = ["ROUTES"]


async def pay(call: Call[schemas.NewPayment]) -> web.Response:
    order_id = OrderId(call.input.order_id)
    await refuse_ended(call.caller, call.reads)
    if not is_id(order_id):
        raise NotFoundError
    limiter, client = call.gateway.limiter, _client(call)
    await limiter.count(PAYING, call.user_id)
    await limiter.count(PAYING_BY_ADDRESS, client)
    try:
        outcome = await _pay(call, order_id)
    except PaymentDeclinedError:
        raise
    except RefusalError:
        await _forgive(call, client)  # No card was tried.
        raise
    if outcome.status is PaymentStatus.CAPTURED:
        await _forgive(call, client)
    return _answer(call, order_id, outcome)


async def _pay(call: Call[schemas.NewPayment], order_id: OrderId) -> Outcome:
    with watch(call.gateway, order_id, call.user_id) as watched:
        started = await call.ask_once(
            payments.payment(order_id),
            payments.Pay(buyer_id=call.user_id, token=call.input.token),
        )
        return await watched.outcome(started, is_retry=call.key is not None)


async def confirm(call: Call[None]) -> web.Response:
    order_id = OrderId(call.path_id)
    await refuse_ended(call.caller, call.reads)
    await call.gateway.limiter.count(CONFIRMING, call.user_id)
    with watch(call.gateway, order_id, call.user_id) as watched:
        before = await call.ask_once(
            payments.payment(order_id), payments.Confirm(buyer_id=call.user_id)
        )
        # A webhook may have been faster, so what is stored is looked at, as for a retry.
        looks = 0 if before.attempt is None else before.attempt.looks
        outcome = await watched.outcome(before, is_retry=True, looks=looks)
    return _answer(call, order_id, outcome)


async def find_one(call: Call[None]) -> web.Response:
    payment = await queries.find(call.reads, OrderId(call.path_id), call.user_id)
    if payment is None:
        raise NotFoundError
    return json_answer(schemas.view(payment, call.gateway.vault))


def _answer(call: Call[object], order_id: OrderId, outcome: Outcome) -> web.Response:
    secret = outcome.secret
    said = schemas.PaymentOutcome(
        id=order_id,
        order_id=order_id,
        status=outcome.status,
        client_secret=UNSET if secret is None else call.gateway.vault.open(secret),
    )
    # Not to be stored, like every answer that does not say otherwise (`web.middleware`).
    return json_answer(said, 201 if outcome.status is PaymentStatus.CAPTURED else 202)


async def _forgive(call: Call[object], client: str) -> None:
    await call.gateway.limiter.forgive(PAYING, call.user_id)
    await call.gateway.limiter.forgive(PAYING_BY_ADDRESS, client)


def _client(call: Call[object]) -> str:
    return address.client_of(call.request, call.gateway.settings.trusted_proxies)


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
            RateLimitedError,
        ),
        signed_in=True,
        once=True,
    ),
    Route(
        method="POST",
        path="/api/payments/{id}/confirm",
        handler=confirm,
        summary="The card holder is back from 3-D Secure: what came of the payment",
        replies={201: schemas.PaymentOutcome, 202: schemas.PaymentOutcome},
        refusals=(
            PaymentDeclinedError,
            NotFoundError,
            OrderExpiredError,
            OrderCancelledError,
            PaymentInProgressError,
            ProviderUnavailableError,
            RateLimitedError,
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
