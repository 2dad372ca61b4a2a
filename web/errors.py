"""From a refusal or a failure to a problem document (RFC 9457). Statuses are decided here alone."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from aiohttp import hdrs, web
from msgspec import UNSET, UnsetType

from actors import ActorError, CommitRefusedError, CrashedError, NotFoundError, RefusalError
from actors.errors import first_line
from web import instants
from web.refusals import BodyTooLargeError, Fault, InvalidInputError, MethodNotAllowedError
from web.schemas.events import EventView

__all__ = [
    "MEDIA_TYPE",
    "STATUS",
    "TEMPORARY",
    "Problem",
    "ProblemEntry",
    "answer",
    "answer_protocol_error",
    "example",
    "example_unavailable",
    "status_of",
]

log = structlog.get_logger("web.errors")

MEDIA_TYPE: Final = "application/problem+json"

STATUS: Final[dict[str, int]] = {
    "invalid_input": 400,
    "invalid_price": 400,
    "invalid_password": 400,
    "invalid_start": 400,
    "no_such_event": 400,
    "invalid_webhook": 400,
    "event_past": 400,
    "not_signed_in": 401,
    "invalid_credentials": 401,
    "invalid_reset": 401,
    "invalid_token": 401,
    "payment_declined": 402,
    "forbidden": 403,
    "foreign_origin": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "email_in_use": 409,
    "event_exists": 409,
    "event_started": 409,
    "ticket_reserved": 409,
    "ticket_sold": 409,
    "ticket_withdrawn": 409,
    "ticket_unavailable": 409,
    "own_ticket": 409,
    "price_changed": 409,
    "cooldown": 409,
    "order_complete": 409,
    "order_cancelled": 409,
    "order_expired": 409,
    "order_not_complete": 409,
    "payment_in_progress": 409,
    "not_now": 409,
    "stale_version": 412,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "idempotency_key_reused": 422,
    "upgrade_required": 426,
    "rate_limited": 429,
    "too_many_reservations": 429,
    "provider_unavailable": 503,
    "not_ready": 503,
}
"""Which HTTP status a refusal's code becomes. A test holds it against all refusals there are."""

# A refusal whose code has no status yet is still a refusal: the state does not allow it.
_STATUS_OTHERWISE: Final = 409

_RETRY_AFTER_SECONDS: Final = 1

TEMPORARY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""What says when to come back."""

_NO_FAULT: Final = "It is not your fault; the request id will help to find out."

# The details of a refusal that callers see.
_EXTENSIONS: Final = ("available_at", "decline_code", "attempts_left", "events")


class ProblemEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One failed rule."""

    message: str
    field: str | UnsetType = UNSET


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What went wrong; `code` is what programs match on."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[ProblemEntry, ...]
    available_at: str | UnsetType = UNSET
    decline_code: str | UnsetType = UNSET
    attempts_left: int | UnsetType = UNSET
    events: tuple[EventView, ...] | UnsetType = UNSET
    """What `event_exists` takes for the same event."""


_EXAMPLE_REQUEST_ID: Final = "0197a3c9-1f2e-7d3c-8b4a-5c6d7e8f9a0b"
_EXAMPLE_EXTENSIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "ticket_unavailable": {"available_at": "2026-01-31T18:00:00.000Z"},
    "cooldown": {"available_at": "2026-01-31T18:15:00.000Z"},
    "event_exists": {"events": (EventView.example(),)},
    "payment_declined": {"decline_code": "insufficient_funds", "attempts_left": 4},
}

_HEADERS: Final = {hdrs.CONTENT_TYPE: MEDIA_TYPE}

_encode = msgspec.json.Encoder().encode


def status_of(code: str) -> int:
    return STATUS.get(code, _STATUS_OTHERWISE)


def answer(error: Exception, request_id: str) -> web.Response:
    """The problem document for *error*; what nobody foresaw is logged and says nothing."""
    if isinstance(error, RefusalError):
        return _refused(error, request_id)
    if isinstance(error, web.HTTPException):
        return _refused_by_aiohttp(error, request_id)
    if isinstance(error, ActorError) and not isinstance(error, CrashedError | CommitRefusedError):
        detail = f"{_without_period(str(error))}. Executed: {error.executed}."
        return _unavailable(detail, error.retry_after, request_id)
    log.error("request.failed", request_id=request_id, exc_info=error)
    return _respond(
        _problem(
            request_id, status=500, code="internal", title="Something went wrong", detail=_NO_FAULT
        )
    )


