"""A complete order's money back to its buyer; the payment tells the audit log in the same turn."""

from typing import Final

from aiohttp import web

from actors import NotFoundError
from ticketing import payments
from ticketing.errors import OrderNotCompleteError
from ticketing.values import ADMIN, OrderId
from web.call import Call, json_answer
from web.routing import Route
from web.schemas import payments as schemas

__all__ = ["ROUTES"]


async def refund(call: Call[schemas.NewRefund]) -> web.Response:
    payment = await call.ask_once(
        payments.payment(OrderId(call.path_id)),
        payments.Refund(by=call.user_id, reason=call.input.reason, relist=call.input.relist),
    )
    return json_answer(schemas.view(payment))


ROUTES: Final = (
    Route(
        method="POST",
        path="/api/admin/orders/{id}/refund",
        handler=refund,
        summary="Give the buyer of a complete order the money back",
        input=schemas.NewRefund,
        replies={200: schemas.PaymentView},
        refusals=(NotFoundError, OrderNotCompleteError),
        signed_in=True,
        role=ADMIN,
        once=True,
    ),
)
