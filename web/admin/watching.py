"""What administrators watch: the same as by REST, looked at while somebody does."""

from functools import partial
from typing import Final

import msgspec
from msgspec.structs import replace

from actors import NotFoundError
from web.admin.desk import Desk
from web.live.looks import Look
from web.live.names import Kind, Name
from web.schemas.actors import ActorView

__all__ = ["Watching"]

_encode: Final = msgspec.json.Encoder().encode


class Watching:
    """Looks for those who watch."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self, name: Name) -> Look | None:
        """What the topic *name* shows now; None: there is no such actor."""
        if name.kind is Kind.OVERVIEW:
            seen = _encode(await self._desk.overview())
            return Look("overview", seen, partial(_body, "overview", "overview", seen))
        kind, _, key = name.key.partition(":")
        try:
            actor = await self._desk.actor(await self._desk.find(kind, key))
        except NotFoundError:
            return None
        item_id = f"{kind}/{key}"
        return Look(item_id, _substance(actor), partial(_body, "actor", item_id, _encode(actor)))


def _body(kind: str, item_id: str, seen: bytes, version: int) -> bytes:
    return b'{"kind":"%b","id":%b,"version":%d,"%b":%b}' % (
        kind.encode(), _encode(item_id), version, kind.encode(), seen,
    )  # fmt: skip


def _substance(actor: ActorView) -> bytes:
    """*actor* without what only says how long something has been so."""
    running = actor.running
    return _encode(
        replace(
            actor,
            at="",
            idle_seconds=0.0,
            running=None if running is None else replace(running, seconds=0.0),
            messages=[replace(message, waits_seconds=None) for message in actor.messages],
        )
    )
