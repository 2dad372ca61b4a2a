"""The application, put together.

    app = create_app(Gateway.of(system.runtime, Reads(system.store.pool), settings, ...))

It starts and stops nothing: what runs behind it must be there before, and be drained after. The
order is that of `web.server`: stop listening, answer what is being asked, then stop the rest.
"""

from typing import Final

from aiohttp import web

from web import middleware, openapi, session
from web.admin import routes as admin
from web.api import (
    discovery,
    events,
    insight,
    orders,
    payments,
    tickets,
    users,
    webhooks,
)
from web.bodies import BODY_BYTES_MAX
from web.gateway import GATEWAY, Gateway
from web.live import lifetime, updates
from web.routing import Route, add_routes
from web.shell import add_pages
from web.static import add_files

__all__ = ["ROUTES", "create_app"]

ROUTES: Final[tuple[Route, ...]] = (
    *users.ROUTES,
    *events.ROUTES,
    *tickets.ROUTES,
    *orders.ROUTES,
    *payments.ROUTES,
    *webhooks.ROUTES,
    *admin.ROUTES,
    *discovery.ROUTES,
    *insight.ROUTES,
    *updates.ROUTES,
)
"""Everything that is answered."""


def create_app(gateway: Gateway) -> web.Application:
    """The application that answers `ROUTES` with what *gateway* has."""
    settings = gateway.settings
    is_secure = settings.public_url.startswith("https://")
    app = web.Application(
        middlewares=[middleware.observe(gateway)],
        client_max_size=BODY_BYTES_MAX,
    )
    app[GATEWAY] = gateway
    app[middleware.PROBLEM_HEADERS] = middleware.problem_headers(settings, gateway.runtime.ids)
    app[session.STORAGE] = session.SealedCookieStorage(settings.session_keys, secure=is_secure)
    app[openapi.DOCUMENT] = openapi.describe(ROUTES)
    app.on_response_prepare.append(middleware.headers_for_all(gateway))
    add_routes(app, ROUTES, gateway)
    add_pages(app)
    add_files(app)
    lifetime.attach(app, gateway)
    return app
