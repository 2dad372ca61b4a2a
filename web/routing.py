"""Routes: declared once, for the router, the checks before a handler, and the OpenAPI document.

The order of the checks is part of the contract: who is asking (401), whose page sent it and whether
they may (403), what it says (413, 415, 400), and only then, in the handler, whether there is such a
thing (404).
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from aiohttp import web

from actors import RefusalError
from web import auth, bodies, idempotency, origin, session
from web.call import Call
from web.gateway import Gateway
from web.input import Input, Reader
from web.refusals import Fault, InvalidInputError, NotSignedInError

__all__ = ["SAFE", "Handler", "Route", "add_routes"]

Handler: TypeAlias = Callable[[Call[Any]], Awaitable[web.StreamResponse]]

SAFE: Final = "GET"
"""The method that changes nothing; HEAD comes with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What is called how, by whom, and what may come of it."""

    method: str
    path: str
    handler: Handler
    summary: str
    input: type[Input] | None = None
    """What the request says: in its body, or in the query of a GET."""
    input_optional: bool = False
    replies: Mapping[int, Any]
    """The types of the successes, by status; None: no JSON."""
    refusals: tuple[type[RefusalError], ...] = ()
    """Beyond those that the other fields imply."""
    signed_in: bool = False
    role: str | None = None
    """Whoever is signed in has to have it; the database is asked whether they still do."""
    signed: bool = False
    """A machine sends it, and vouches for it by a signature in the body's name: nobody is signed
    in, it does not matter whose page it is, and the handler is given the body as it came."""
    once: bool = False
    """Takes an Idempotency-Key."""
    headers: tuple[str, ...] = ()
    """Other request headers that make a difference."""

    def __post_init__(self) -> None:
        if self.role is not None and not self.signed_in:
            raise TypeError(f"{self.path}: a role is for those who are signed in")

    @property
    def is_safe(self) -> bool:
        return self.method == SAFE


def add_routes(app: web.Application, routes: Iterable[Route], gateway: Gateway) -> None:
    """Let *app* answer *routes*."""
    for route in routes:
        if route.is_safe:
            app.router.add_get(route.path, _endpoint(route, gateway))
        else:
            app.router.add_route(route.method, route.path, _endpoint(route, gateway))


def _endpoint(
    route: Route, gateway: Gateway
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    reader = None if route.input is None else Reader(route.input, strict=not route.is_safe)

    async def answer_signed(request: web.Request) -> web.StreamResponse:
        body = await bodies.read(request)
        return await route.handler(Call(request, gateway, claims=None, given=body, key=None))

    async def answer(request: web.Request) -> web.StreamResponse:
        uses_bearer = auth.uses_bearer(request)
        if uses_bearer:
            claims = auth.bearer(request, gateway.verifier)
        else:
            claims = await session.claims_of(request, gateway)
        if route.signed_in and claims is None:
            raise NotSignedInError
        if not (route.is_safe or uses_bearer):
            origin.refuse_foreign(request, gateway.settings)
        if route.role is not None and claims is not None:
            await auth.refuse_unless(route.role, claims, gateway.reads)
        body, data = await _said(request, route)
        key = None
        if route.once and claims is not None:
            key = idempotency.read(request, claims.user_id, body)
        given = None if reader is None else reader.read(data)
        return await route.handler(Call(request, gateway, claims=claims, given=given, key=key))

    return answer_signed if route.signed else answer


async def _said(request: web.Request, route: Route) -> tuple[bytes, Mapping[str, object]]:
    """The raw body, and the fields of the body or the query."""
    if route.is_safe:
        return b"", {} if route.input is None else _query(request)
    if route.input is None:
        return await bodies.read(request), {}
    return await bodies.read_json(request, optional=route.input_optional)


def _query(request: web.Request) -> dict[str, object]:
    query = request.query
    names = set(query)
    if len(names) != len(query):
        twice = sorted(name for name in names if len(query.getall(name)) > 1)
        raise InvalidInputError(Fault(f"{name} is there twice", name) for name in twice)
    return dict(query)
