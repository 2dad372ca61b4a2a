"""Every refusal has its status, and every failure an answer."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

import ticketing
from actors import (
    CrashedError,
    ExpiredError,
    OverloadedError,
    RefusalError,
    StoreUnavailableError,
    UnavailableError,
)
from ticketing.errors import InvalidCredentialsError, TicketUnavailableError
from web import errors


def refusals(base: type[RefusalError] = RefusalError) -> Iterator[type[RefusalError]]:
    for each in base.__subclasses__():
        if each.__module__.startswith(("actors", "ticketing", "web")):
            yield each
        yield from refusals(each)


def answered(error: Exception) -> tuple[web.Response, dict[str, Any]]:
    response = errors.answer(error, "the-id")
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    return response, json.loads(response.body)


def test_the_table_has_every_refusal_and_nothing_else() -> None:
    for module in pkgutil.walk_packages(ticketing.__path__, "ticketing."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {refusal.code for refusal in refusals()} == set(errors.STATUS)


def test_a_refusal_is_a_problem_document() -> None:
    until = datetime(2026, 3, 1, 12, 0, 0, 123_999, UTC)
    response, problem = answered(TicketUnavailableError(available_at=until, order_id="secret"))
    assert response.status == 409
    assert problem == {
        "type": "/problems/ticket-unavailable",
        "title": "Ticket is already reserved",
        "status": 409,
        "detail": "Ticket is already reserved.",
        "code": "ticket_unavailable",
        "requestId": "the-id",
        "errors": [{"message": "Ticket is already reserved", "field": "ticketId"}],
        "availableAt": "2026-03-01T12:00:00.123Z",
    }


def test_who_is_not_signed_in_is_told_how() -> None:
    response, _ = answered(InvalidCredentialsError())
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize(
    "error",
    [OverloadedError(), UnavailableError(), ExpiredError(), StoreUnavailableError("connection")],
)
def test_failures_that_pass_are_503_with_a_time_to_retry(error: Exception) -> None:
    response, problem = answered(error)
    assert (response.status, response.headers["Retry-After"]) == (503, "1")
    assert "xecuted" in problem["detail"]


@pytest.mark.parametrize("error", [CrashedError(), ValueError("secret"), KeyError("secret")])
def test_what_nobody_foresaw_says_nothing(error: Exception) -> None:
    response, problem = answered(error)
    assert (response.status, problem["code"]) == (500, "internal")
    assert "secret" not in json.dumps(problem)


@pytest.mark.parametrize("kind", [web.HTTPNotFound, web.HTTPBadRequest, web.HTTPForbidden])
def test_aiohttps_own_refusals_are_problem_documents(kind: type[web.HTTPException]) -> None:
    response, problem = answered(kind())
    assert response.status == problem["status"] == kind.status_code
    assert problem["errors"]
