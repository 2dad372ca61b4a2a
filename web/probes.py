"""What a process answers where it has no gateway: none yet, or none at all.

Only what machines ask that look after it. Whoever else comes while it starts is told to come back;
later there is nothing here for them.
"""

from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CONTENT_TYPE_LATEST

from actors import Ids
from actors.stored import StoredActors
from ticketing.bootstrap import STATE_TYPES, TABLES
from ticketing.settings import Settings
from web import errors
from web.call import json_answer
from web.metrics import HttpMetrics, InboxMetrics
from web.middleware import PROBLEM_HEADERS, REQUEST_ID_HEADER, problem_headers
from web.readiness import Readiness
from web.refusals import NotReadyError
from web.schemas.users import Nothing

__all__ = ["Probes"]

LIVE: Final = "/livez"
READY: Final = "/readyz"
METRICS: Final = "/metrics"


class Probes:
    """The answers of a process without a gateway. *why_not* says why it does not serve yet."""

    def __init__(self, settings: Settings, ids: Ids, why_not: Callable[[], str]) -> None:
        self._headers = problem_headers(settings, ids)
        self._why_not = why_not
        self._readiness: Readiness | None = None
        self._inbox: InboxMetrics | None = None
        self._metrics = HttpMetrics()  # Those of the process are in there, too.

    def running(self, readiness: Readiness) -> None:
        """The start is over, and *readiness* knows how it goes on."""
        stored = StoredActors(readiness.reads, STATE_TYPES, TABLES)
        self._inbox = InboxMetrics(readiness.runtime.clock, stored.parked_overdue)
        self._readiness = readiness

    def app(self) -> web.Application:
        """An application of its own: make one for each time it listens."""
        app = web.Application(middlewares=[self._middleware()])
        app[PROBLEM_HEADERS] = self._headers
        app.router.add_get(LIVE, self._live)
        app.router.add_get(READY, self._ready)
        app.router.add_get(METRICS, self._measure)
        return app

    def _middleware(self) -> Middleware:
        @web.middleware
        async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
            headers = self._headers()
            try:
                response = await handler(request)
            except Exception as error:  # noqa: BLE001 - the last place to answer anything at all
                if isinstance(error, web.HTTPNotFound) and self._readiness is None:
                    error = NotReadyError(self._why_not())
                response = errors.answer(error, headers[REQUEST_ID_HEADER])
            for name, value in headers.items():
                response.headers.setdefault(name, value)
            if self._readiness is None:
                response.force_close()  # The next request is the gateway's.
            return response

        return answered

    async def _live(self, _: web.Request) -> web.Response:
        return json_answer(Nothing())

    async def _ready(self, _: web.Request) -> web.Response:
        if self._readiness is None:
            raise NotReadyError(self._why_not())
        await self._readiness.check()
        return json_answer(Nothing())

    async def _measure(self, _: web.Request) -> web.Response:
        registries = []
        if self._readiness is not None and self._inbox is not None:
            await self._inbox.measure()
            registries = [self._inbox.registry, self._readiness.runtime.metrics]
        body = self._metrics.exposition(*registries)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})
