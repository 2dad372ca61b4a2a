"""What administrators do: each with a reason, past the mailbox, and in the audit log."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from actors import Turn, supervisor
from tests.functional.problems import NO_ID, well_formed
from tests.functional.running_site import Answer, Program, Site
from tests.functional.test_admin import ACTORS, admin, all_pages, shows
from tests.support import wait
from ticketing import audit, tickets
from ticketing.audit import AuditState, Entry, queries
from ticketing.tickets.actor import Ticket
from ticketing.values import OrderId, TicketId

__all__ = ["admin"]

WHY = "Stuck since the deployment"
ACTIONS = [
    f"{ACTORS}/ticket/{{ticket}}/{name}"
    for name in ("restart", "passivate", "suspend", "resume", "release")
] + [f"/api/admin/parked/{NO_ID}/{name}" for name in ("replay", "discard")]

Breaks = Callable[[type[Any], Callable[[Any], Any]], None]


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> Breaks:
    """Has the ticket's handler of a message do something else first, to those called "Broken"."""

    def breaks(message_type: type[Any], first: Callable[[Any], Any]) -> None:
        right = Ticket.handlers[message_type]

        async def handler(ticket: Ticket, message: Any, turn: Turn[Any]) -> Any:
            if turn.state.title == "Broken":
                await first(message)
            return await right.function(ticket, message, turn)

        wrong = {**Ticket.handlers, message_type: replace(right, function=handler)}
        monkeypatch.setattr(Ticket, "handlers", wrong)

    return breaks


async def does(admin: Program, path: str, reason: str = WHY, **options: Any) -> Answer:
    return await admin.call("POST", path, json={"reason": reason}, **options)


async def acts(admin: Program, ticket: dict[str, Any], action: str, **options: Any) -> Any:
    answer = await does(admin, f"{ACTORS}/ticket/{ticket['id']}/{action}", **options)
    assert answer.status == 200, answer.body
    return answer.body


async def log_of(site: Site, subject: str, count: int) -> list[Entry]:
    """The entries about *subject*, once there are so many; the chain of all of them holds."""

    async def look() -> list[Entry] | None:
        log = [queries.entry(dict(row)) for row in await site.gateway.reads.rows(queries.LOG)]
        found = [entry for entry in log if entry.subject == subject]
        return found if len(found) >= count else None

    found = await wait.until(look, f"{count} entries about {subject}")
    assert found is not None
    assert len(found) == count
    rows = await site.gateway.reads.rows(queries.LOG)
    assert not list(audit.verify_chain(queries.entry(dict(row)) for row in rows))
    return found


async def test_there_is_no_action_without_a_reason(site: Site, admin: Program) -> None:
    ticket = await site.program().sells()
    for path in ACTIONS:
        for said in ({}, {"reason": ""}, {"reason": "  "}, {"reason": "x" * 501}, {"reason": 1}):
            answer = await admin.call("POST", path.format(ticket=ticket["id"]), json=said)
            assert (answer.status, answer.fields) == (400, {"reason"}), path
            assert well_formed(answer.body, 400)
    assert await shows(admin, f"{ACTORS}/ticket/{ticket['id']}")


async def test_what_was_done_is_in_the_log(site: Site, admin: Program) -> None:
    ticket = await site.program().sells()
    assert (await acts(admin, ticket, "suspend"))["status"] == "suspended"
    assert (await acts(admin, ticket, "resume"))["status"] == "idle"
    assert (await acts(admin, ticket, "restart"))["status"] == "idle"
    gone = await acts(admin, ticket, "passivate")
    assert (gone["status"], gone["state"]["title"]) == ("asleep", ticket["title"])
    entries = await log_of(site, f"ticket:{ticket['id']}", 4)
    assert [(each.action, each.before["status"], each.after["status"]) for each in entries] == [
        ("actor.suspend", "idle", "suspended"),
        ("actor.resume", "suspended", "idle"),
        ("actor.restart", "idle", "idle"),
        ("actor.passivate", "idle", "asleep"),
    ]
    assert {(each.by, each.reason) for each in entries} == {(admin.user_id, WHY)}
    shown = await shows(admin, "/api/admin/audit?limit=4")
    assert [each["seq"] for each in shown] == [each.seq for each in reversed(entries)]
    assert [each["hash"] for each in shown] == [each.hash for each in reversed(entries)]
    pages = await all_pages(admin, "/api/admin/audit?limit=3")
    assert [each["seq"] for each in pages] == list(range(len(pages), 0, -1))