def _refused(refusal: RefusalError, request_id: str) -> web.Response:
    details = refusal.details
    faults: Iterable[Fault] = [Fault(_without_period(str(refusal)), refusal.field)]
    if isinstance(refusal, InvalidInputError):
        faults = refusal.faults
    status = status_of(refusal.code)
    problem = _problem(
        request_id,
        status=status,
        code=refusal.code,
        title=_without_period(first_line(type(refusal))),
        detail=str(refusal),
        faults=faults,
        extensions=_extensions(details),
    )
    response = _respond(problem)
    if status in TEMPORARY:
        _retry_after(response, details.get("retry_after"))
    elif status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    elif status == HTTPStatus.UPGRADE_REQUIRED:
        response.headers["Upgrade"] = "websocket"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(details["allow"])
    return response


def _refused_by_aiohttp(error: web.HTTPException, request_id: str) -> web.Response:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return answer(MethodNotAllowedError(allow=sorted(error.allowed_methods)), request_id)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return answer(BodyTooLargeError(), request_id)
    if error.status == HTTPStatus.NOT_FOUND:
        return answer(NotFoundError(), request_id)
    return answer_protocol_error(error.status, request_id)


def answer_protocol_error(status: int, request_id: str) -> web.Response:
    """The problem document for a request that is not even HTTP as we speak it."""
    phrase = HTTPStatus(status).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    problem = _problem(request_id, status=status, code=code, title=phrase, detail=f"{phrase}.")
    response = _respond(problem)
    if status in TEMPORARY:
        _retry_after(response, None)
    return response


def example(kind: type[RefusalError]) -> Problem:
    """What a refusal of *kind* looks like, for the description of the interface."""
    title = _without_period(first_line(kind))
    return _problem(
        _EXAMPLE_REQUEST_ID,
        status=status_of(kind.code),
        code=kind.code,
        title=title,
        detail=first_line(kind),
        faults=[Fault(title, kind.field)],
        extensions=_EXAMPLE_EXTENSIONS.get(kind.code),
    )


def example_unavailable() -> Problem:
    """What every call may get."""
    return _temporary("A mailbox or a queue is full. Executed: no.", _EXAMPLE_REQUEST_ID)


def _unavailable(detail: str, retry_after: float | None, request_id: str) -> web.Response:
    response = _respond(_temporary(detail, request_id))
    _retry_after(response, retry_after)
    return response


def _temporary(detail: str, request_id: str) -> Problem:
    title = "The service is busy or unavailable"
    return _problem(request_id, status=503, code="unavailable", title=title, detail=detail)


def _retry_after(response: web.Response, seconds: float | None) -> None:
    whole = _RETRY_AFTER_SECONDS if seconds is None else max(1, math.ceil(seconds))
    response.headers["Retry-After"] = str(whole)


def _respond(problem: Problem) -> web.Response:
    return web.Response(status=problem.status, body=_encode(problem), headers=_HEADERS)


def _problem(
    request_id: str,
    *,
    status: int,
    code: str,
    title: str,
    detail: str,
    faults: Iterable[Fault] = (),
    extensions: Mapping[str, Any] | None = None,
) -> Problem:
    entries = tuple(
        ProblemEntry(message=message, field=UNSET if field is None else field)
        for message, field in faults
    )
    return Problem(
        type=f"/problems/{code.replace('_', '-')}",
        title=title,
        status=status,
        detail=detail,
        code=code,
        request_id=request_id,
        errors=entries or (ProblemEntry(message=title),),
        **(extensions or {}),
    )


def _extensions(details: Mapping[str, Any]) -> dict[str, Any]:
    if not details:
        return {}
    return {
        name: instants.shown(value) if isinstance(value, datetime) else value
        for name in _EXTENSIONS
        if (value := details.get(name)) is not None
    }


def _without_period(sentence: str) -> str:
    return sentence.removesuffix(".")
