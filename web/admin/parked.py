"""Deciding about a message that was set aside: try it again, or drop it.

Noted before it is done: a message that is gone is gone, and there must be a note of what it was.
"""

from typing import Final

from aiohttp import web

from actors import NotFoundError
from ticketing.audit import Details
from ticketing.values import ADMIN
from web.admin.noting import note, was_done
from web.admin.texts import cleaned
from web.call import Call, json_answer
from web.routing import Handler, Route
from web.schemas import admin as schemas
from web.schemas.users import Nothing

__all__ = ["ROUTES"]


async def replay(call: Call[schemas.Decision]) -> web.Response:
    if not await was_done(call):
        await _note(call, "message.replay", "due")
        if not await call.gateway.runtime.replay_parked(call.path_id):
            raise NotFoundError
    return json_answer(Nothing())


async def discard(call: Call[schemas.Decision]) -> web.Response:
    if not await was_done(call):
        await _note(call, "message.discard", "discarded")
        if not await call.gateway.runtime.store.discard(call.path_id):
            raise NotFoundError
    return json_answer(Nothing())


async def _note(call: Call[schemas.Decision], action: str, becomes: str) -> None:
    """Write down what is about to be done to the message in the path.

    Raises:
        NotFoundError: there is no such message.

    """
    desk = call.gateway.desk
    parked = await desk.stored.parked_one(call.path_id)
    if parked is None:
        raise NotFoundError
    before: Details = {
        "status": "parked",
        "actor": await desk.subject(parked.row.ref),
        "message": parked.row.message,
        "attempts": parked.row.attempts,
        "error": cleaned(parked.error),
    }
    after: Details = {"status": becomes}
    await note(call, action, f"message:{parked.row.id}", before=before, after=after)


def _route(name: str, handler: Handler, summary: str) -> Route:
    return Route(
        method="POST",
        path=f"/api/admin/parked/{{id}}/{name}",
        handler=handler,
        summary=summary,
        input=schemas.Decision,
        replies={200: Nothing},
        refusals=(NotFoundError,),
        signed_in=True,
        role=ADMIN,
        once=True,
    )


ROUTES: Final = (
    _route("replay", replay, "Try a parked message again, as if it had never failed"),
    _route("discard", discard, "Drop a parked message for good"),
)
