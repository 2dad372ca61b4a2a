"""What `/ws` refuses, whom it lets in, and how sockets end."""

import json
import socket as sockets
from contextlib import suppress

import pytest
from websockets.exceptions import InvalidStatus

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import PUBLIC_URL, Site, bearer, cookie, signed_up
from tests.support.live import opened
from tests.support.wait import until
from web.live import admission, protocol, socket

NOBODY = "01900000-0000-7000-8000-000000000000"


# Who may come in.


@pytest.mark.parametrize(
    ("origin", "credential", "is_let_in"),
    [
        (None, "none", True),
        (None, "bearer", True),
        (None, "cookie", False),
        (PUBLIC_URL, "none", True),
        (PUBLIC_URL, "bearer", True),
        (PUBLIC_URL, "cookie", True),
        ("the host", "cookie", True),
        ("https://evil.example", "none", False),
        ("https://evil.example", "bearer", False),
        ("https://evil.example", "cookie", False),
        ("http://sub.tickets.test", "cookie", False),
        (f"{PUBLIC_URL}.evil.example", "cookie", False),
        (f"{PUBLIC_URL}:8080", "cookie", False),
        ("null", "cookie", False),
        ("", "cookie", False),
    ],
)
async def test_a_page_of_another_site_gets_no_socket(
    site: Site, origin: str | None, credential: str, *, is_let_in: bool
) -> None:
    headers: dict[str, str] = {}
    if credential == "bearer":
        headers = bearer(site.program().token)
    elif credential == "cookie":
        async with await signed_up(site) as browser:
            headers = cookie(browser)
    if origin is not None:
        headers["Origin"] = site.url if origin == "the host" else origin
    if is_let_in:
        async with opened(site.url, additional_headers=headers) as client:
            assert (client.welcome["user"] is None) == (credential == "none")
    else:
        with pytest.raises(InvalidStatus) as refused:
            await opened(site.url, additional_headers=headers).__aenter__()
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body or b"")["code"] == "foreign_origin"


async def test_a_plain_request_is_told_what_this_is(site: Site) -> None:
    answer = await site.call("GET", "/ws")
    assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
    assert answer.body["code"] == "upgrade_required"


async def test_a_token_that_is_not_good_is_told_so(site: Site) -> None:
    async with opened(site.url, additional_headers=bearer("not.a.token")) as client:
        goodbye = await client.op("bye")
        assert (goodbye["code"], goodbye["retry"]) == (4001, False)
        assert await client.closed() == 4001


