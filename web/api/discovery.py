"""What a client needs to know beforehand: where it is, settings, keys, and the interface itself."""

from aiohttp import hdrs, web

from web import shell
from web.call import Call, json_answer
from web.openapi import DOCUMENT
from web.provider import SANDBOX_KEY, Provider
from web.routing import Route
from web.schemas.discovery import Config, KeySet
from web.static import Files

__all__ = ["ROUTES"]


async def front_page(call: Call[None]) -> web.Response:
    return shell.answer(call.request)


async def docs(_: Call[None]) -> web.Response:
    return web.Response(text=Files.of_client().page("docs.html"), content_type="text/html")


async def config(call: Call[None]) -> web.Response:
    settings, base = call.gateway.settings, call.gateway.stripe_base
    key_unless_set = None if base is None else SANDBOX_KEY
    return json_answer(
        Config(
            publishable_key=settings.stripe_publishable_key or key_unless_set,
            stripe_js=Provider.at(base).script,
            test_mode=not settings.is_live,
            reservation_seconds=settings.reservation_seconds,
        )
    )


async def key_set(call: Call[None]) -> web.Response:
    return json_answer(call.gateway.tokens.jwks())


async def openapi(call: Call[None]) -> web.Response:
    body = call.request.app[DOCUMENT]
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "application/json; charset=utf-8"})


ROUTES = (
    Route(
        method="GET",
        path="/",
        handler=front_page,
        summary="The web client",
        replies={200: None},
    ),
    Route(
        method="GET",
        path="/api/config",
        handler=config,
        summary="What the web client has to know",
        replies={200: Config},
    ),
    Route(
        method="GET",
        path="/.well-known/jwks.json",
        handler=key_set,
        summary="The public keys of our tokens, if they are signed with ES256",
        replies={200: KeySet},
    ),
    Route(
        method="GET",
        path="/api/openapi.json",
        handler=openapi,
        summary="This description",
        replies={200: dict},
    ),
    Route(
        method="GET",
        path="/docs",
        handler=docs,
        summary="This description, to read and to try out",
        replies={200: None},
    ),
)
