"""Who may do what: every route and every live topic there is, by everybody there is.

With `-s` the two tables are printed as they were found.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.functional.running_site import Answer, Program, Site, bearer, signed_up
from tests.support.live import opened
from ticketing.values import UserId
from web import openapi
from web.app import ROUTES
from web.live import names

ROLES = ("anonymous", "other", "seller", "buyer", "admin")

# Administrators whose tokens are good to the letter: one has signed out everywhere since, that of
# the other has expired. They are answered as strangers are.
NO_MORE = ("ended", "expired")
EVERYBODY = (*ROLES, *NO_MORE)


@dataclass(frozen=True)
class Expected:
    """The statuses in the order of `ROLES`; *body* and *path* as in the `Scene`."""

    statuses: tuple[int, int, int, int, int]
    body: Mapping[str, Any] | None = None
    path: str | None = None
    over: int | None = None
    """What those are told who are not anybody any more, if it is not what strangers are told."""

    def status(self, role: str) -> int:
        if role in NO_MORE:
            return self.statuses[0] if self.over is None else self.over
        return self.statuses[ROLES.index(role)]


def everybody(status: int, body: Mapping[str, Any] | None = None) -> Expected:
    return Expected((status,) * 5, body)


def admins(status: int, body: Mapping[str, Any] | None = None, path: str | None = None) -> Expected:
    return Expected((401, 403, 403, 403, status), body, path)


WHY = {"reason": "Rain"}
LISTS = ("overview", "actors", "timers", "parked", "partitions", "audit")
TICKET = "/api/admin/actors/ticket/{ticket}"
FREE = "/api/admin/actors/ticket/{free}"
CREDENTIALS = {"email": "nobody@example.com", "password": "wrong horse"}
PASSWORDS = {"currentPassword": "wrong horse", "newPassword": "a new horse"}
OFFER = {"title": "Row 2", "price": "5"}
EVENT: dict[str, Any] = {}  # One that nobody else has.

# {free} is an available ticket of the seller's; {ticket} is reserved by {order} of the buyer's,
# whose first attempt to pay was declined.
TABLE: dict[tuple[str, str], Expected] = {
    ("POST", "/api/users/signup"): everybody(400, {"email": "x", "password": "y"}),
    ("POST", "/api/users/signin"): everybody(401, CREDENTIALS),
    ("POST", "/api/users/signout"): everybody(200),
    ("POST", "/api/users/signout-everywhere"): Expected((401, 200, 200, 200, 200)),
    ("POST", "/api/users/password"): Expected((401, 401, 401, 401, 401), PASSWORDS),
    ("POST", "/api/users/reset"): everybody(401, {"token": "x", "newPassword": "a new horse"}),
    ("GET", "/api/users/currentuser"): everybody(200),
    ("GET", "/api/users/balance"): Expected((401, 200, 200, 200, 200)),
    ("POST", "/api/users/token"): Expected((400, 200, 200, 200, 200), {}, over=401),
    ("GET", "/api/events"): everybody(200),
    ("POST", "/api/events"): Expected((401, 201, 201, 201, 201), EVENT),
    ("GET", "/api/events/{id}"): Expected((200,) * 5, path="/api/events/{event}"),
    ("POST", "/api/tickets"): Expected((401, 201, 201, 201, 201), OFFER),
    ("GET", "/api/tickets"): everybody(200),
    ("GET", "/api/tickets/{id}"): Expected((200,) * 5, path="/api/tickets/{ticket}"),
    ("PUT", "/api/tickets/{id}"): Expected((401, 403, 200, 403, 403), OFFER, "/api/tickets/{free}"),
    ("DELETE", "/api/tickets/{id}"): Expected(
        (401, 403, 204, 403, 403), path="/api/tickets/{free}"
    ),
    ("POST", "/api/orders"): Expected((401, 201, 409, 201, 201), {"ticketId": "{free}"}),
    ("GET", "/api/orders"): Expected((401, 200, 200, 200, 200)),
    ("GET", "/api/orders/{id}"): Expected((401, 404, 404, 200, 404), path="/api/orders/{order}"),
    ("DELETE", "/api/orders/{id}"): Expected((401, 404, 404, 204, 404), path="/api/orders/{order}"),
    ("POST", "/api/payments"): Expected(
        (401, 404, 404, 201, 404), {"orderId": "{order}", "token": "tok_visa"}
    ),
    ("GET", "/api/payments/{id}"): Expected(
        (401, 404, 404, 200, 404), path="/api/payments/{order}"
    ),
    ("POST", "/api/payments/{id}/confirm"): Expected(
        (401, 404, 404, 402, 404), path="/api/payments/{order}/confirm"
    ),
    ("POST", "/api/webhooks/stripe"): everybody(400),  # Whoever it is: it is not signed.
    ("POST", "/api/admin/orders/{id}/refund"): Expected(
        (401, 403, 403, 403, 409), {"reason": "Rain"}, "/api/admin/orders/{order}/refund"
    ),
    **{("GET", f"/api/admin/{name}"): admins(200) for name in LISTS},
    ("GET", "/api/admin/actors/{kind}/{key}"): admins(200, path=TICKET),
    ("GET", "/api/admin/actors/{kind}/{key}/journal"): admins(200, path=f"{TICKET}/journal"),
    **{
        ("POST", f"/api/admin/actors/{{kind}}/{{key}}/{name}"): admins(200, WHY, f"{FREE}/{name}")
        for name in ("restart", "passivate", "suspend", "resume")
    },
    ("POST", "/api/admin/actors/{kind}/{key}/release"): admins(200, WHY, f"{TICKET}/release"),
    **{
        ("POST", f"/api/admin/parked/{{id}}/{name}"): admins(
            404, WHY, f"/api/admin/parked/{{order}}/{name}"
        )
        for name in ("replay", "discard")
    },
    ("GET", "/"): everybody(200),
    ("GET", "/api/config"): everybody(200),
    ("GET", "/api/openapi.json"): everybody(200),
    ("GET", "/docs"): everybody(200),
    ("GET", "/.well-known/jwks.json"): everybody(200),
    ("GET", "/livez"): everybody(200),
    ("GET", "/readyz"): everybody(200),
    ("GET", "/metrics"): everybody(200),
    ("GET", "/ws"): everybody(426),  # What a socket may see is in test_live.py.
}

TOPICS: dict[str, tuple[str, ...]] = {
    "tickets": ("subbed",) * 5 + ("4001",) * 2,
    "ticket:{ticket}": ("subbed",) * 5 + ("4001",) * 2,
    "event:{event}": ("subbed",) * 5 + ("4001",) * 2,
    "me": ("unauthorized", *("subbed",) * 4, "4001", "4001"),
    "admin:overview": ("unauthorized", *("forbidden",) * 3, "subbed", "4001", "4001"),
    "admin:actor:ticket:{ticket}": (
        "unauthorized", *("forbidden",) * 3, "subbed", "4001", "4001"
    ),
}  # fmt: skip
"""What each of `EVERYBODY` gets: the topic, a refusal, or the end of the socket."""

SAFE, REFUSED = "GET", 400
SOME_ID = re.compile("{[a-z]+}")


@dataclass
class Scene:
    """A seller, a buyer in the middle of a purchase, and bystanders."""

    site: Site
    people: dict[str, Program]
    names: dict[str, str]

    @classmethod
    async def set(cls, site: Site, gone: Mapping[str, Program] | None = None) -> "Scene":
        seller, buyer = site.program(), site.program()
        ticket = await seller.sells(delivery="the code")
        free = await seller.sells()
        order = await buyer.buys(ticket)
        declined = await buyer.pays(order, "tok_chargeDeclined")
        assert declined.status == 402, declined.body
        people = {
            "seller": seller,
            "buyer": buyer,
            "other": site.program(),
            "admin": site.program(roles=("admin",)),
            **(gone or {}),
        }
        event = await seller.announces()
        names = {
            "ticket": ticket["id"],
            "free": free["id"],
            "order": order["id"],
            "event": event["id"],
        }
        return cls(site, people, names)

    async def call(self, role: str, method: str, path: str, body: Any = None) -> Answer:
        caller = self.people.get(role, self.site)
        said = None
        if body is EVENT:
            said = self.site.event()
        elif body is not None:
            said = {name: value.format(**self.names) for name, value in body.items()}
        return await caller.call(method, path.format(**self.names), json=said)

    async def watches(self, role: str, topic: str) -> str:
        """What *role* is told who wants to watch *topic*."""
        headers = bearer(self.people[role].token) if role in self.people else {}
        async with opened(self.site.url, additional_headers=headers) as client:
            if role in NO_MORE:
                return str(await client.closed())
            answer = await client.sub(topic.format(**self.names))
            return str(answer.get("code", answer["op"]))


def test_every_route_has_its_row() -> None:
    document = json.loads(openapi.describe(ROUTES))
    described = {
        (method.upper(), path) for path, said in document["paths"].items() for method in said
    }
    assert described == set(TABLE)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def gone(site: Site) -> AsyncIterator[dict[str, Program]]:
    """Who was somebody, and is not any more."""
    async with await signed_up(site) as browser:
        user = await browser.current_user()
        assert user is not None
        assert (await browser.call("POST", "/api/users/signout-everywhere", json={})).status == 200
    now = site.gateway.runtime.clock.now()
    past = {"iat": now - timedelta(hours=1), "exp": now - timedelta(seconds=1)}
    yield {
        "ended": Program(site, user["id"], site.token(user["id"], roles=["admin"])),
        "expired": Program(site, user["id"], site.token(user["id"], roles=["admin"], **past)),
    }


@pytest.fixture(scope="module")
def matrix() -> Iterator[dict[str, dict[str, Any]]]:
    """What everybody got, by what they asked for; printed at the end."""
    found: dict[str, dict[str, Any]] = {}
    yield found
    print(f"\n{'':52}" + "".join(f"{role:>14}" for role in EVERYBODY))
    for what, row in found.items():
        print(f"{what:52}" + "".join(f"{row[role]:>14}" for role in EVERYBODY))
    print(f"{len(found)} rows, {len(found) * len(EVERYBODY)} answers")


@pytest.mark.parametrize(("method", "path"), TABLE)
async def test_nobody_gets_further_than_they_may(
    site: Site,
    gone: dict[str, Program],
    matrix: dict[str, dict[str, Any]],
    method: str,
    path: str,
) -> None:
    expected, got = TABLE[method, path], {}
    scene, is_over = await Scene.set(site, gone), False
    # Those who may not come first: what they were refused has changed nothing for those who may.
    for role in sorted(EVERYBODY, key=lambda role: expected.status(role) < REFUSED):
        if is_over:
            scene = await Scene.set(site, gone)
        answer = await scene.call(role, method, expected.path or path, expected.body)
        got[role] = answer.status
        assert answer.status == expected.status(role), (role, answer.body)
        is_over = method != SAFE and answer.status < REFUSED
    matrix[f"{method} {path}"] = got


def test_every_kind_of_topic_has_its_row() -> None:
    somebody = UserId("01900000-0000-7000-8000-000000000000")
    named = [names.parse(SOME_ID.sub(somebody, topic), somebody) for topic in TOPICS]
    assert {name.kind for name in named if isinstance(name, names.Name)} == set(names.Kind)


@pytest.mark.parametrize("topic", TOPICS)
async def test_nobody_watches_more_than_they_may(
    site: Site, gone: dict[str, Program], matrix: dict[str, dict[str, Any]], topic: str
) -> None:
    scene = await Scene.set(site, gone)
    got = {role: await scene.watches(role, topic) for role in EVERYBODY}
    matrix[f"SUB {topic}"] = got
    assert tuple(got.values()) == TOPICS[topic]


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_shown_of_a_reserved_ticket(site: Site, role: str) -> None:
    scene = await Scene.set(site)
    ticket = (await scene.call(role, "GET", "/api/tickets/{ticket}")).body
    assert ("orderId" in ticket) == (role in {"seller", "buyer"})
    assert ("delivery" in ticket) == (role == "seller")
    assert "reservedUntil" in ticket
    listed = await scene.call(role, "GET", "/api/tickets?status=any&seller=" + ticket["userId"])
    shown = {each["id"]: each for each in listed.body}[ticket["id"]]
    assert shown == ticket


async def test_somebody_elses_order_looks_like_none(site: Site) -> None:
    scene = await Scene.set(site)
    theirs = await scene.call("other", "GET", "/api/orders/{order}")
    none = await scene.call("other", "GET", "/api/orders/01900000-0000-7000-8000-000000000000")
    assert {**theirs.body, "requestId": ""} == {**none.body, "requestId": ""}


async def test_lists_of_orders_are_ones_own(site: Site) -> None:
    scene = await Scene.set(site)
    own = await scene.call("buyer", "GET", "/api/orders")
    assert [order["id"] for order in own.body] == [scene.names["order"]]
    for role in ("other", "seller", "admin"):
        assert (await scene.call(role, "GET", "/api/orders")).body == []
