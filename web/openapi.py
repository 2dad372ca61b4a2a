"""The OpenAPI 3.1 description, generated from the routes' own declarations and types.

What is true of every route - its refusals by kind, the credentials, the limits - is written here
once; everything else comes from the `Route` and the structs it names.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from actors import AskIdReusedError, RefusalError
from actors.errors import first_line
from web import errors, idempotency
from web.errors import Problem
from web.refusals import (
    BodyTooLargeError,
    ForeignOriginError,
    InvalidInputError,
    NotSignedInError,
    UnsupportedMediaTypeError,
)
from web.routing import Route

__all__ = ["DOCUMENT", "describe"]

DOCUMENT: Final = web.AppKey("DOCUMENT", bytes)
"""The encoded description of the application's own routes."""

_REFERENCES: Final = "#/components/schemas/{name}"
_PATH_PARAMETER: Final = re.compile(r"\{(\w+)\}")

_SUMMARY: Final = """\
Errors are problem documents (RFC 9457) with a stable `code` and at least one entry in `errors`.
Instants are ISO 8601 in UTC. Ids are opaque. Fields and query parameters that are not listed here
are refused. Requests that a browser's session vouches for must come from our own pages."""


def describe(routes: Iterable[Route]) -> bytes:
    """The description of *routes*, as JSON."""
    routes = list(routes)
    kinds = {kind for route in routes for kind in _kinds(route)}
    ordered = sorted(kinds, key=repr)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REFERENCES)
    of = {repr(kind): schema for kind, schema in zip(ordered, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, of, components)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Ticketing", "version": "1", "description": _SUMMARY},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _CREDENTIALS},
    }
    return msgspec.json.encode(document)


_CREDENTIALS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": "`__Host-session` where the public URL is https. Signing in sets it.",
    },
}


def _kinds(route: Route) -> Iterable[Any]:
    yield Problem
    yield from (reply for reply in route.replies.values() if reply is not None)
    if route.input is not None:
        yield route.input


def _operation(route: Route, of: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.handler.__module__.rpartition(".")[2] + "_" + route.handler.__name__,
        "summary": route.summary,
        "tags": [route.handler.__module__.rpartition(".")[2]],
        "parameters": list(_parameters(route, components)),
        "responses": _responses(route, of),
    }
    if route.signed_in:
        operation["security"] = [{"bearer": []}, {"session": []}]
    if route.input is not None and not route.is_safe:
        operation["requestBody"] = {
            "required": not route.input_optional,
            "content": {"application/json": {"schema": of[repr(route.input)]}},
        }
    return operation


def _parameters(route: Route, components: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name in _PATH_PARAMETER.findall(route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if route.input is not None and route.is_safe:
        for name, schema in components[route.input.__name__]["properties"].items():
            yield {"name": name, "in": "query", "required": False, "schema": schema}
    for name in route.headers:
        yield {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
    if route.once:
        yield {
            "name": idempotency.HEADER,
            "in": "header",
            "required": False,
            "description": (
                "The same key, method, path and body by the same user have one effect and one"
                " answer for 48 hours. It names what a POST creates."
            ),
            "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
        }


def _responses(route: Route, of: dict[str, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, kind in route.replies.items():
        response: dict[str, Any] = {"description": HTTPStatus(status).phrase}
        if kind is not None:
            response["content"] = {"application/json": {"schema": of[repr(kind)]}}
        responses[str(status)] = response
    by_status: dict[int, list[str]] = defaultdict(list)
    for refusal in _refusals(route):
        sentence = f"`{refusal.code}`: {first_line(refusal)}"
        by_status[errors.status_of(refusal.code)].append(sentence)
    by_status[503].append("`unavailable`: Overloaded or unavailable; see `Retry-After`.")
    problem = {errors.MEDIA_TYPE: {"schema": of[repr(Problem)]}}
    for status, sentences in sorted(by_status.items()):
        responses[str(status)] = {"description": " ".join(sentences), "content": problem}
    return responses


def _refusals(route: Route) -> Iterable[type[RefusalError]]:
    """What the route refuses: what it says itself, and what its other fields imply."""
    if route.input is not None or route.once:
        yield InvalidInputError
    if route.signed_in:
        yield NotSignedInError
    if not route.is_safe:
        yield ForeignOriginError
        yield BodyTooLargeError
    if route.input is not None and not route.is_safe:
        yield UnsupportedMediaTypeError
    if route.once:
        yield AskIdReusedError
    yield from route.refusals
