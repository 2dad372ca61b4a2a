"""What administrators watch: the same as by REST, told when it changes, and looked at only then."""

from tests.functional.running_site import Site
from tests.functional.test_live import bearer
from tests.support import wait
from tests.support.live import opened
from ticketing import tickets
from ticketing.values import ADMIN, TicketId


async def test_only_administrators_watch(site: Site) -> None:
    topics = ["admin:overview", "admin:actor:audit:log"]
    async with opened(site.url) as client:
        for topic in topics:
            assert (await client.sub(topic))["code"] == "unauthorized"
    async with opened(site.url, additional_headers=bearer(site.program())) as client:
        for topic in topics:
            assert (await client.sub(topic))["code"] == "forbidden"
        public = f"ticket:{(await site.program().sells())['id']}"
        assert (await client.sub("admin:overview", public))["op"] == "subbed"
    admin = site.program(roles=(ADMIN,))
    async with opened(site.url, additional_headers=bearer(admin)) as client:
        for topic in ("admin:", "admin:actor", "admin:actor:ticket", "admin:actor:ticket:"):
            assert (await client.sub(topic))["code"] == "topic_unknown"
        nobody = await client.sub("admin:actor:nobody:x")
        assert (nobody["mode"], nobody["items"]) == ("snapshot", [])


async def test_who_is_no_administrator_any_more_watches_no_more(site: Site) -> None:
    admin = site.program(roles=(ADMIN,))
    async with opened(site.url, additional_headers=bearer(admin)) as client:
        assert (await client.sub("admin:overview"))["op"] == "subbed"
        await client.say(op="auth", token=site.token(admin.user_id))
        gone = await client.op("gone")
        assert (gone["topic"], gone["code"], gone["retry"]) == (
            "admin:overview",
            "forbidden",
            False,
        )


async def test_the_overview_comes_again_and_again(site: Site) -> None:
    admin = site.program(roles=(ADMIN,))
    async with opened(site.url, additional_headers=bearer(admin)) as client:
        (first,) = (await client.sub("admin:overview"))["items"]
        assert first["kind"] == "overview"
        (second,) = (await client.op("upd"))["items"]
        assert second["version"] > first["version"]
        assert second["overview"]["gateway"]["sockets"] >= 1
        assert second["overview"]["turns"] >= first["overview"]["turns"]


async def test_an_actor_is_watched_and_nothing_runs_when_nobody_does(site: Site) -> None:
    admin, ticket = site.program(roles=(ADMIN,)), await site.program().sells(delivery="8F2K")
    ref, looks = tickets.ticket(TicketId(ticket["id"])), site.gateway.live.looks
    site.gateway.runtime.inspector.passivate(ref)
    topic = f"admin:actor:ticket:{ticket['id']}"
    async with opened(site.url, additional_headers=bearer(admin)) as client:
        (item,) = (await client.sub(topic))["items"]
        assert (item["kind"], item["id"]) == ("actor", f"ticket/{ticket['id']}")
        assert item["actor"]["status"] == "asleep"
        await wait.until(lambda: len(looks) == 1, "nobody looks at anything else")
        order = await site.program().buys(ticket)

        while item["actor"]["version"] != 2:
            item = (await client.op("upd"))["items"][-1]
        assert item["actor"]["state"]["order_id"] == order["id"]
        assert "8F2K" not in str(client.received)
        await client.say(op="unsub", topics=[topic])
        await wait.until(lambda: not len(looks), "nobody looks any more")
        await site.program().call("GET", f"/api/tickets/{ticket['id']}")
        again = await client.sub(topic)
        assert again["op"] == "subbed"
