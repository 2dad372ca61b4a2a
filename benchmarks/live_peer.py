"""The peer of (j): live updates as they are usually built with aiohttp.

The same requests, the same items and the same protocol; every socket is told every change by an
`await ws.send_str(...)` of its own. Each change is encoded once, and nothing is compressed. Its
tickets are in memory and nothing is committed, so all of its time goes into the updates.

    python -m benchmarks.live_peer
"""

import asyncio
import gc
import json
import resource
import sys
from collections import defaultdict
from typing import Any

from aiohttp import web

from ticketing import event_loop

TOPICS: dict[str, set[web.WebSocketResponse]] = defaultdict(set)
TICKETS: dict[str, dict[str, Any]] = {}
OF_EVENT: dict[str, str] = {}
CHANGES: dict[str, int] = defaultdict(int)


async def offer(request: web.Request) -> web.Response:
    """Take over the tickets of ours, so that items are the same."""
    for ticket in await request.json():
        TICKETS[ticket["id"]] = {"kind": "ticket", **ticket}
        OF_EVENT[ticket["id"]] = f"event:{ticket['event']['id']}"
    return web.json_response({})


async def change(request: web.Request) -> web.Response:
    said = await request.json()
    ticket = TICKETS[request.match_info["id"]]
    ticket["title"] = said["title"]
    ticket["version"] += 1
    topic = OF_EVENT[ticket["id"]]
    before, CHANGES[topic] = CHANGES[topic], CHANGES[topic] + 1
    text = json.dumps(
        {"op": "upd", "topic": topic, "prev": str(before), "cursor": str(before + 1),
         "items": [ticket]}, separators=(",", ":"),
    )  # fmt: skip
    answer = web.json_response({"version": ticket["version"]})
    for socket in tuple(TOPICS[topic]):
        await socket.send_str(text)
    return answer


async def live(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        for wanted in message.json()["topics"]:
            topic = wanted["topic"]
            items = [TICKETS[key] for key, of in OF_EVENT.items() if of == topic]
            cursor = str(CHANGES[topic])
            TOPICS[topic].add(socket)
            await socket.send_str(
                json.dumps({"op": "subbed", "topic": topic, "cursor": cursor, "items": items})
            )
    for sockets in TOPICS.values():
        sockets.discard(socket)
    return socket


async def main() -> None:
    app = web.Application(client_max_size=2**24)
    app.add_routes([
        web.post("/offer", offer), web.put("/api/tickets/{id}", change), web.get("/ws", live),
    ])  # fmt: skip
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    port = runner.addresses[0][1]
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    event_loop.run(main())
