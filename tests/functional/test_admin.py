"""What administrators see: actors awake and asleep, journals, lists; and what nobody sees."""

import re
from typing import Any

import pytest

from tests.functional import provider
from tests.functional.problems import NO_ID, well_formed
from tests.functional.running_site import Answer, Program, Site, signed_up
from ticketing import auth, tickets
from ticketing.auth import queries as auth_queries
from ticketing.values import ADMIN, TicketId

ACTORS = "/api/admin/actors"


@pytest.fixture
def admin(site: Site) -> Program:
    return site.program(roles=(ADMIN,))


async def shows(admin: Program, path: str, status: int = 200) -> Any:
    answer = await admin.call("GET", path)
    assert answer.status == status, answer.body
    return answer.body


async def all_pages(admin: Program, path: str) -> list[Any]:
    """The entries of all pages from *path* on."""
    found: list[Any] = []
    following: str | None = path
    while following is not None:
        answer = await admin.call("GET", following)
        assert answer.status == 200, answer.body
        page = answer.body if isinstance(answer.body, list) else answer.body["lines"]
        assert page
        found += page
        following = next_page(answer)
    return found


def next_page(answer: Answer) -> str | None:
    link = re.fullmatch('<(.*)>; rel="next"', answer.headers.get("Link", ""))
    return None if link is None else link[1]


async def test_the_overview_counts_what_there_is(site: Site, admin: Program) -> None:
    await site.program().sells()
    seen = await shows(admin, "/api/admin/overview")
    services = {each["service"]: each for each in seen["services"]}
    assert list(services) == ["auth", "tickets", "orders", "expiration", "payments"]
    assert services["tickets"]["resident"] >= seen["residents"]["ticket"] >= 1
    assert {worker["kind"] for worker in seen["workers"]} == {"hasher", "sweeper", "teller"}
    assert seen["turns"] > 0
    assert seen["batches"] > 0
    assert seen["timers"]["pending"] >= seen["timers"]["overdue"] >= 0
    assert seen["storeAvailable"]
    assert seen["payments"] == {"unknown": 0}
    assert seen["node"] == site.gateway.runtime.node_id
    assert 0 <= seen["loopLagSeconds"] < 10


async def test_a_list_of_actors_is_paged_and_in_order(site: Site, admin: Program) -> None:
    seller = site.program()
    sold = {(await seller.sells())["id"] for _ in range(5)}
    limit = min(max(2, len(site.gateway.runtime.resident) // 10), 100)  # Some pages, not hundreds.
    for sort in ("key", "restarts", "version", "mailbox", "idle"):
        path = f"{ACTORS}?kind=ticket&service=tickets&sort={sort}&limit={limit}"
        if sort == "idle":  # It goes on while one looks: only its first page is one moment's.
            lines = await shows(admin, path)
        else:
            lines = await all_pages(admin, path)
            assert sold <= {line["key"] for line in lines}
            assert len({line["key"] for line in lines}) == len(lines)
        assert {line["kind"] for line in lines} == {"ticket"}
    one = sold.pop()
    (line,) = await shows(admin, f"{ACTORS}?key={one}")
    assert (line["status"], line["version"], line["service"]) == ("idle", 1, "tickets")
    for nothing in ("kind=nothing", "status=held&kind=event", f"key={NO_ID}", "service=nobody"):
        assert await shows(admin, f"{ACTORS}?{nothing}") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{ACTORS}?sort=size", "sort"),
        (f"{ACTORS}?status=tired", "status"),
        (f"{ACTORS}?limit=0", "limit"),
        (f"{ACTORS}?after=x", "after"),
        (f"{ACTORS}?colour=red", "colour"),
        ("/api/admin/timers?after=x", "after"),
        ("/api/admin/parked?after=x", "after"),
        ("/api/admin/audit?after=x", "after"),
        (f"{ACTORS}/audit/log/journal?at=0", "at"),
        (f"{ACTORS}/audit/log/journal?at=x", "at"),
        (f"{ACTORS}/audit/log/journal?at=99999999999999999999", "at"),
    ],
)
async def test_what_cannot_be_asked(admin: Program, path: str, field: str) -> None:
    answer = await admin.call("GET", path)
    assert (answer.status, answer.fields) == (400, {field}), answer.body
    assert well_formed(answer.body, 400)


async def test_a_cursor_is_for_its_own_list(site: Site, admin: Program) -> None:
    for _ in range(2):
        await site.program().sells()
    page = await admin.call("GET", f"{ACTORS}?limit=1")
    following = next_page(page)
    assert following is not None
    cursor = following.rpartition("after=")[2]
    for other in (f"{ACTORS}?sort=restarts&", "/api/admin/timers?"):
        answer = await admin.call("GET", f"{other}after={cursor}")
        assert (answer.status, answer.fields) == (400, {"after"})