async def test_a_suspended_actor_keeps_what_comes_until_it_is_resumed(
    site: Site, admin: Program
) -> None:
    ticket, buyer = await site.program().sells(), site.program()
    await acts(admin, ticket, "suspend")
    said = {"ticketId": ticket["id"]}
    path = f"{ACTORS}/ticket/{ticket['id']}"

    async def waits() -> Any:
        return (await shows(admin, path))["messages"]

    async with asyncio.TaskGroup() as group:
        buying = group.create_task(buyer.call("POST", "/api/orders", json=said))
        (message,) = await wait.until(waits, "the message waits")
        assert (message["name"], message["by"]) == ("tickets.reserve", buyer.user_id)
        assert not message["isDurable"]
        refused = await does(admin, f"{path}/passivate")
        assert (refused.status, refused.body["code"]) == (409, "not_now")
        await acts(admin, ticket, "resume")
        assert (await buying).status == 201
    await log_of(site, f"ticket:{ticket['id']}", 2)


async def test_a_stuck_actor_is_shown_and_restarted(
    site: Site, admin: Program, breaks: Breaks
) -> None:
    reached, mended = asyncio.Event(), asyncio.Event()

    async def hangs_here(_: Any) -> None:
        reached.set()
        await mended.wait()

    breaks(tickets.Reserve, hangs_here)
    ticket, buyer = await site.program().sells(title="Broken"), site.program()
    path = f"{ACTORS}/ticket/{ticket['id']}"
    await shows(admin, path)  # Somebody looks: from now on turns are noted.
    said = {"ticketId": ticket["id"]}
    async with asyncio.TaskGroup() as group:
        buying = group.create_task(buyer.call("POST", "/api/orders", json=said))
        await reached.wait()
        seen = await shows(admin, path)
        assert (seen["status"], seen["running"]["cause"]) == ("running", "tickets.reserve")
        assert any("hangs_here" in frame for frame in seen["stack"])
        assert (await does(admin, f"{path}/passivate")).status == 409
        await acts(admin, ticket, "restart")
        assert (await buying).status == 503
    mended.set()
    assert (await site.program().buys(ticket))["status"] == "created"
    (entry,) = await log_of(site, f"ticket:{ticket['id']}", 1)
    assert (entry.action, entry.before["status"]) == ("actor.restart", "running")


async def test_a_reservation_is_released_by_its_order(site: Site, admin: Program) -> None:
    ticket, buyer = await site.program().sells(), site.program()
    free = await does(admin, f"{ACTORS}/ticket/{ticket['id']}/release")
    assert (free.status, free.body["code"]) == (409, "not_now")
    order = await buyer.buys(ticket)
    not_a_ticket = await does(admin, f"{ACTORS}/order/{order['id']}/release")
    assert not_a_ticket.status == 404
    assert (await acts(admin, ticket, "release"))["state"]["status"] == "available"
    mine = (await buyer.call("GET", f"/api/orders/{order['id']}")).body
    assert (mine["status"], mine["cancelReason"]) == ("cancelled", "admin")
    (entry,) = await log_of(site, f"ticket:{ticket['id']}", 1)
    assert entry.before == {"status": "reserved", "orderId": order["id"]}
    assert entry.after == {"order": "cancelled", "cancelReason": "admin"}
    again = await site.program().buys(ticket)
    assert (await does(admin, f"{ACTORS}/ticket/{ticket['id']}/release", reason="a")).status == 200
    assert again["id"] != order["id"]


async def test_a_sold_ticket_is_not_released(site: Site, admin: Program) -> None:
    ticket, buyer = await site.program().sells(), site.program()
    assert (await buyer.pays(await buyer.buys(ticket))).status == 201
    answer = await does(admin, f"{ACTORS}/ticket/{ticket['id']}/release")
    assert (answer.status, answer.body["code"]) == (409, "not_now")


async def test_the_same_key_acts_once(site: Site, admin: Program) -> None:
    ticket = await site.program().sells()
    await site.program().buys(ticket)
    key = {"headers": {"Idempotency-Key": "release-it"}}
    await acts(admin, ticket, "release", **key)
    await site.program().buys(ticket)
    assert (await acts(admin, ticket, "release", **key))["state"]["status"] == "reserved"
    other = await does(admin, f"{ACTORS}/ticket/{ticket['id']}/release", "Another", **key)
    assert other.status == 422
    await log_of(site, f"ticket:{ticket['id']}", 1)


