"""How the process is doing: for probes and for Prometheus."""

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST

from web.all_metrics import merged
from web.call import Call, json_answer
from web.refusals import NotReadyError
from web.routing import Route
from web.schemas.users import Nothing

__all__ = ["ROUTES"]


async def live(_: Call[None]) -> web.Response:
    return json_answer(Nothing())


async def ready(call: Call[None]) -> web.Response:
    await call.gateway.readiness.check()
    return json_answer(Nothing())


async def metrics(call: Call[None]) -> web.Response:
    gateway = call.gateway
    if gateway.shares_port:
        text = merged(await gateway.desk.nodes.expositions())
    else:
        text = await gateway.exposition()
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
        summary="Whether it can serve: started, not draining, database and NATS there",
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
