"""Whatever comes over a live socket: it is answered or hung up on, and nobody else notices.

Frames are written by hand, so that they may be what no client's library would send.
"""

import asyncio
import json
import os
import struct
import zlib
from collections.abc import Iterator
from random import Random
from urllib.parse import urlsplit

import pytest

from tests.functional.running_site import Site
from tests.support.live import opened

SOCKETS = int(os.environ.get("TICKETING_FUZZ_SOCKETS", "40"))
AT_ONCE = 40
FRAMES = 25

UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

# RFC 6455 and docs/live.md; 1006 is no frame's.
CODES = {1000, 1002, 1003, 1007, 1008, 1009, 1011, 4001, 4003, 4009, 4103}

WORDS = (
    {"op": "sub", "id": 1, "topics": [{"topic": "tickets"}]},
    {"op": "sub", "id": 2, "topics": [{"topic": "me", "since": "5f.1-0"}]},
    {"op": "unsub", "topics": ["tickets"]},
    {"op": "ping", "id": 3, "t0": 5},
    {"op": "auth", "id": 4, "token": "a.b.c"},
)

ODD = (None, True, -1, 2**63, 1e308, "", "\u0000", "x" * 300, [], {}, [[]], {"topic": None})

# A code beyond is the client's own, sent back to it.
OURS_MAX = 5000


def mutated(dice: Random) -> bytes:
    """Something like a message."""
    said = dict(dice.choice(WORDS))
    for _ in range(dice.randrange(3)):
        said[dice.choice(("op", "id", "topics", "since", "t0", "token", "\u2603"))] = dice.choice(
            ODD
        )
    text = bytearray(json.dumps(said).encode())
    for _ in range(dice.choice((0, 0, 1, 5))):
        text[dice.randrange(len(text))] = dice.randrange(256)
    return bytes(text)


def frame(dice: Random, payload: bytes) -> bytes:
    """*payload* in a frame that is mostly as it should be."""
    is_sound = dice.random() < 0.7
    opcode = TEXT if is_sound else dice.choice((0, TEXT, BINARY, 3, CLOSE, PING, PONG, 15))
    final = 0x80 if is_sound or dice.random() < 0.5 else 0
    reserved = 0 if is_sound or dice.random() < 0.7 else dice.choice((0x40, 0x20, 0x10))
    masked = 0x80 if is_sound or dice.random() < 0.8 else 0
    said = len(payload)
    if not is_sound and dice.random() < 0.1:
        said = dice.choice((0, 2**16, 2**31, 2**63 - 1))
    if said < 126:
        length = bytes([masked | said])
    elif said < 2**16:
        length = bytes([masked | 126]) + struct.pack("!H", said)
    else:
        length = bytes([masked | 127]) + struct.pack("!Q", said)
    mask = dice.randbytes(4) if masked else b""
    body = bytes(each ^ mask[n % 4] for n, each in enumerate(payload)) if masked else payload
    return bytes([final | reserved | opcode]) + length + mask + body


def codes(answers: bytes) -> Iterator[int]:
    """Those of the close frames in what a server has sent; it masks nothing."""
    at = 0
    while at + 2 <= len(answers):
        opcode, size = answers[at] & 0x0F, answers[at + 1]
        at += 2
        if size == 126:
            (size,) = struct.unpack_from("!H", answers, at)
            at += 2
        elif size == 127:
            (size,) = struct.unpack_from("!Q", answers, at)
            at += 8
        if opcode == CLOSE and size >= 2:
            yield struct.unpack_from("!H", answers, at)[0]
        at += size


async def upgrades(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str | None
) -> None:
    writer.write(UPGRADE.format(host=host).encode())
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")


async def talks_nonsense(site: Site, seed: int) -> list[int]:
    """How a socket on which anything was said ended; nothing if it was we who left."""
    dice = Random(seed)  # noqa: S311 - reproducible is what it has to be
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        await upgrades(reader, writer, address.netloc)
        for _ in range(FRAMES):
            writer.write(frame(dice, mutated(dice)))
        writer.write(bytes([0x80 | CLOSE, 0x82, 0, 0, 0, 0]) + struct.pack("!H", 1000))
        writer.write_eof()
        return list(codes(await reader.read()))
    except ConnectionError:
        return []
    finally:
        writer.close()


async def test_nonsense_ends_its_own_socket_at_most(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    seller = site.program()
    ticket = await seller.sells()
    topics = len(site.gateway.live.topics)
    async with opened(site.url) as bystander:
        await bystander.sub(f"ticket:{ticket['id']}")
        ends = []
        for first in range(0, SOCKETS, AT_ONCE):
            some = range(first, min(first + AT_ONCE, SOCKETS))
            ends += await asyncio.gather(*(talks_nonsense(site, seed) for seed in some))
        said = {code for end in ends for code in end if code < OURS_MAX}
        assert said <= CODES
        assert len(said) > 1, "some were hung up on"
        await seller.call("DELETE", f"/api/tickets/{ticket['id']}")
        update = await bystander.op("upd")
        assert update["items"][0]["status"] == "withdrawn"
    assert len(site.gateway.live.topics) <= topics + 2, "there are but two that exist"
    assert not [record for record in caplog.records if record.exc_info], "nothing was raised"


def masked(first: int, payload: bytes) -> bytes:
    """A frame whose first byte is *first*; masked with nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([first]) + length + bytes(4) + payload


BOMB = zlib.compress(b" " * 10_000_000)
FIN, COMPRESSED = 0x80, 0x40

NASTY = {
    "half a character": (masked(FIN | TEXT, b"\xe2\x98"), 1007),
    "a bomb in deflate, which was not agreed on": (masked(FIN | COMPRESSED | TEXT, BOMB), 1002),
    "fragments without an end": (masked(TEXT, b"x") + masked(0, b"x" * 1_000) * 9, 1009),
    "a length beyond any": (b"\x81\xff" + struct.pack("!Q", 2**63 - 1) + bytes(4), 1009),
    "more of what did not begin": (masked(FIN, b"x"), 1002),
    "a beginning within another": (masked(TEXT, b"x") + masked(FIN | TEXT, b"x"), 1002),
    "half a ping": (masked(PING, b""), 1002),
    "a ping that is too long": (masked(FIN | PING, b"x" * 126), 1002),
    "half a code": (masked(FIN | CLOSE, b"x"), 1002),
    "a code that nobody sends": (masked(FIN | CLOSE, struct.pack("!H", 1005)), 1002),
    "a flood of pings": (masked(FIN | PING, b"") * 400, 4103),
    "a flood of subscriptions": (
        b"".join(
            masked(FIN | TEXT, b'{"op":"sub","topics":[{"topic":"ticket:%d"}]}' % number)
            for number in range(400)
        ),
        4103,
    ),
}


@pytest.mark.parametrize("what", NASTY)
async def test_what_is_meant_to_hurt_ends_with_the_code_for_it(site: Site, what: str) -> None:
    said, code = NASTY[what]
    topics = len(site.gateway.live.topics)
    address = urlsplit(site.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        await upgrades(reader, writer, address.netloc)
        writer.write(said)
        writer.write_eof()
        assert list(codes(await reader.read()))[:1] == [code]
    finally:
        writer.close()
    assert len(site.gateway.live.topics) <= topics