async def test_a_poison_message_is_found_dropped_and_the_ticket_sells(
    site: Site, admin: Program, breaks: Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "QUARANTINE_AFTER", 3)
    monkeypatch.setattr(supervisor, "ATTEMPTS_MAX", 3)

    async def divides_by_nothing(_: Any) -> None:
        raise ZeroDivisionError("asked by kim@example.com")

    breaks(tickets.Unsell, divides_by_nothing)
    ticket = await site.program().sells(title="Broken")
    poison = tickets.Unsell(order_id=OrderId(NO_ID), relist=True)
    await site.gateway.runtime.tell(tickets.ticket(TicketId(ticket["id"])), poison)

    async def is_quarantined() -> Any:
        worst = await shows(admin, f"{ACTORS}?sort=restarts&limit=1&service=tickets")
        is_it = worst[0]["key"] == ticket["id"] and worst[0]["status"] == "quarantined"
        return worst[0] if is_it else None

    worst = await wait.until(is_quarantined, "it is quarantined and comes first")
    assert (worst["restarts"], worst["lastError"]) == (3, "ZeroDivisionError: asked by (personal)")
    path = f"{ACTORS}/ticket/{ticket['id']}"
    seen = await shows(admin, path)
    assert "divides_by_nothing" in seen["crash"]["traceback"]
    assert seen["crash"]["cause"] == "tickets.unsell"
    assert "@" not in str(seen)
    refused = await site.program().call("POST", "/api/orders", json={"ticketId": ticket["id"]})
    assert refused.status == 503
    overview = await shows(admin, "/api/admin/overview")
    (health,) = [each for each in overview["services"] if each["service"] == "tickets"]
    assert (health["isDegraded"], health["quarantined"]) == (False, 1)

    async def is_parked() -> Any:
        parked = await shows(admin, "/api/admin/parked")
        return next((each for each in parked if each["key"] == ticket["id"]), None)

    parked = await wait.until(is_parked, "it is parked")
    assert (parked["message"], parked["body"]["order_id"]) == ("tickets.unsell", NO_ID)
    assert (await does(admin, f"/api/admin/parked/{parked['id']}/discard")).status == 200
    assert (await does(admin, f"/api/admin/parked/{parked['id']}/discard")).status == 404
    assert (await acts(admin, ticket, "resume"))["status"] == "asleep"
    assert (await site.program().buys(ticket))["status"] == "created"
    (entry,) = await log_of(site, f"message:{parked['id']}", 1)
    assert entry.before["message"] == "tickets.unsell"
    assert entry.after == {"status": "discarded"}
    await log_of(site, f"ticket:{ticket['id']}", 1)


async def test_a_parked_message_is_tried_again(
    site: Site, admin: Program, breaks: Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "ATTEMPTS_MAX", 1)
    is_mended: list[bool] = []

    async def fails_until_mended(_: Any) -> None:
        if not is_mended:
            raise ZeroDivisionError

    breaks(tickets.Unsell, fails_until_mended)
    ticket = await site.program().sells(title="Broken")
    poison = tickets.Unsell(order_id=OrderId(NO_ID), relist=True)
    await site.gateway.runtime.tell(tickets.ticket(TicketId(ticket["id"])), poison)

    async def parked() -> Any:
        found = await shows(admin, "/api/admin/parked")
        return [each for each in found if each["key"] == ticket["id"]]

    (message,) = await wait.until(parked, "it is parked")
    is_mended.append(True)
    assert (await does(admin, f"/api/admin/parked/{message['id']}/replay")).status == 200
    assert await parked() == []

    async def has_been_handled() -> bool:
        seen = await shows(admin, f"{ACTORS}/ticket/{ticket['id']}")
        return not seen["messages"] and not seen["timers"]

    await wait.until(has_been_handled, "it has been handled")
    await log_of(site, f"message:{message['id']}", 1)


async def test_an_edited_entry_breaks_the_chain(site: Site, admin: Program) -> None:
    ticket = await site.program().sells()
    await acts(admin, ticket, "restart")
    await log_of(site, f"ticket:{ticket['id']}", 1)
    log = [queries.entry(dict(row)) for row in await site.gateway.reads.rows(queries.LOG)]
    keeper = await site.gateway.reads.row("select * from audits")
    assert keeper is not None
    end = AuditState(id="log", count=keeper["count"], head=keeper["head"])
    assert not list(audit.verify_chain(log, end))
    edited = [*log[:-1], structs.replace(log[-1], reason="nobody asked")]
    assert [each.seq for each in audit.verify_chain(edited, end)] == [log[-1].seq]
    assert list(audit.verify_chain(log[:-1], end))
