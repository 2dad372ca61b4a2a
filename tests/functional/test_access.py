"""Who may do what: every route there is, by everybody there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.functional.running_site import Answer, Program, Site
from web.app import ROUTES

ROLES = ("anonymous", "other", "seller", "buyer", "admin")


@dataclass(frozen=True)
class Expected:
    """The statuses in the order of `ROLES`; *body* and *path* as in the `Scene`."""

    statuses: tuple[int, int, int, int, int]
    body: Mapping[str, Any] | None = None
    path: str | None = None

    def status(self, role: str) -> int:
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
OFFER = {"title": "Row 2", "price": 5}
EVENT = {
    "name": "A night of its own",
    "category": "concert",
    "venue": "Hall",
    "city": "Oslo",
    "startsAt": "soon",
    "timeZone": "Europe/Oslo",
}

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
    ("POST", "/api/users/token"): Expected((400, 200, 200, 200, 200), {}),
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


@dataclass
class Scene:
    """A seller, a buyer in the middle of a purchase, and bystanders."""

    site: Site
    people: dict[str, Program]
    names: dict[str, str]

    @classmethod
    async def set(cls, site: Site) -> "Scene":
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
        if body is not None:
            said = {name: value.format(**self.names) for name, value in body.items()}
        return await caller.call(method, path.format(**self.names), json=said)


def test_every_route_has_its_row() -> None:
    assert {(route.method, route.path) for route in ROUTES} == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), TABLE)
async def test_nobody_gets_further_than_they_may(
    site: Site, method: str, path: str, role: str
) -> None:
    expected = TABLE[method, path]
    scene = await Scene.set(site)
    body = expected.body
    if body == OFFER:
        body = {"title": "Row 2", "price": "5"}
    if body == EVENT:
        body = site.event()
    answer = await scene.call(role, method, expected.path or path, body)
    assert answer.status == expected.status(role), answer.body


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
