"""The OpenAPI 3.1 description, generated from the routes' own declarations and types.

What is true of every route - its refusals by kind, the credentials, the limits - is written here
once; everything else comes from the `Route` and the structs it names, each with its own example.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, get_args

import msgspec
from aiohttp import web

from actors import AskIdReusedError, RefusalError
from actors.errors import first_line
from ticketing.errors import ForbiddenError
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
    for each in kinds | {item for kind in kinds for item in get_args(kind)}:
        if (example := _example_of(each)) is not None:
            components[each.__name__]["examples"] = [example]
    of = {repr(kind): schema for kind, schema in zip(ordered, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, of, components)
    _link(paths)
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Ticketing", "version": "1", "description": _SUMMARY},
        "paths": paths,
        "components": {
            "schemas": components,
            "examples": _problems(routes),
            "headers": {_RETRY_AFTER: _RETRY_AFTER_HEADER},
            "securitySchemes": _CREDENTIALS,
        },
    }
    return msgspec.json.encode(document)


def _link(paths: Mapping[str, Mapping[str, Any]]) -> None:
    """Say where the id of what a POST has made leads to."""
    for path, operations in paths.items():
        made = operations.get("post", {}).get("responses", {}).get("201")
        leads_to = paths.get(f"{path}/{{id}}", {})
        if made is not None and leads_to:
            named_by = _NAMED_BY.get(path, "id")
            made["links"] = {
                operation["operationId"]: {
                    "operationId": operation["operationId"],
                    "parameters": {"id": f"$response.body#/{named_by}"},
                }
                for operation in leads_to.values()
            }


_NAMED_BY: Final = {"/api/payments": "orderId"}
"""What has another name than its own id: a payment is found by its order."""

_RETRY_AFTER: Final = "Retry-After"
_RETRY_AFTER_HEADER: Final = {
    "description": "The seconds after which trying again may help",
    "schema": {"type": "integer", "minimum": 1},
}

_CREDENTIALS: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "session",
        "description": (
            "`__Host-session` where the public URL is https. Signing in sets it, and the browser"
            " sends it by itself: there is nothing to fill in."
        ),
    },
}


def _kinds(route: Route) -> Iterable[Any]:
    yield Problem
    yield from (reply for reply in route.replies.values() if reply is not None)
    if route.input is not None:
        yield route.input


def _example_of(kind: Any) -> Any:
    """The example that a type makes of itself, as JSON has it; None: it makes none."""
    make = getattr(kind, "example", None)
    return None if make is None else msgspec.to_builtins(make())


def _problems(routes: Iterable[Route]) -> dict[str, Any]:
    """An example of each refusal, by its code: shared, since most can come from many routes."""
    refusals = {refusal for route in routes for refusal in _refusals(route)}
    problems = [errors.example(refusal) for refusal in refusals]
    return {
        problem.code: {"summary": problem.title, "value": msgspec.to_builtins(problem)}
        for problem in sorted([*problems, errors.example_unavailable()], key=lambda one: one.code)
    }


def _operation(route: Route, of: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    package, module = route.handler.__module__.split(".")[-2:]
    tag = package if package == "admin" else module
    operation: dict[str, Any] = {
        "operationId": f"{tag}_{route.handler.__name__}",
        "summary": route.summary,
        "tags": [tag],
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
    elif route.signed:
        operation["requestBody"] = {
            "required": True,
            "description": "As its sender signed it, byte for byte.",
            "content": {"application/json": {"schema": {"type": "object"}}},
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
    by_status: dict[int, dict[str, str]] = defaultdict(dict)
    for refusal in _refusals(route):
        by_status[errors.status_of(refusal.code)][refusal.code] = first_line(refusal)
    by_status[503]["unavailable"] = "Overloaded or unavailable."
    for status, sentences in sorted(by_status.items()):
        responses[str(status)] = _refusal(status, sentences, of[repr(Problem)])
    return responses


def _refusal(status: int, sentences: Mapping[str, str], schema: Any) -> dict[str, Any]:
    """The response with *status*, of which there are *sentences* by code."""
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in sentences}
    response: dict[str, Any] = {
        "description": " ".join(f"`{code}`: {said}" for code, said in sentences.items()),
        "content": {errors.MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }
    if status in errors.TEMPORARY:
        response["headers"] = {_RETRY_AFTER: {"$ref": f"#/components/headers/{_RETRY_AFTER}"}}
    return response


def _refusals(route: Route) -> Iterable[type[RefusalError]]:
    """What the route refuses: what it says itself, and what its other fields imply."""
    if route.input is not None or route.once:
        yield InvalidInputError
    if route.signed_in:
        yield NotSignedInError
    if route.role is not None:
        yield ForbiddenError
    if not route.is_safe:
        if not route.signed:
            yield ForeignOriginError
        yield BodyTooLargeError
    if route.input is not None and not route.is_safe:
        yield UnsupportedMediaTypeError
    if route.once:
        yield AskIdReusedError
    yield from route.refusals
