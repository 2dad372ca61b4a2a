"""The examples in the description: each is what its type says, and what the route would take."""

import json
from typing import Any, get_args

import msgspec
import pytest

from actors import NotFoundError
from web import errors, openapi
from web.app import ROUTES
from web.errors import Problem
from web.input import Reader
from web.routing import Route

DOCUMENT = json.loads(openapi.describe(ROUTES))
SCHEMAS = DOCUMENT["components"]["schemas"]

BODIES = [route for route in ROUTES if route.input is not None and not route.is_safe]
ANSWERS = [
    (route, status, kind)
    for route in ROUTES
    for status, kind in route.replies.items()
    if kind not in {None, dict}
]


def operation(route: Route) -> Any:
    return DOCUMENT["paths"][route.path][route.method.lower()]


def examples(schema: dict[str, Any]) -> list[Any]:
    """What the description gives as examples of *schema*; of a list, those of its entries."""
    if schema.get("type") == "array":
        return [[example] for example in examples(schema["items"])]
    return list(SCHEMAS[schema["$ref"].rpartition("/")[2]].get("examples", []))


@pytest.mark.parametrize("route", BODIES, ids=lambda route: f"{route.method} {route.path}")
def test_the_example_of_a_body_is_one_that_the_route_takes(route: Route) -> None:
    assert route.input is not None
    found = examples(operation(route)["requestBody"]["content"]["application/json"]["schema"])
    assert found
    for example in found:
        read = Reader(route.input).read(example)
        assert msgspec.to_builtins(read) == example


@pytest.mark.parametrize(("route", "status", "kind"), ANSWERS)
def test_the_example_of_an_answer_is_of_its_type(route: Route, status: int, kind: Any) -> None:
    response = operation(route)["responses"][str(status)]
    found = examples(response["content"]["application/json"]["schema"])
    assert found
    closed = get_args(kind)[0] if get_args(kind) else kind
    for example in found:
        msgspec.convert(example, kind)
        entries = example if isinstance(example, list) else [example]
        names = {field.encode_name for field in msgspec.structs.fields(closed)}
        assert all(entry.keys() <= names for entry in entries)


def test_every_refusal_of_every_route_has_an_example_with_its_status() -> None:
    shared = DOCUMENT["components"]["examples"]
    for route in ROUTES:
        for status, response in operation(route)["responses"].items():
            content = response.get("content", {}).get(errors.MEDIA_TYPE, {})
            assert int(status) < 400 or content["examples"]
            for code in content.get("examples", ()):
                problem = msgspec.convert(shared[code]["value"], Problem)
                assert (str(problem.status), problem.code) == (status, code)
                assert problem.errors


def test_what_passes_says_when_to_come_back() -> None:
    for route in ROUTES:
        for status, response in operation(route)["responses"].items():
            assert ("Retry-After" in response.get("headers", {})) == (status in {"429", "503"})


def test_an_example_is_what_the_refusal_becomes() -> None:
    response = errors.answer(NotFoundError(), errors.example(NotFoundError).request_id)
    assert isinstance(response.body, bytes)
    assert msgspec.json.decode(response.body, type=Problem) == errors.example(NotFoundError)


def test_what_is_made_says_what_may_be_done_with_it() -> None:
    for path in ("/api/tickets", "/api/events", "/api/orders", "/api/payments"):
        links = DOCUMENT["paths"][path]["post"]["responses"]["201"]["links"]
        there = DOCUMENT["paths"][f"{path}/{{id}}"].values()
        assert set(links) == {each["operationId"] for each in there}
        (named,) = {link["parameters"]["id"] for link in links.values()}
        (kind,) = (r.replies[201] for r in ROUTES if (r.method, r.path) == ("POST", path))
        shown = {field.encode_name for field in msgspec.structs.fields(kind)}
        assert named.removeprefix("$response.body#/") in shown
