"""All nodes as a whole."""

from typing import Final

from aiohttp import web

from ticketing.values import ADMIN
from web.call import Call, json_answer
from web.routing import Route
from web.schemas.overview import OverviewView

__all__ = ["ROUTES"]


async def overview(call: Call[None]) -> web.Response:
    return json_answer(await call.gateway.desk.overview())


ROUTES: Final = (
    Route(
        method="GET",
        path="/api/admin/overview",
        handler=overview,
        summary="How all nodes are doing: services, workers, commits, timers, sockets",
        replies={200: OverviewView},
        signed_in=True,
        role=ADMIN,
    ),
)
