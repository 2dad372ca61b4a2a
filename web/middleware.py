"""What every request and every answer has: an id, headers, a log line, and no accidents."""

import re
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from actors import Ids
from actors.doing import doing
from ticketing.settings import Settings
from web import errors, policy, session, shell, tracing
from web.gateway import Gateway
from web.static import FOLDER, accepts_gzip

__all__ = [
    "NO_ROUTE",
    "PROBLEM_HEADERS",
    "REQUEST_ID",
    "REQUEST_ID_HEADER",
    "headers_for_all",
    "observe",
    "problem_headers",
    "security_headers",
]

log = structlog.get_logger("web.access")

REQUEST_ID: Final = web.RequestKey("REQUEST_ID", str)
"""Under which a request keeps its id."""

PROBLEM_HEADERS: Final[web.AppKey[Callable[[], Mapping[str, str]]]] = web.AppKey("PROBLEM_HEADERS")
"""Makes the headers of an answer that no request of ours belongs to: with an id of its own."""

NO_ROUTE: Final = "none"
"""What stands in metrics and logs for a path that is none of ours."""

REQUEST_ID_HEADER: Final = "X-Request-Id"
_FROM_OUTSIDE: Final = re.compile("[A-Za-z0-9._-]{1,128}")

_HEADERS: Final = {
    policy.HEADER: policy.content_security_policy(),
    policy.OPENER: "same-origin",
    policy.PERMISSIONS: policy.permissions(),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

# A file is no document: most of this would say nothing of it, forty times for a page.
_HEADERS_OF_DOCUMENTS: Final = (
    policy.OPENER,
    policy.PERMISSIONS,
    "Referrer-Policy",
    "X-Frame-Options",
)
# What a page may have of its own.
_POLICIES: Final = (policy.HEADER, policy.OPENER, policy.PERMISSIONS)
_POLICY_OF_FILES: Final = "default-src 'none'; frame-ancestors 'none'"

_COMPRESSED_FROM_BYTES: Final = 2_048  # Less is a packet or two, and not worth the time it takes.

_TWO_YEARS_SECONDS: Final = 63_072_000


def security_headers(settings: Settings) -> dict[str, str]:
    """The headers of every answer. Nothing is to be stored, unless the answer says otherwise."""
    headers = _HEADERS | {hdrs.CACHE_CONTROL: "no-store", hdrs.SERVER: "ticketing"}
    if settings.public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={_TWO_YEARS_SECONDS}; includeSubDomains"
    return headers


def problem_headers(settings: Settings, ids: Ids) -> Callable[[], Mapping[str, str]]:
    """What makes the headers of one answer, for where nothing else does."""
    headers = security_headers(settings)
    return lambda: {**headers, REQUEST_ID_HEADER: ids.new()}


def headers_for_all(
    gateway: Gateway,
) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal handler that adds the headers to any answer.

    Not all answers pass the middleware: an unknown `Expect` is refused before, and a handler that
    streams has sent its headers when it returns.
    """
    always = security_headers(gateway.settings)
    unless_said = always.pop(hdrs.CACHE_CONTROL)
    usual = {name: always.pop(name) for name in _POLICIES}
    of_files = {name: always[name] for name in always if name not in _HEADERS_OF_DOCUMENTS}
    of_files[policy.HEADER] = _POLICY_OF_FILES
    new_id = gateway.runtime.ids.new

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        is_file = request.path.startswith(FOLDER)
        headers.update(of_files if is_file else always)
        if not is_file:
            for name, value in usual.items():
                headers.setdefault(name, value)
        headers.setdefault(hdrs.CACHE_CONTROL, unless_said)
        headers[REQUEST_ID_HEADER] = request.get(REQUEST_ID) or new_id()

    return add


def observe(gateway: Gateway) -> Middleware:
    """Around every request: gives it its id, makes errors answers, logs and counts what came of it.

    One function and not one for each of these: every order passes here, and each layer costs it.
    """
    clock, ids, tracer = gateway.runtime.clock, gateway.runtime.ids, gateway.runtime.tracer

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = clock.monotonic()
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = given if given and _FROM_OUTSIDE.fullmatch(given) else ids.new()
        request[REQUEST_ID] = request_id
        asked = tracing.Asked(request_id)
        before = doing.set(asked)
        resource = request.match_info.route.resource
        method = request.method if request.method in hdrs.METH_ALL else "other"
        route = NO_ROUTE if resource is None else resource.canonical
        if tracer is not None:
            tracing.begin(tracer, asked, request, f"{method} {route}")
        try:
            response = await _answered(request, handler, request_id)
        except Exception as error:  # noqa: BLE001 - the last place to answer anything at all
            response = errors.answer(error, request_id)
        if not gateway.runtime.is_ready:
            response.force_close()  # The next request had better go to somebody who stays.
        seconds = clock.monotonic() - started
        if response.status != HTTPStatus.SWITCHING_PROTOCOLS:  # It lasted as long as its socket.
            gateway.metrics.answered(method, route, response.status, seconds)
        log.info(
            "request",
            method=request.method,
            path=tracing.path_of(request),
            status=response.status,
            ms=round(seconds * 1000, 1),
            request_id=request_id,
        )
        if tracer is not None:
            tracing.end(asked, response.status)
        doing.reset(before)  # The connection goes on.
        return response

    return middleware


async def _answered(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
    """The answer, whatever happened; a session that has changed is saved with an error, too."""
    try:
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 - what nobody foresaw is a 500
        response = _not_found(request, error) or errors.answer(error, request_id)
    if session.has_changed(request):
        await session.save(request, response)
    if isinstance(response, web.Response):
        _compress(request, response)
    return response


def _compress(request: web.Request, response: web.Response) -> None:
    """Send long JSON in gzip to a stranger who takes it: a list becomes a fifth of its size.

    Not to who brings a credential: their answers may hold a secret beside somebody else's text, and
    how long that gets in gzip would tell about it (BREACH).
    """
    body = response.body
    if (
        isinstance(body, bytes)
        and hdrs.COOKIE not in request.headers
        and hdrs.AUTHORIZATION not in request.headers
        and len(body) >= _COMPRESSED_FROM_BYTES
        and response.content_type.endswith("json")
        and accepts_gzip(request)
    ):
        response.headers[hdrs.VARY] = f"{hdrs.ACCEPT_ENCODING}, {hdrs.COOKIE}"
        response.enable_compression(web.ContentCoding.gzip)


def _not_found(request: web.Request, error: Exception) -> web.Response | None:
    """The page for a browser that has lost its way."""
    is_nowhere = isinstance(error, web.HTTPNotFound) and request.match_info.route.resource is None
    return shell.not_found(request) if is_nowhere else None
