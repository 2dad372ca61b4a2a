"""Acting on one actor: past its mailbox where it might not answer, and noted in the audit log.

To restart, passivate, suspend and resume is done in the memory of the process that has the actor,
and what was done is told to the log right after: a process that dies in between takes what was done
with it.
A release is asked of the ticket's order, like any other cancellation, and is in their journals.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from actors import NotFoundError
from actors.inspection import NotNowError
from actors.remote_inspection import Action
from actors.seen import ActorSeen
from ticketing import orders
from ticketing.audit import Details
from ticketing.errors import OrderCompleteError, PaymentInProgressError
from ticketing.tickets import TicketState, TicketStatus
from ticketing.values import ADMIN, OrderId
from web.admin.actors import found
from web.admin.noting import note, was_done
from web.call import Call, json_answer
from web.refusals import NotPossibleNowError
from web.routing import Handler, Route
from web.schemas.actors import ActorView
from web.schemas.admin import Decision

__all__ = ["ROUTES"]


def _past_the_mailbox(action: Action) -> Handler:
    """A handler that does *action* to the actor in the path."""

    async def handler(call: Call[Decision]) -> web.Response:
        ref, desk = await found(call), call.gateway.desk
        if not await was_done(call):
            try:
                acted = await desk.nodes.act(ref, action)
            except NotNowError as error:
                raise NotPossibleNowError(str(error)) from None
            before, after = _standing(acted.before), _standing(acted.after)
            subject = await desk.subject(ref)
            await note(call, f"actor.{action}", subject, before=before, after=after)
        return json_answer(await desk.actor(ref))

    handler.__name__ = action
    handler.__module__ = __name__
    return handler


def _standing(line: ActorSeen) -> Details:
    return {"status": line.status, "mailbox": line.mailbox, "restarts": line.restarts}


async def release(call: Call[Decision]) -> web.Response:
    ref, desk = await found(call), call.gateway.desk
    if await was_done(call):
        return json_answer(await desk.actor(ref))
    ticket = await desk.state(ref)
    if not isinstance(ticket, TicketState):
        raise NotFoundError
    if ticket.status is not TicketStatus.RESERVED or ticket.order_id is None:
        raise NotPossibleNowError("Nobody has reserved this ticket")
    order = orders.order(OrderId(ticket.order_id))
    cancel = orders.Cancel(buyer_id=None, reason=orders.CancelReason.ADMIN)
    cancelled = await call.ask(order, cancel)
    if not cancelled.cancelled:
        raise OrderCompleteError
    before: Details = {"status": ticket.status.value, "orderId": order.key}
    after: Details = {
        "order": cancelled.order.status.value,
        "cancelReason": (cancelled.order.cancel_reason or orders.CancelReason.ADMIN).value,
    }
    await note(call, "ticket.release", await desk.subject(ref), before=before, after=after)
    return json_answer(await desk.actor(ref))


_ACTIONS: Final[Mapping[Action, str]] = {
    "restart": "Give up an actor's turn, forget its memory, and let it work again at once",
    "passivate": "Let an idle actor go from memory",
    "suspend": "Have an actor handle nothing more until it is resumed",
    "resume": "Have an actor go on; what it failed at is forgiven",
}


def _route(name: str, handler: Handler, summary: str, *refusals: type[Any]) -> Route:
    return Route(
        method="POST",
        path=f"/api/admin/actors/{{kind}}/{{key}}/{name}",
        handler=handler,
        summary=summary,
        input=Decision,
        replies={200: ActorView},
        refusals=(NotFoundError, NotPossibleNowError, *refusals),
        signed_in=True,
        role=ADMIN,
        once=True,
    )


ROUTES: Final = (
    *(_route(action, _past_the_mailbox(action), summary) for action, summary in _ACTIONS.items()),
    _route(
        "release",
        release,
        "Take a ticket's reservation from its order, which is cancelled",
        OrderCompleteError,
        PaymentInProgressError,
    ),
)
