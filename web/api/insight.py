"""How the process is doing: for probes and for Prometheus."""

import asyncio
from typing import Final

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST

from actors import UnavailableError
from web.call import Call, json_answer
from web.refusals import NotReadyError
from web.routing import Route
from web.schemas.users import Nothing

__all__ = ["ROUTES"]

# A probe's own time-out is usually one second; a database slower than this is of no use.
_PING_SECONDS: Final = 0.8


async def live(_: Call[None]) -> web.Response:
    return json_answer(Nothing())


async def ready(call: Call[None]) -> web.Response:
    if not call.gateway.runtime.is_ready:
        raise NotReadyError
    try:
        async with asyncio.timeout(_PING_SECONDS):
            await call.reads.value("select 1")
    except (TimeoutError, UnavailableError):
        raise NotReadyError("The database does not answer") from None
    return json_answer(Nothing())


async def metrics(call: Call[None]) -> web.Response:
    gateway = call.gateway
    await gateway.inbox.measure()
    text = gateway.metrics.exposition(
        gateway.inbox.registry, gateway.runtime.metrics, gateway.live.metrics.registry
    )
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})


ROUTES = (
    Route(
        method="GET",
        path="/livez",
        handler=live,
        summary="Whether the process runs",
        replies={200: Nothing},
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=ready,
        summary="Whether it can serve: started, not draining, database there",
        replies={200: Nothing},
        refusals=(NotReadyError,),
    ),
    Route(
        method="GET",
        path="/metrics",
        handler=metrics,
        summary="Prometheus metrics",
        replies={200: None},
    ),
)
