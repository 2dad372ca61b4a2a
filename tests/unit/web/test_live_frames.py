"""Our frames, read by aiohttp's parser and by that of `websockets`."""

import asyncio
from typing import Any

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader
from aiohttp.base_protocol import BaseProtocol
from websockets.frames import Opcode
from websockets.protocol import OPEN, Protocol, Side

from web.live import frames

# Around the lengths at which a frame's head grows.
LENGTHS = (0, 1, 125, 126, 127, 65_535, 65_536, 200_000)


async def read_by_aiohttp(data: bytes) -> tuple[int, Any, Any]:
    loop = asyncio.get_running_loop()
    queue = WebSocketDataQueue(BaseProtocol(loop), 2**22, loop=loop)
    reader = WebSocketReader(queue, 0, False, True)  # noqa: FBT003
    has_failed, _ = reader.feed_data(data)
    assert not has_failed
    message = await queue.read()
    return message.type, message.data, message.extra


def read_by_websockets(data: bytes) -> Any:
    client = Protocol(Side.CLIENT, state=OPEN, max_size=None)
    client.receive_data(data)
    [event] = client.events_received()
    return event


@pytest.mark.parametrize("length", LENGTHS)
async def test_a_text_is_read_by_others_as_it_was_meant(length: int) -> None:
    text = ("é" * (length // 2) + "x" * (length % 2)).encode()
    frame = frames.text(text)
    kind, data, _ = await read_by_aiohttp(frame)
    assert kind == WSMsgType.TEXT
    assert data == text.decode()
    event = read_by_websockets(frame)
    assert (event.opcode, event.fin, bytes(event.data)) == (Opcode.TEXT, True, text)


async def test_frames_in_one_write_are_messages_of_their_own() -> None:
    joined = frames.text(b"one") + frames.text(b"x" * 70_000) + frames.text(b"")
    client = Protocol(Side.CLIENT, state=OPEN, max_size=None)
    client.receive_data(joined)
    assert [len(event.data) for event in client.events_received()] == [3, 70_000, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize("reason", ["", "signed out", "r" * 500])
async def test_a_close_is_read_by_others_as_it_was_meant(reason: str) -> None:
    frame = frames.close(4010, reason)
    kept = reason[: frames.CLOSE_REASON_BYTES_MAX]
    assert await read_by_aiohttp(frame) == (WSMsgType.CLOSE, 4010, kept)
    assert bytes(read_by_websockets(frame).data) == b"\x0f\xaa" + kept.encode()


async def test_a_pong_says_what_the_ping_said() -> None:
    frame = frames.pong(b"hello")
    kind, data, _ = await read_by_aiohttp(frame)
    assert (kind, bytes(data)) == (WSMsgType.PONG, b"hello")
    event = read_by_websockets(frame)
    assert (event.opcode, bytes(event.data)) == (Opcode.PONG, b"hello")
