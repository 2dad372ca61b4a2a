"""What the payment provider tells of its own accord. Hints: what is true is asked for.

Anybody can send anything here, and the answer to what is not signed is always the same 400. Limits
by address would hurt the provider, which sends in bursts; what is signed by nobody costs a hash.
"""

from typing import Final

from aiohttp import web

from ticketing import payments
from ticketing.payments.outcomes import Happened
from ticketing.payments.webhooks import WEBHOOKS, BadSignatureError, verify
from ticketing.values import OrderId
from web.call import Call, json_answer
from web.fields import is_id
from web.refusals import InvalidWebhookError
from web.routing import Route
from web.schemas.users import Nothing

__all__ = ["ROUTES"]

SIGNATURE: Final = "Stripe-Signature"


async def stripe(call: Call[bytes]) -> web.Response:
    settings, count = call.gateway.settings, call.gateway.metrics.webhook
    try:
        happened = verify(
            call.input,
            call.request.headers.get(SIGNATURE),
            settings.stripe_webhook_secrets,
            call.gateway.runtime.clock.now(),
            live=settings.is_live,
        )
    except BadSignatureError:
        count("refused")
        raise InvalidWebhookError from None
    # Orders of others have other ids: the account may be used for more than this.
    if happened is None or not is_id(happened.order_id):
        count("ignored")
        return json_answer(Nothing())
    await _tell(call, happened)
    count("told")
    return json_answer(Nothing())


async def _tell(call: Call[bytes], happened: Happened) -> None:
    """Tell the payment, durably: many copies of a hint that nobody has read yet are one."""
    intent_id = happened.intent_id
    payment, tell = payments.payment(OrderId(happened.order_id)), call.gateway.runtime.tell
    if happened.is_refund:
        await tell(payment, payments.TouchRefund(intent_id=intent_id), name=f"refund:{intent_id}")
    else:
        touch = payments.Touch(intent_id=intent_id, status=happened.status)
        await tell(payment, touch, name=f"touch:{intent_id}")


ROUTES: Final = (
    Route(
        method="POST",
        path=WEBHOOKS,
        handler=stripe,
        summary="An event of the payment provider's",
        replies={200: Nothing},
        refusals=(InvalidWebhookError,),
        signed=True,
        headers=(SIGNATURE,),
    ),
)
