"""Listing, looking, editing, withdrawing, and finding again."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.running_site import Program, Site

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


async def test_a_listed_ticket_is_what_was_said(site: Site) -> None:
    seller = site.program()
    offer = {
        "title": "  Final, block C ",
        "price": "20.00",
        "currency": "eur",
        "section": "C",
        "row": "7",
        "seat": "11",
        "delivery": "Gate 3\nask for Kim",
    }
    made = await seller.call("POST", "/api/tickets", json=offer)
    assert made.status == 201
    ticket = made.body
    assert INSTANT.fullmatch(ticket.pop("createdAt"))
    assert made.headers["Location"] == f"/api/tickets/{ticket.pop('id')}"
    assert made.headers["ETag"] == '"1"'
    assert ticket == {
        **offer,
        "title": "Final, block C",
        "price": 20,
        "status": "available",
        "userId": seller.user_id,
        "version": 1,
    }


@pytest.mark.parametrize(
    ("price", "currency", "shown"),
    [
        (20, "usd", 20),
        (20.0, "usd", 20),
        ("19.99", "usd", 19.99),
        (0.57, "usd", 0.57),
        (0.01, "usd", 0.01),
        (999999.99, "usd", 999999.99),
        (5000, "jpy", 5000),
        ("0.50", "eur", 0.5),
    ],
)
async def test_prices_come_back_as_numbers(
    site: Site, price: Any, currency: str, shown: float
) -> None:
    ticket = await site.program().sells(price=price, currency=currency)
    assert ticket["price"] == shown
    found = await site.call("GET", f"/api/tickets/{ticket['id']}")
    assert found.body["price"] == shown


async def test_a_change_keeps_what_it_leaves_out_and_clears_what_is_null(site: Site) -> None:
    seller = site.program()
    ticket = await seller.sells(currency="eur", section="A", seat="1", delivery="code")
    path = f"/api/tickets/{ticket['id']}"
    said = {"title": "New", "price": 7.5, "section": None, "row": "9"}
    changed = await seller.call("PUT", path, json=said)
    assert changed.status == 200
    assert changed.headers["ETag"] == '"2"'
    ticket.pop("section")
    assert changed.body == {**ticket, "title": "New", "price": 7.5, "row": "9", "version": 2}
    assert (await seller.call("GET", path)).body == changed.body


async def test_a_price_without_a_currency_is_in_the_tickets_own(site: Site) -> None:
    seller = site.program()
    ticket = await seller.sells(price=5000, currency="jpy")
    path = f"/api/tickets/{ticket['id']}"
    wrong = await seller.call("PUT", path, json={"title": "x", "price": 50.5})
    assert (wrong.status, wrong.fields) == (400, {"price"})
    right = await seller.call("PUT", path, json={"title": "x", "price": 50})
    assert (right.body["price"], right.body["currency"]) == (50, "jpy")


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ('"1"', 200),
        ("*", 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ('"01"', 412),
        ('"abc"', 412),
        ('"99999999999999999999999"', 412),
        ("1", 400),
        ('"1", "2"', 400),
        ("", 400),
    ],
)
async def test_a_change_can_insist_on_the_version_it_has_seen(
    site: Site, tag: str, status: int
) -> None:
    seller = site.program()
    ticket = await seller.sells()
    answer = await seller.call(
        "PUT",
        f"/api/tickets/{ticket['id']}",
        json={"title": "New", "price": 1},
        headers={"If-Match": tag},
    )
    assert answer.status == status, answer.body


async def test_a_reserved_ticket_cannot_be_changed_or_withdrawn(site: Site) -> None:
    seller = site.program()
    ticket = await seller.sells()
    await site.program().buys(ticket)
    path = f"/api/tickets/{ticket['id']}"
    changed = await seller.call("PUT", path, json={"title": "New", "price": 1})
    withdrawn = await seller.call("DELETE", path)
    assert (changed.status, changed.body["code"]) == (409, "ticket_reserved")
    assert (withdrawn.status, withdrawn.body["code"]) == (409, "ticket_reserved")


async def test_withdrawing_twice_is_withdrawing_once(site: Site) -> None:
    seller = site.program()
    ticket = await seller.sells()
    path = f"/api/tickets/{ticket['id']}"
    first = await seller.call("DELETE", path)
    assert (first.status, first.body) == (204, "")
    assert (await seller.call("DELETE", path)).status == 204
    shown = (await site.call("GET", path)).body
    assert (shown["status"], shown["withdrawReason"]) == ("withdrawn", "seller")
    assert shown["version"] == 2
    bought = await site.program().call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert (bought.status, bought.body["code"]) == (409, "ticket_unavailable")


async def listed(caller: Site | Program, query: str) -> list[dict[str, Any]]:
    """All pages of a search, put together."""
    path: str | None = f"/api/tickets?{query}"
    found: list[dict[str, Any]] = []
    while path is not None:
        answer = await caller.call("GET", path)
        assert answer.status == 200, answer.body
        found += answer.body
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", ""))
        path = None if link is None else link[1]
    return found


def titles(tickets: list[dict[str, Any]]) -> list[str]:
    return [ticket["title"] for ticket in tickets]


def names() -> Iterator[str]:
    yield from (f"ticket {number:02}" for number in range(12))


@pytest.mark.parametrize("limit", [1, 4, 5, 12, 100])
@pytest.mark.parametrize("sort", ["newest", "price", "-price"])
async def test_pages_put_together_are_the_whole_list(site: Site, sort: str, limit: int) -> None:
    seller = site.program()
    prices = [5, 3, 5, 1, 5, 3, 2, 9, 9, 1, 5, 4]
    for name, price in zip(names(), prices, strict=True):
        await seller.sells(name, price)
    found = await listed(site, f"seller={seller.user_id}&sort={sort}&limit={limit}")
    assert sorted(titles(found)) == list(names())
    if sort == "newest":
        assert titles(found) == sorted(names(), reverse=True)
    else:
        shown = [ticket["price"] for ticket in found]
        assert shown == sorted(prices, reverse=sort == "-price")


async def test_a_page_is_not_moved_by_what_is_listed_meanwhile(site: Site) -> None:
    seller = site.program()
    for name in names():
        await seller.sells(name)
    path = f"/api/tickets?seller={seller.user_id}&limit=6"
    first = await site.call("GET", path)
    await seller.sells("newer")
    rest = re.findall("<(.*)>", first.headers["Link"])[0]
    second = await site.call("GET", rest)
    assert titles(first.body + second.body) == sorted(names(), reverse=True)
    assert "Link" not in second.headers


async def test_searches_by_status(site: Site) -> None:
    seller, buyer = site.program(), site.program()
    free = await seller.sells("free")
    taken = await seller.sells("taken")
    gone = await seller.sells("gone")
    paid = await seller.sells("paid")
    await buyer.buys(taken)
    await seller.call("DELETE", f"/api/tickets/{gone['id']}")
    assert (await buyer.pays(await buyer.buys(paid))).status == 201
    mine = f"seller={seller.user_id}"
    assert titles(await listed(site, mine)) == [free["title"]]
    assert titles(await listed(site, f"{mine}&status=reserved")) == ["taken"]
    assert titles(await listed(site, f"{mine}&status=sold")) == ["paid"]
    assert titles(await listed(site, f"{mine}&status=withdrawn")) == ["gone"]
    assert titles(await listed(site, f"{mine}&status=reserved,available")) == ["taken", "free"]
    assert titles(await listed(site, f"{mine}&status=any")) == ["paid", "gone", "taken", "free"]


async def test_searches_by_words(site: Site) -> None:
    seller = site.program()
    await seller.sells("Zürich Opera, balcony")
    await seller.sells("Opera at the lake")
    await seller.sells("Football")
    mine = f"seller={seller.user_id}"
    assert titles(await listed(site, f"{mine}&q=opera")) == [
        "Opera at the lake",
        "Zürich Opera, balcony",
    ]
    assert titles(await listed(site, f"{mine}&q=OPERA -lake")) == ["Zürich Opera, balcony"]
    assert titles(await listed(site, f'{mine}&q="opera balcony"')) == ["Zürich Opera, balcony"]
    assert titles(await listed(site, f"{mine}&q=football or zürich&sort=price")) == [
        "Zürich Opera, balcony",
        "Football",
    ]


async def test_searches_by_price_are_in_each_tickets_own_currency(site: Site) -> None:
    seller = site.program()
    for price, currency in [(9.99, "usd"), (10, "usd"), (20, "eur"), (15, "jpy"), (1000, "jpy")]:
        await seller.sells(f"{price} {currency}", price, currency=currency)
    mine = f"seller={seller.user_id}&sort=price"

    async def found(query: str) -> set[str]:
        return set(titles(await listed(site, f"{mine}&{query}")))

    assert await found("priceMin=10") == {"10 usd", "20 eur", "15 jpy", "1000 jpy"}
    assert await found("priceMin=9.985&priceMax=15") == {"9.99 usd", "10 usd", "15 jpy"}
    assert await found("priceMax=9.999") == {"9.99 usd"}
    assert await found("priceMin=21&priceMax=2000") == {"1000 jpy"}
