"""Whatever is sent, the answer is a problem document; never a 500. Here: bodies, ids, addresses."""

import json
from typing import Any

import pytest

from tests.functional.problems import NO_ID, well_formed
from tests.functional.running_site import Program, Site

JSON = {"Content-Type": "application/json"}


BODIES = [
    b"",
    b" ",
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"NaN",
    b'{"title":"x","price":NaN}',
    b'{"title":"x","price":Infinity}',
    b'{"title":"x","price":-Infinity}',
    b'{"title":"x","price":1e999}',
    b'{"title":"x","price":' + b"9" * 5000 + b"}",
    b'{"title":"x","price":99999999999999999999}',
    b'{"title":"x","title":"y","price":1}',
    b'{"title":"x","price":1}{}',
    b'{"title":"x","price":1,}',
    b"{'title':'x'}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    '{"title":"ü","price":1}'.encode("latin-1"),
    '{"title":"x","price":1}'.encode("utf-16"),
    b'{"title":"\\ud800","price":1}',
    b'{"title":"a\\u0000b","price":1}',
    b'{"\\u0000":1,"title":"x","price":1}',
    b'{"\\udfff":1,"title":"x","price":1}',
    b'{"title":"a\\u0007b","price":1}',
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"title":' + b"[" * 20_000 + b"]" * 20_000 + b',"price":1}',
    b'{"__proto__":{},"title":"x","price":1}',
]


TARGETS = [
    ("POST", "/api/users/signup"),
    ("POST", "/api/users/signin"),
    ("POST", "/api/tickets"),
    ("PUT", f"/api/tickets/{NO_ID}"),
    ("POST", "/api/orders"),
    ("POST", "/api/payments"),
]


@pytest.mark.parametrize(("method", "path"), TARGETS)
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_bodies_that_are_not_what_was_asked_for(
    anybody: Program, method: str, path: str, body: bytes
) -> None:
    answer = await anybody.call(method, path, data=body, headers=JSON)
    assert answer.status == 400, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert well_formed(answer.body, 400)


@pytest.mark.parametrize(
    "bad",
    [
        "x",
        "0",
        NO_ID,
        NO_ID.upper(),
        "%00",
        "%ff",
        "%ed%a0%80",
        "a" * 3000,
        "%2e%2e%2f",
        "' or 1=1",
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/tickets/", None),
        ("PUT", "/api/tickets/", {"title": "x", "price": 1}),
        ("DELETE", "/api/tickets/", None),
        ("GET", "/api/orders/", None),
        ("DELETE", "/api/orders/", None),
        ("GET", "/api/payments/", None),
    ],
)
async def test_malformed_and_unknown_ids_are_not_found(
    anybody: Program, method: str, path: str, body: Any, bad: str
) -> None:
    answer = await anybody.call(method, path + bad, json=body)
    assert answer.status == 404, answer.body
    assert well_formed(answer.body, 404)


@pytest.mark.parametrize("bad", ["x", NO_ID, "../x", "' or 1=1", "\u2603"])
async def test_malformed_and_unknown_ids_in_bodies_are_not_found(
    anybody: Program, bad: str
) -> None:
    placed = await anybody.call("POST", "/api/orders", json={"ticketId": bad})
    priced = await anybody.call("POST", "/api/orders", json={"ticketId": bad, "price": 1})
    paid = await anybody.pays({"id": bad})
    assert (placed.status, priced.status, paid.status) == (404, 404, 404)


async def test_unknown_paths_and_methods(site: Site) -> None:
    missing = await site.call("GET", "/api/nothing")
    assert (missing.status, missing.body["code"]) == (404, "not_found")
    wrong = await site.call("PATCH", "/api/tickets")
    assert (wrong.status, wrong.body["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(", "))
    assert well_formed(missing.body, 404)
    assert well_formed(wrong.body, 405)


@pytest.mark.parametrize("path", ["/api/tickets", "/api/users/signup", "/api/orders"])
async def test_bodies_over_64_kib(anybody: Program, path: str) -> None:
    fits = await anybody.call("POST", path, data=b" " * 65_536, headers=JSON)
    assert fits.status == 400
    large = await anybody.call("POST", path, data=b" " * 65_537, headers=JSON)
    assert large.status == 413
    assert well_formed(large.body, 413)


async def test_a_body_without_a_length_is_cut_off(anybody: Program) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 1024

    answer = await anybody.call("POST", "/api/tickets", data=endless(), headers=JSON)
    assert answer.status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; charset=nonsense"},
        {"Content-Type": "application/jsonp"},
        {"Content-Type": "nonsense"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "br"},
    ],
)
async def test_media_types_that_are_not_json(anybody: Program, headers: dict[str, str]) -> None:
    body = json.dumps({"title": "x", "price": 1}).encode()
    answer = await anybody.call("POST", "/api/tickets", data=body, headers=headers)
    assert answer.status == 415, answer.body
    assert well_formed(answer.body, 415)


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=UTF-8", '; charset="utf-8"'])
async def test_json_in_utf_8_by_all_its_names(anybody: Program, charset: str) -> None:
    headers = {"Content-Type": f"application/json{charset}"}
    body = '{"title":"Zürich ☃","price":1}'.encode()
    answer = await anybody.call("POST", "/api/tickets", data=body, headers=headers)
    assert (answer.status, answer.body["title"]) == (201, "Zürich ☃")


async def test_the_credential_is_judged_before_the_body(site: Site) -> None:
    for method, path in TARGETS[2:]:
        answer = await site.call(method, path, data=b"{", headers=JSON)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "schl\u00fcssel", "tab\there"])
async def test_idempotency_keys_that_are_none(anybody: Program, key: str) -> None:
    headers = {"Idempotency-Key": key}
    offer = {"title": "x", "price": 1}
    answer = await anybody.call("POST", "/api/tickets", json=offer, headers=headers)
    assert answer.status == 400
    assert answer.fields == {"Idempotency-Key"}
