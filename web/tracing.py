"""A request, as log lines and traces know it: what all its turns belong to."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from actors.tracing import Span, Tracer

__all__ = ["Asked", "begin", "end", "path_of"]

_TRACEPARENT: Final = "traceparent"

# Probes and files would be most of all traces, and a socket's would last as long as the socket.
_UNTRACED: Final = ("/livez", "/readyz", "/metrics", "/client/", "/ws")

_PATH_CHARACTERS_MAX: Final = 128  # The longest of ours is under a hundred.


class Asked:
    """One request while it is answered (`actors.doing`)."""

    __slots__ = ("request_id", "span")

    def __init__(self, request_id: str) -> None:
        self.request_id: str | None = request_id
        self.span: Span | None = None

    def described(self) -> dict[str, str]:
        said = {} if self.request_id is None else {"request_id": self.request_id}
        if self.span is not None:
            said["trace_id"], said["span_id"] = self.span.ids
        return said


def begin(tracer: Tracer, asked: Asked, request: web.Request, name: str) -> None:
    """Begin the trace of *request*, which is called *name*: its method and route.

    Whoever sends a `traceparent` gets a link to theirs: a stranger is not to decide which of our
    traces are kept, or what they hang from.
    """
    if request.path.startswith(_UNTRACED):
        return
    method, _, route = name.partition(" ")
    asked.span = tracer.linked(
        name,
        request.headers.get(_TRACEPARENT),
        **{
            "http.request.method": method,
            "http.route": route,
            "url.path": path_of(request),
            "request.id": asked.request_id or "",
        },
    )


def end(asked: Asked, status: int) -> None:
    """It has been answered with *status*."""
    span, asked.span = asked.span, None
    if span is None:
        return
    span.note("http.response.status_code", status)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(str(status))
    span.end()


def path_of(request: web.Request) -> str:
    """What is written down of where *request* went: not the query, and no more than addresses have.

    Some programs put a token there; its signature is at its end.
    """
    return request.rel_url.raw_path[:_PATH_CHARACTERS_MAX]
