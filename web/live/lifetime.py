"""The hub's life: it begins with the application, and says goodbye before the server stops.

aiohttp calls `on_shutdown` when nobody new is let in and before it waits for the handlers that are
left; so the sockets' handlers end by their clients' closing, and not by being cancelled.
"""

from aiohttp import web

from web.gateway import Gateway

__all__ = ["attach"]


def attach(app: web.Application, gateway: Gateway) -> None:
    """Let the hub of *gateway* live as long as *app* does."""
    hub = gateway.live

    def has_failed() -> None:
        gateway.runtime.failed.set()  # Better a restart than a gateway whose pages stand still.

    async def start(_: web.Application) -> None:
        await hub.start(has_failed)

    async def drain(_: web.Application) -> None:
        await hub.drain()

    async def stop(_: web.Application) -> None:
        await hub.stop()

    app.on_startup.append(start)
    app.on_shutdown.append(drain)
    app.on_cleanup.append(stop)
