"""HTTP: how requests are read, how answers are sent or cut short."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from ticketing.payments.sandbox import names, shapes
from ticketing.payments.sandbox.idempotency import Kept
from ticketing.payments.sandbox.refusals import Refusal

__all__ = [
    "STORED",
    "Answer",
    "answer_of",
    "bad_gateway",
    "cut",
    "error_shape",
    "half",
    "parameters",
    "replay",
    "response",
]

STORED: Final = 500
"""The one error of the server's that says that execution began: kept under the key."""

# No request of ours comes near: a create has a dozen.
PARAMETERS_MAX: Final = 200

_BAD_GATEWAY: Final = "<html><head><title>502 Bad Gateway</title></head><body></body></html>"
_ERRORS: Final = {
    409: ("idempotency_error", "idempotency_key_in_use", "This key is in use by another request."),
    429: ("invalid_request_error", "rate_limit", "Too many requests."),
    STORED: ("api_error", None, "Something went wrong on our end."),
}


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent if nothing goes wrong on the way."""

    status: int
    body: str
    headers: dict[str, str]


def answer_of(status: int, body: shapes.Json, request_id: str) -> Answer:
    text = msgspec.json.encode(body).decode()
    return Answer(status=status, body=text, headers=_headers(status, request_id))


def replay(kept: Kept) -> Answer:
    """The first answer under the key once more, said to be so."""
    headers = _headers(kept.status, names.new_request())
    headers["Original-Request"] = kept.request_id
    headers["Idempotency-Key"] = kept.key
    headers["Idempotent-Replayed"] = "true"
    return Answer(status=kept.status, body=kept.body, headers=headers)


def error_shape(status: int) -> shapes.Json:
    """What Stripe says with one of the scripted statuses."""
    kind, code, message = _ERRORS[status]
    return shapes.refusal_shape(Refusal(message, kind=kind, code=code))


def response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status,
        text=answer.body,
        headers=answer.headers,
        content_type="application/json",
    )


def bad_gateway() -> web.Response:
    """What a proxy on the way says: not JSON, and no word on what was executed."""
    return web.Response(status=502, text=_BAD_GATEWAY, content_type="text/html")


def cut(request: web.Request) -> web.Response:
    """Reset the connection. The response that comes back has nobody left to read it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def half(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Send the head and half of the body, then cut the connection."""
    body = answer.body.encode()
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_type = "application/json"
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return stream


async def parameters(request: web.Request) -> list[tuple[str, str]]:
    """The form-encoded body, or the query of a request without one, in the order it came.

    Raises:
        Refusal: it is something else.

    """
    if request.method == "GET":
        return list(request.query.items())
    try:
        return parse_qsl(
            (await request.read()).decode(),
            keep_blank_values=True,
            max_num_fields=PARAMETERS_MAX,
        )
    except (UnicodeDecodeError, ValueError):
        raise Refusal("The body is not form-encoded.") from None


def _headers(status: int, request_id: str) -> dict[str, str]:
    headers = {"Request-Id": request_id}
    if status == STORED:
        # The answer is kept, so that asking again with this key is of no use.
        headers["Stripe-Should-Retry"] = "false"
    return headers
