"""A site with something of everything to look at, and where to look at it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, StorageState

from actors import SystemClock
from tests.browser.sites import Site
from tests.browser.visitors import DECLINED_CARD, DECLINES_MAX, PAY, Visitor, visiting

__all__ = ["VIEWS", "Scene", "View", "made"]


class _Event(NamedTuple):
    name: str
    category: str
    venue: str
    city: str
    zone: str
    days: int
    """From now."""


class _Ticket(NamedTuple):
    title: str
    price: str
    currency: str
    event: int
    section: str = ""
    row: str = ""
    seat: str = ""


_EVENTS: Final = (
    _Event("Northern Lights Orchestra", "concert", "Harbour Hall", "Bergen", "Europe/Oslo", 12),
    _Event("Spring Derby", "sports", "Lake Arena", "Oslo", "Europe/Oslo", 19),
    _Event("The Cherry Orchard", "theatre", "Old Playhouse", "Chicago", "America/Chicago", 27),
    _Event("Laughing Matters", "comedy", "Cellar Door", "London", "Europe/London", 33),
    _Event(
        "Riverside Weekender", "festival", "Riverside Park", "Melbourne", "Australia/Melbourne", 41
    ),
    _Event("Circus of Small Things", "family", "Big Top Green", "Lyon", "Europe/Paris", 48),
)

# The last is the newest, and shown first.
_TICKETS: Final = (
    _Ticket("Grandparents' corner", "16", "eur", 5, "Green", "6", "2"),
    _Ticket("Ringside bench", "24", "eur", 5, "Ring", "1", "12"),
    _Ticket("Saturday only", "95", "aud", 4),
    _Ticket("Weekend pass with camping", "189", "aud", 4),
    _Ticket("Table for a friend of the band", "45", "gbp", 3, "Tables", "2", "3"),
    _Ticket("A stool at the bar", "18", "gbp", 3, "Bar", "", "5"),
    _Ticket("Dress circle", "74.25", "usd", 2, "Circle", "D", "21"),
    _Ticket("Front row, centre", "120", "usd", 2, "Orchestra", "A", "15"),
    _Ticket("Family stand, aisle seat", "22", "eur", 1, "F", "3", "1"),
    _Ticket("Home end, next to the drummers", "27.50", "eur", 1, "N2", "14", "8"),
    _Ticket("Balcony with the best sound", "38", "eur", 0, "Balcony", "A", "4"),
    _Ticket("Stalls, two steps from the stage", "64.50", "eur", 0, "Stalls", "C", "11"),
)


_Step: TypeAlias = Callable[[Visitor], Awaitable[None]]


async def _is_declined(buyer: Visitor) -> None:
    await buyer.pays_with(DECLINED_CARD)
    await buyer.page.get_by_role("alert").filter(has_text="declined").wait_for()


async def _leaves_fields_out(buyer: Visitor) -> None:
    await buyer.button(PAY).click()
    await buyer.card_form.locator("[aria-invalid]").first.wait_for()


async def _asks_bank(buyer: Visitor) -> None:
    await buyer.button("Continue with your bank").click()
    await buyer.bank.get_by_role("button", name="Pass").wait_for()


async def _is_asked_why(admin: Visitor) -> None:
    await admin.button("Suspend").click()
    await admin.page.get_by_role("dialog").get_by_label("Reason").wait_for()


async def _is_asked_twice(buyer: Visitor) -> None:
    await buyer.button("Sign out everywhere").click()
    await buyer.page.get_by_role("dialog").get_by_role("button", name="Stay").wait_for()


@dataclass(frozen=True)
class View:
    """A page to look at: where, its heading, and by whom. Things have names in braces.

    *step* is what they do there before it looks as it is meant to; it can be done again.
    """

    path: str
    heading: str
    who: str | None = None
    step: _Step | None = None

    def of(self, things: Mapping[str, str]) -> "View":
        """The same of a site in which the *things* are."""
        path, heading = self.path.format_map(things), self.heading.format_map(things)
        return replace(self, path=path, heading=heading)


VIEWS: Final[Mapping[str, View]] = MappingProxyType(
    {
        "tickets": View("/", "Tickets"),
        "tickets-signed-in": View("/", "Tickets", "buyer"),
        "tickets-none": View("/?q=nothing+like+this", "Tickets"),
        "events": View("/events", "Events"),
        "event-new": View("/events/new", "Add an event", "buyer"),
        "event": View("/events/{event}", "{event_name}"),
        "ticket": View("/tickets/{free}", "{free_title}"),
        "ticket-reserved": View("/tickets/{reserved}", "{reserved_title}"),
        "ticket-reserved-by-me": View("/tickets/{reserved}", "{reserved_title}", "buyer"),
        "ticket-sold": View("/tickets/{sold}", "{sold_title}"),
        "ticket-withdrawn": View("/tickets/{withdrawn}", "{withdrawn_title}"),
        "ticket-own": View("/tickets/{free}", "{free_title}", "seller"),
        "ticket-edit": View("/tickets/{free}/edit", "Edit ticket", "seller"),
        "sell": View("/sell", "Sell a ticket", "seller"),
        "checkout": View("/checkout/{live_order}", "Checkout", "buyer"),
        "checkout-fields": View("/checkout/{live_order}", "Checkout", "buyer", _leaves_fields_out),
        "checkout-declined": View("/checkout/{tried_order}", "Checkout", "buyer", _is_declined),
        "checkout-asked": View("/checkout/{asked_order}", "Checkout", "buyer"),
        "checkout-bank": View("/checkout/{asked_order}", "Checkout", "buyer", _asks_bank),
        "checkout-over": View("/checkout/{declined_order}", "Checkout", "buyer"),
        "orders": View("/orders", "My orders", "buyer"),
        "order-live": View("/orders/{live_order}", "Order", "buyer"),
        "order-complete": View("/orders/{complete_order}", "Order", "buyer"),
        "order-tried": View("/orders/{tried_order}", "Order", "buyer"),
        "order-refunded": View("/orders/{refunded_order}", "Order", "buyer"),
        "order-cancelled": View("/orders/{cancelled_order}", "Order", "buyer"),
        "listings": View("/listings", "My listings", "seller"),
        "admin-overview": View("/admin", "Overview", "admin"),
        "admin-actors": View("/admin/actors", "Actors", "admin"),
        "admin-actor": View("/admin/actors/ticket/{reserved}", "ticket {reserved}", "admin"),
        "admin-actor-before": View(
            "/admin/actors/ticket/{reserved}?at=1", "ticket {reserved}", "admin"
        ),
        "admin-question": View(
            "/admin/actors/order/{live_order}", "order {live_order}", "admin", _is_asked_why
        ),
        "admin-timers": View("/admin/timers", "Timers", "admin"),
        "admin-parked": View("/admin/parked", "Parked messages", "admin"),
        "admin-audit": View("/admin/audit", "Audit log", "admin"),
        "admin-not-for-buyers": View("/admin", "Administration", "buyer"),
        "account": View("/account", "Your account", "buyer"),
        "account-everywhere": View("/account", "Your account", "buyer", _is_asked_twice),
        "reset": View("/reset#token", "Choose a new password"),
        "reset-incomplete": View("/reset", "Choose a new password"),
        "signin": View("/signin", "Sign in"),
        "signup": View("/signup", "Create an account"),
        "not-found": View("/nowhere", "Page not found"),
    }
)


@dataclass(frozen=True)
class Scene:
    """What there is to see, by name; and the cookies of whoever sees it."""

    views: Mapping[str, View]
    sessions: Mapping[str, StorageState]

    def options(self, who: str | None) -> dict[str, Any]:
        """Those of the desk of one of them."""
        return {} if who is None else {"storage_state": self.sessions[who]}


async def made(browser: Browser, site: Site) -> Scene:
    """Fill *site*: two people, events, and tickets and orders in every state."""
    async with (
        visiting(browser, site.url) as seller,
        visiting(browser, site.url) as buyer,
        visiting(browser, site.url) as admin,
    ):
        people = {"seller": seller, "buyer": buyer, "admin": admin}
        seller.email, buyer.email = "sam@example.com", "kim@example.com"
        for person in people.values():
            await person.signs_up()
        await site.promote(admin.email)
        await admin.becomes_admin()
        things = await _filled(seller, buyer, admin)
        sessions = {name: await each.desk.context.storage_state() for name, each in people.items()}
    return Scene({name: view.of(things) for name, view in VIEWS.items()}, sessions)


async def _filled(seller: Visitor, buyer: Visitor, admin: Visitor) -> dict[str, str]:
    events = [await _announced(seller, said) for said in _EVENTS]
    tickets = [await _offered(seller, events, said) for said in _TICKETS]
    states = {
        "reserved": -6,
        "asked": -3,
        "tried": -4,
        "sold": -8,
        "refunded": -7,
        "dropped": -9,
        "refused": -10,
        "withdrawn": -12,
        "free": -1,
    }
    named = {state: tickets[number] for state, number in states.items()}
    live, bought = await buyer.reserves(named["reserved"]), await buyer.reserves(named["sold"])
    tried, asked = await buyer.reserves(named["tried"]), await buyer.reserves(named["asked"])
    await buyer.is_declined(tried)
    await buyer.is_asked(asked)
    await buyer.pays(bought)
    cancelled = await buyer.reserves(named["dropped"])
    await buyer.call("DELETE", f"/api/orders/{cancelled['id']}")
    declined = await buyer.reserves(named["refused"])
    for _ in range(DECLINES_MAX):
        await buyer.is_declined(declined)
    refunded = await buyer.reserves(named["refunded"])
    await buyer.pays(refunded)
    await admin.refunds(refunded)
    await seller.call("DELETE", f"/api/tickets/{named['withdrawn']['id']}")
    ids = {name: ticket["id"] for name, ticket in named.items()}
    titles = {f"{name}_title": ticket["title"] for name, ticket in named.items()}
    return {
        **ids,
        **titles,
        "event": events[0]["id"],
        "event_name": events[0]["name"],
        "live_order": live["id"],
        "tried_order": tried["id"],
        "asked_order": asked["id"],
        "refunded_order": refunded["id"],
        "complete_order": bought["id"],
        "cancelled_order": cancelled["id"],
        "declined_order": declined["id"],
    }


async def _announced(seller: Visitor, event: _Event) -> dict[str, Any]:
    zone = ZoneInfo(event.zone)
    day = SystemClock().now().astimezone(zone) + timedelta(days=event.days)
    starts = day.replace(hour=19, minute=30, second=0, microsecond=0)
    return await seller.announces(
        event.name,
        category=event.category,
        venue=event.venue,
        city=event.city,
        timeZone=event.zone,
        startsAt=starts.isoformat(),
    )


async def _offered(
    seller: Visitor, events: list[dict[str, Any]], ticket: _Ticket
) -> dict[str, Any]:
    seat = {"section": ticket.section, "row": ticket.row, "seat": ticket.seat}
    return await seller.sells(
        ticket.title,
        ticket.price,
        currency=ticket.currency,
        eventId=events[ticket.event]["id"],
        delivery="Gate 7. Show this code at the door: 4471-9902",
        **{name: said for name, said in seat.items() if said},
    )