async def test_an_actor_is_shown_with_what_it_was_before(site: Site, admin: Program) -> None:
    ticket = await site.program().sells(title="Row 7")
    path = f"{ACTORS}/ticket/{ticket['id']}"
    fresh = await shows(admin, path)
    assert (fresh["status"], fresh["isResident"], fresh["before"]) == ("idle", True, None)
    assert (fresh["version"], fresh["state"]["status"]) == (1, "available")
    buyer = site.program()
    order = await buyer.buys(ticket)
    seen = await shows(admin, path)
    assert seen["version"] == seen["state"]["version"] == 2
    assert seen["before"] == fresh["state"]
    assert (seen["state"]["status"], seen["state"]["order_id"]) == ("reserved", order["id"])
    (turn,) = [each for each in seen["turns"] if each["cause"] == "tickets.reserve"]
    assert turn["outcome"] == "done"
    assert turn["commitSeconds"] > 0
    assert "release" in seen["actions"]
    (timer,) = (await shows(admin, f"{ACTORS}/order/{order['id']}"))["timers"]
    assert (timer["name"], timer["message"]) == ("expire", "orders.expire")
    assert timer["dueAt"] == order["expiresAt"]
    timers = await all_pages(admin, "/api/admin/timers?kind=order&limit=100")
    assert order["id"] in {each["key"] for each in timers}
    assert [each["dueAt"] for each in timers] == sorted(each["dueAt"] for each in timers)


async def test_looking_at_sleepers_wakes_none(site: Site, admin: Program) -> None:
    seller, runtime = site.program(), site.gateway.runtime
    asleep = [tickets.ticket(TicketId((await seller.sells())["id"])) for _ in range(20)]
    for ref in asleep:
        runtime.inspector.passivate(ref)
    for ref in asleep:
        seen = await shows(admin, f"{ACTORS}/ticket/{ref.key}")
        assert (seen["status"], seen["isResident"], seen["version"]) == ("asleep", False, 1)
        assert seen["state"]["seller_id"] == seller.user_id
        assert (await shows(admin, f"{ACTORS}/ticket/{ref.key}/journal"))["lines"]
        await shows(admin, f"{ACTORS}/ticket/{ref.key}/journal?at=1")
    for path in ("overview", "actors", "timers", "parked", "partitions", "audit"):
        await shows(admin, f"/api/admin/{path}")
    assert runtime.resident.keys().isdisjoint(asleep)


async def test_a_journal_tells_what_was_then(site: Site, admin: Program) -> None:
    seller = site.program()
    ticket = await seller.sells(title="Then")
    said = {"title": "Now", "price": 30}
    assert (await seller.call("PUT", f"/api/tickets/{ticket['id']}", json=said)).status == 200
    path = f"{ACTORS}/ticket/{ticket['id']}/journal"
    lines = await all_pages(admin, f"{path}?limit=1")
    assert [line["version"] for line in lines] == [1, 2]
    assert {line["by"] for line in lines} == {seller.user_id}
    assert (lines[0]["cause"], lines[0]["data"]["title"]) == ("tickets.list", "Then")
    then = await shows(admin, f"{path}?at=1")
    assert (then["version"], then["state"]["title"]) == (1, "Then")
    assert then["lines"] == lines[:1]
    assert (await shows(admin, f"{path}?at=2"))["state"]["title"] == "Now"
    await shows(admin, f"{path}?at=3", 404)


@pytest.mark.parametrize(
    "actor", [f"ticket/{NO_ID}", "ticket/x", "nobody/x", "hasher/x", f"account/{NO_ID}"]
)
async def test_what_is_not_there_is_not_found(admin: Program, actor: str) -> None:
    await shows(admin, f"{ACTORS}/{actor}", 404)
    await shows(admin, f"{ACTORS}/{actor}/journal", 404)
    for action in ("restart", "passivate", "suspend", "resume", "release"):
        answer = await admin.call("POST", f"{ACTORS}/{actor}/{action}", json={"reason": "x"})
        assert answer.status == 404, answer.body


async def test_who_owns_what(site: Site, admin: Program) -> None:
    owned = await shows(admin, "/api/admin/partitions")
    assert {each["service"]: each["slots"] for each in owned} == dict.fromkeys(
        ("auth", "tickets", "orders", "expiration", "payments"), 256
    )
    assert {each["node"] for each in owned} == {site.gateway.runtime.node_id}


async def test_nothing_secret_and_nothing_personal_is_shown(site: Site, admin: Program) -> None:
    seller = site.program()
    async with await signed_up(site) as browser:
        account = await auth_queries.find(site.gateway.reads, browser.email)
        assert account is not None
        await site.gateway.runtime.ask(auth.account(browser.email), auth.Grant(role="helper"))
        buyer = Program(site, account.user_id, site.token(account.user_id, sessionEpoch=0))
        order, secret = await provider.is_asked(buyer, delivery="Gate 4, code 8F2K")
        ticket = order["ticket"]["id"]
        await seller.sells()
        actors = [
            f"{ACTORS}/account/{account.user_id}",
            f"{ACTORS}/ticket/{ticket}",
            f"{ACTORS}/order/{order['id']}",
            f"{ACTORS}/payment/{order['id']}",
        ]
        paths = [
            "/api/admin/overview",
            f"{ACTORS}?limit=100",
            f"{ACTORS}?kind=account&limit=100",
            "/api/admin/timers?limit=100",
            "/api/admin/parked",
            "/api/admin/audit",
            *actors,
            *(f"{actor}/journal" for actor in actors),
            *(f"{actor}/journal?at=1" for actor in actors),
        ]
        (line,) = await shows(admin, f"{ACTORS}?kind=account&key={account.user_id}")
        assert line["key"] == account.user_id
        for path in paths:
            shown = str(await shows(admin, path))
            for secret_ in ("@", "argon2", "8F2K", "gAAAA", secret, account.password_hash):
                assert secret_ not in shown, path
        seen = await shows(admin, actors[0])
        assert "helper" in seen["state"]["roles"]