async def test_a_user_has_ten_sockets_and_an_address_forty(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    person = site.program()
    contexts = [opened(site.url, additional_headers=bearer(person.token)) for _ in range(10)]
    clients = [await each.__aenter__() for each in contexts]
    async with opened(site.url, additional_headers=bearer(person.token)) as eleventh:
        assert await eleventh.closed() == 4009
    async with opened(site.url) as stranger:
        await stranger.say(op="auth", token=person.token)
        assert await stranger.closed() == 4009
    await contexts[0].__aexit__(None, None, None)
    await until(lambda: len(site.gateway.live.sockets) == 9, "one of ten has gone")
    async with opened(site.url, additional_headers=bearer(person.token)) as again:
        await again.sub("tickets")
        others = [opened(site.url) for _ in range(admission.PER_ADDRESS_MAX - 10)]
        strangers = [await each.__aenter__() for each in others]
        async with opened(site.url) as one_too_many:
            assert await one_too_many.closed() == 4009
    for each in (*contexts[1:], *others):
        await each.__aexit__(None, None, None)
    assert len(clients) + len(strangers) == 40


async def test_a_full_process_and_a_crowd_are_asked_to_come_again(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = await start_site()
    monkeypatch.setattr("web.live.updates.SOCKETS_MAX", 0)
    await is_busy(site)
    monkeypatch.undo()
    site.gateway.live.admission._allowance = 0.0
    monkeypatch.setattr(admission, "HANDSHAKES_PER_SECOND", 0)
    await is_busy(site)


async def is_busy(site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await opened(site.url).__aenter__()
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "1"


# What is not understood.


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("", None),
        ("no json", None),
        ("[" * 8_000, None),
        ('{"op":"sub","topics":' + "[" * 8_000, None),
        ('{"op":"ping","x":' + "[" * 8_000, None),
        ("[]", None),
        ("null", None),
        ('{"id":3}', 3),
        ('{"op":"buy","id":4}', 4),
        ('{"op":"sub","id":5}', 5),
        ('{"op":"sub","id":6,"topics":"tickets"}', 6),
        ('{"op":"sub","id":7,"topics":[{"topic":5}]}', 7),
        ('{"op":"sub","id":-1,"topics":[]}', None),
        ('{"op":"auth","id":8}', 8),
        ('{"op":"ping","id":9,"t0":"now"}', 9),
        (b"\x00\x01", None),
    ],
)
async def test_what_is_not_understood_is_said_and_the_socket_stays(
    site: Site, said: str | bytes, number: int | None
) -> None:
    async with opened(site.url) as client:
        await client.connection.send(said)
        refusal = await client.op("err")
        assert (refusal["code"], refusal.get("id")) == ("bad_message", number)
        await client.say(op="ping", id=2, t0=5)
        assert (await client.op("pong"))["id"] == 2


@pytest.mark.parametrize(
    ("topic", "code"),
    [
        ("", "topic_unknown"),
        ("ticket:", "topic_unknown"),
        ("ticket:nope", "topic_unknown"),
        (f"ticket:{NOBODY}:x", "topic_unknown"),
        (f"order:{NOBODY}", "topic_unknown"),
        (f"me:{NOBODY}", "topic_unknown"),
        ("tickets:", "topic_unknown"),
        ("admin:overview", "unauthorized"),
        (f"admin:actor:ticket:{NOBODY}", "unauthorized"),
        ("me", "unauthorized"),
    ],
)
async def test_what_is_no_topic_touches_no_actor(site: Site, topic: str, code: str) -> None:
    known = len(site.gateway.live.topics)
    async with opened(site.url) as client:
        await client.say(op="sub", id=1, topics=[{"topic": topic}, {"topic": "tickets"}])
        refusal = await client.op("err")
        assert (refusal["id"], refusal["topic"]) == (1, topic)
        assert (refusal["code"], refusal["retry"]) == (code, False)
        assert (await client.op("subbed"))["topic"] == "tickets"
    assert len(site.gateway.live.topics) <= known + 1


async def test_a_ticket_that_does_not_exist_is_a_topic_without_items(site: Site) -> None:
    async with opened(site.url) as client:
        subbed = await client.sub(f"ticket:{NOBODY}")
        assert (subbed["mode"], subbed["items"]) == ("snapshot", [])


# Limits.


async def test_a_message_that_is_too_long_ends_the_socket(site: Site) -> None:
    async with opened(site.url) as client:
        await client.connection.send("x" * (protocol.MESSAGE_BYTES_MAX + 1))
        assert await client.closed() == 1009


async def test_a_socket_watches_64_topics(site: Site) -> None:
    names = [f"ticket:01900000-0000-7000-8000-{number:012d}" for number in range(65)]
    async with opened(site.url) as client:
        await client.sub(*names[:64])
        assert len(client.replica.cursors) == 64
        assert (await client.sub(names[64]))["code"] == "topic_limit"
        assert (await client.sub(names[0]))["mode"] == "current"
        await client.say(op="unsub", topics=[names[0], names[64], "nonsense"])
        assert (await client.sub(names[64]))["mode"] == "snapshot"


async def test_who_talks_too_much_is_slowed_down_and_then_hung_up_on(site: Site) -> None:
    async with opened(site.url) as client:
        for _ in range(protocol.MESSAGES_BURST + 5):
            await client.say(op="ping")
        refusal = await client.op("err")
        assert (refusal["code"], refusal["retry"]) == ("rate_limited", True)
        assert 0 < refusal["afterSeconds"] <= 0.1
        for _ in range(300):
            await client.connection.ping()
        assert await client.closed() == 4103


async def test_a_client_that_reads_nothing_is_cut_off_and_the_others_do_not_notice(
    start_site: SiteFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "STUCK_SECONDS", 1.0)
    site = await start_site()
    seller = site.program()
    tickets = [await seller.sells("x" * 200) for _ in range(40)]
    host, port = site.url.removeprefix("http://").split(":")
    with sockets.socket() as deaf:
        deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        await until(lambda: site.gateway.live.sockets, "it is there")
        [stuck] = site.gateway.live.sockets
        topics = [f"ticket:{ticket['id']}" for ticket in tickets]
        async with opened(site.url) as other:
            await other.sub(*topics)
            held = 0
            for number in range(20):
                said = {"op": "sub", "topics": [{"topic": topic} for topic in topics]}
                with suppress(ConnectionError):  # On a slow machine it is cut off already.
                    deaf.sendall(masked(json.dumps(said).encode()))
                price = 30 + number
                changed = await seller.call(
                    "PUT", f"/api/tickets/{tickets[0]['id']}", json={"title": "x", "price": price}
                )
                assert changed.status == 200
                await other.item(tickets[0]["id"], price=price)
                held = max(held, stuck.transport.get_write_buffer_size())
            await until(lambda: len(site.gateway.live.sockets) == 1, "the deaf one is cut off")
            assert held < 512 * 1024
        assert site.gateway.live.metrics.aborted._value.get() == 1


def masked(payload: bytes) -> bytes:
    """A client's text frame."""
    mask = b"\x01\x02\x03\x04"
    body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return b"\x81\xfe" + len(payload).to_bytes(2) + mask + body


# Who it is, in the course of time.


# The end.
