"""What tests and people do with the sandbox itself: `/_sandbox/...`, which Stripe does not have."""

from collections import defaultdict
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

from ticketing.payments.sandbox import objects
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.faults import Fault, Faults
from ticketing.payments.sandbox.refunds import Refund
from ticketing.payments.sandbox.weather import Forecast, Weather
from ticketing.payments.sandbox.webhooks import Courier, Webhooks

__all__ = ["Control"]

T = TypeVar("T")

_FAULTS: Final[type[list[Fault]]] = list[Fault]


class Control:
    """The handlers."""

    def __init__(self, books: Books, faults: Faults, courier: Courier) -> None:
        self._books = books
        self._faults = faults
        self._courier = courier

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post("/_sandbox/faults", self.script)
        app.router.add_post("/_sandbox/weather", self.weather)
        app.router.add_post("/_sandbox/webhooks", self.webhooks)
        app.router.add_get("/_sandbox/intents", self.held)

    async def script(self, request: web.Request) -> web.StreamResponse:
        """POST /_sandbox/faults: set the fault script."""
        script = await _body(request, _FAULTS)
        self._faults.script(script)
        return web.json_response({"faults": len(script)})

    async def weather(self, request: web.Request) -> web.StreamResponse:
        """POST /_sandbox/weather: random faults from now on; `{}` ends them."""
        forecast = await _body(request, Forecast)
        self._faults.weather = Weather(forecast)
        return web.json_response({"shares": len(forecast.shares)})

    async def webhooks(self, request: web.Request) -> web.StreamResponse:
        """POST /_sandbox/webhooks: where events go from now on. The secret is kept nowhere."""
        webhooks = await _body(request, Webhooks)
        self._courier.aim(webhooks)
        return web.json_response({"url": webhooks.url})

    async def held(self, _request: web.Request) -> web.StreamResponse:
        """GET /_sandbox/intents: everything it holds, oldest first, to reconcile with."""
        refunds: defaultdict[str, list[Refund]] = defaultdict(list)
        for refund in reversed(self._books.refunds()):
            refunds[refund.payment_intent].append(refund)
        intents: list[dict[str, Any]] = [
            objects.held_shape(intent, refunds.get(intent.id, []))
            for intent in reversed(self._books.intents())
        ]
        await self._books.flush()
        return web.json_response({"intents": intents})


async def _body(request: web.Request, kind: type[T]) -> T:
    # A page in a browser cannot send this content type here without asking first.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="expected application/json")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=str(error)) from error
