"""What administrators watch: the same as by REST, looked at while somebody does."""

from functools import partial
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from actors import Clock, NotFoundError, Ref
from actors.seen import ActorLooked
from web.admin.desk import Desk
from web.live.looks import Look
from web.live.names import Kind, Name
from web.schemas.actors import ActorView

__all__ = ["Watching"]

_encode: Final = msgspec.json.Encoder().encode


# What is in memory is looked at each time. The rest changes with it, but for what others do: it is
# asked of the database this seldom, because who watches must not cost those who buy.
ASKED_SECONDS: Final = 2.0
GLANCES_MAX: Final = 1_000


class _Glance(NamedTuple):
    """How an actor looked, and what was told of it."""

    until: float
    """On the monotonic clock."""
    substance: ActorLooked
    told: Look


class Watching:
    """Looks for those who watch."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock
        self._glances: dict[Ref, _Glance] = {}

    async def look(self, name: Name) -> Look | None:
        """What the topic *name* shows now; None: there is no such actor."""
        if name.kind is Kind.OVERVIEW:
            seen = _encode(await self._desk.overview())
            return Look("overview", seen, partial(_body, "overview", "overview", seen))
        kind, _, key = name.key.partition(":")
        try:
            return await self._actor(f"{kind}/{key}", await self._desk.find(kind, key))
        except NotFoundError:
            return None

    async def _actor(self, item_id: str, ref: Ref) -> Look:
        node, looked = await self._desk.nodes.actor(ref)
        now, substance = self._clock.monotonic(), looked.substance
        last = self._glances.get(ref)
        if last is not None and last.substance == substance and now < last.until:
            return last.told
        actor = await self._desk.told(ref, node, looked)
        told = Look(item_id, _substance(actor), partial(_body, "actor", item_id, _encode(actor)))
        if len(self._glances) >= GLANCES_MAX:
            self._glances.clear()
        self._glances[ref] = _Glance(now + ASKED_SECONDS, substance, told)
        return told


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
