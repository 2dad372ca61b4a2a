"""Health, metrics, the description of the interface, and what every answer carries."""

import asyncio
import re

import pytest
from openapi_spec_validator import validate

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import Site
from web.app import ROUTES


async def test_probes(start_site: SiteFactory) -> None:
    site = await start_site()
    assert (await site.call("GET", "/livez")).status == 200
    assert (await site.call("GET", "/readyz")).status == 200
    site.system.runtime.is_ready = False
    draining = await site.call("GET", "/readyz")
    assert (draining.status, draining.body["code"]) == (503, "not_ready")
    assert draining.headers["Retry-After"] == "1"
    assert (await site.call("GET", "/livez")).status == 200


async def test_without_a_database_everybody_is_told_to_come_back(start_site: SiteFactory) -> None:
    site = await start_site()
    seller = site.program()
    ticket = await seller.sells()
    site.system.store.pool.terminate()
    assert (await site.call("GET", "/livez")).status == 200
    for path in ("/readyz", "/api/tickets", f"/api/tickets/{ticket['id']}"):
        answer = await seller.call("GET", path)
        assert answer.status == 503, answer.body
        assert int(answer.headers["Retry-After"]) >= 1


async def test_metrics_are_the_runtimes_and_the_gateways(site: Site) -> None:
    await site.call("GET", "/api/tickets")
    await site.call("GET", "/nowhere/at/all")
    text = (await site.call("GET", "/metrics")).body
    assert re.search(r'http_requests_total\{.*route="/api/tickets",status="200"\}', text)
    assert 'route="none",status="404"' in text
    assert "nowhere" not in text
    assert "actors_turns_total" in text


async def test_the_description_is_valid_and_whole(site: Site) -> None:
    document = (await site.call("GET", "/api/openapi.json")).body
    validate(document)
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == {(route.method, route.path) for route in ROUTES}
    place = document["paths"]["/api/orders"]["post"]
    assert set(place["responses"]) >= {
        "200",
        "201",
        "400",
        "401",
        "404",
        "409",
        "422",
        "429",
        "503",
    }
    assert "Idempotency-Key" in {parameter["name"] for parameter in place["parameters"]}
    ticket = document["components"]["schemas"]["NewTicket"]
    assert ticket["required"] == ["title", "price"]
    assert ticket["additionalProperties"] is False


async def test_what_clients_are_told(site: Site) -> None:
    config = (await site.call("GET", "/api/config")).body
    assert config == {
        "publishableKey": "pk_test_sandbox",
        "stripeJs": f"{site.sandbox}/v3.js",
        "testMode": True,
        "reservationSeconds": 900,
    }
    assert (await site.call("GET", "/.well-known/jwks.json")).body == {"keys": []}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/api/tickets", 200),
        ("HEAD", "/api/tickets", 200),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/tickets", 405),
        ("POST", "/api/tickets", 401),
        ("POST", "/api/users/signin", 400),
        ("OPTIONS", "/api/tickets", 405),
    ],
)
async def test_every_answer_has_an_id_and_its_headers(
    site: Site, method: str, path: str, status: int
) -> None:
    answer = await site.call(method, path)
    assert answer.status == status
    assert answer.headers["X-Request-Id"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # The page is the same for everybody; all else is nobody else's.
    assert answer.headers["Cache-Control"] == ("no-cache" if path == "/" else "no-store")
    assert "Python" not in answer.headers["Server"]
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 200, False)]
)
async def test_a_sensible_request_id_is_kept(site: Site, given: str, kept: bool) -> None:  # noqa: FBT001
    answer = await site.call("GET", "/api/nothing", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) == kept
    assert answer.body["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/tickets HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
    ids=range(8),
)
async def test_what_is_not_even_http_gets_a_problem_document_too(site: Site, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer
    assert b"application/problem+json" in answer
    assert b"X-Request-Id: " in answer
    assert b"Content-Security-Policy: " in answer
    assert b'"code":"' in answer


async def test_what_is_refused_before_the_application_has_the_headers_too(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 417 "), answer
    assert re.search(rb"\r\nX-Request-Id: [0-9a-f-]{36}\r\n", answer)
    assert b"Content-Security-Policy: " in answer
    assert b"Server: ticketing\r\n" in answer


async def test_long_lists_are_compressed_for_strangers_only(site: Site) -> None:
    """Beside a secret, how long somebody else's text gets would tell about the secret."""
    seller = site.program()
    for number in range(15):
        await seller.sells(title=f"{number} of a long list, and all with a rather long title")
    path = f"/api/tickets?seller={seller.user_id}"
    for who, coded in ((site, "gzip"), (seller, None)):
        answer = await who.call("GET", path, headers={"Accept-Encoding": "gzip"})
        assert len(answer.body) == 15
        assert answer.headers.get("Content-Encoding") == coded
