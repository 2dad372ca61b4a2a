"""Where what is sent goes: into a mailbox of this node, or over the line to the one that owns it.

An ask is tried until somebody has answered or its time is up. A try that certainly reached nobody
costs a look at the routes and a moment's pause; one of which nobody knows is repeated under the
same ask id, so that what was done is not done again. Durable messages need none of that: they are
in the inbox, and the line only says so to their owner.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
import structlog
from msgspec.structs import replace

from actors.directory import Directory
from actors.errors import (
    ActorError,
    ExpiredError,
    MovedError,
    OverloadedError,
    UnavailableError,
)
from actors.link import Link, UnansweredError, UndeliveredError
from actors.mailbox import AskId, Envelope
from actors.message import decode_message
from actors.node import Node
from actors.pool import WorkerPool
from actors.remote import Reception, ask_there, subject
from actors.replies import Replies
from actors.routes import Routes
from actors.store import InboxRow, Owner

__all__ = ["Delivery"]

log = structlog.get_logger("actors.delivery")

# How long a node may take for an answer before it is asked again; then twice as long, and so on.
# What takes longer is not done twice, because the ask keeps its id.
TRY_SECONDS: Final = 1.0

# Between two tries: enough for a partition that moves, and not everybody at one moment.
PAUSE_SECONDS: Final = (0.01, 0.05)
PAUSE_SECONDS_MAX: Final = 0.2

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_row: Final = msgspec.msgpack.Decoder(InboxRow).decode


class Delivery:
    """Brings envelopes and rows to where they belong. Without a *link* that is always here."""

    def __init__(
        self,
        node: Node,
        directory: Directory,
        pools: Mapping[str, WorkerPool],
        *,
        routes: Routes,
        link: Link | None,
    ) -> None:
        self.is_draining = False
        """Whether durable messages are left to the next process."""
        self.replies = Replies(node.clock)
        self._node = node
        self._directory = directory
        self._pools = pools
        self._routes = routes
        self._link = link
        self._parks = {kind: pool.worker.parks for kind, pool in pools.items()}
        self._parks |= {kind: actor.parks for kind, actor in directory.actors.items()}

    # Asks ------------------------------------------------------------------------------------

    async def ask(self, envelope: Envelope, *, fresh: bool = False, inside: bool = False) -> Any:
        """The reply to *envelope*; *inside* a turn that runs here, which must be let end.

        Raises:
            RefusalError: what the actor decided.
            ActorError: the machinery failed.

        """
        if self._link is None:
            return await self.here(envelope, fresh=fresh)
        placement = self._node.placement
        partition = placement.partition(envelope.ref)
        tried = unknown = 0
        while envelope.deadline > self._node.clock.monotonic():
            owner = self._other(partition)
            try:
                if placement.accepts(partition) or (inside and partition in placement.epochs):
                    return await self.here(envelope, fresh=fresh and not unknown)
                if owner is not None:
                    return await self._there(
                        self._link, owner, partition, envelope, fresh=fresh, tried=unknown
                    )
            except (MovedError, UndeliveredError):
                pass
            except UnansweredError:
                unknown += 1
            except ActorError as error:
                if unknown:  # This try did nothing; an earlier one may have.
                    error.executed = "maybe"
                raise
            tried += 1
            await self._pause(self._link, tried)
        if unknown:
            raise ExpiredError("Its node did not answer in time")
        raise UnavailableError(f"Nobody was there to answer for {envelope.ref.kind}")

    async def here(self, envelope: Envelope, *, fresh: bool = False) -> Any:
        """Have *envelope* answered by this node."""
        envelope.reply = reply = asyncio.get_running_loop().create_future()
        try:
            self._put(envelope, fresh=fresh)
        except OverloadedError:
            self._node.telemetry.refused.labels(kind=envelope.ref.kind).inc()
            raise
        try:
            return await self.replies.wait(reply, envelope.deadline)
        finally:
            del reply, envelope  # A reply that is an error would lead back to this very frame.

    def _other(self, partition: int) -> Owner | None:
        owner = self._routes.owner(partition)
        return None if owner is None or owner.node == self._node.store.node else owner

    async def _there(
        self,
        link: Link,
        owner: Owner,
        partition: int,
        envelope: Envelope,
        *,
        fresh: bool,
        tried: int,
    ) -> Any:
        """Ask *owner*; *tried* so often before that nobody knows whether it was done."""
        if envelope.ask_id is None:
            envelope.ask_id = AskId(self._node.ids.new(), "", is_own=True, is_first=True)
        elif tried:
            envelope.ask_id = envelope.ask_id._replace(is_first=False)
        left = envelope.deadline - self._node.clock.monotonic()
        # What a worker does is not worth doing twice at a time; its node's end is noticed.
        is_quick = envelope.ref.kind not in self._pools
        seconds = min(left, TRY_SECONDS * 2**tried) if is_quick else left
        return await ask_there(
            link,
            owner,
            partition,
            envelope,
            seconds=seconds,
            now=self._node.clock.now(),
            fresh=fresh and not tried,
        )

    async def _pause(self, link: Link, tried: int) -> None:
        """Wait a moment, the longer the more often; and look where it is, if it can be reached."""
        if tried > 1:
            least, most = PAUSE_SECONDS
            longest = min(most * tried / 2, PAUSE_SECONDS_MAX)
            await self._node.clock.sleep(self._node.ids.dice.uniform(least, longest))
        if link.is_up:
            await self._routes.refresh()

    # Durable messages ------------------------------------------------------------------------

    def deliver(self, row: InboxRow) -> None:
        """A durable message is due: put it where it belongs."""
        if self.is_draining or row.kind not in self._parks:
            return  # It waits in the inbox for the next process, or for a newer release.
        if not self._node.placement.accepts(row.partition):
            self._node.timers.finished(row)  # And here for whoever owns it by now.
            return
        try:
            message = decode_message(row.message, row.body)
        except (LookupError, ValueError) as error:
            self._node.tasks.start(
                self._node.set_aside(row, error, parks=self._parks[row.kind]),
                f"set aside {row.message}",
            )
            return
        self._put(Envelope(row.ref, message, by=row.by, row=row))

    def ring(self, row: InboxRow) -> None:
        """*row* is in the inbox of a partition of somebody else's: tell them, if they are known.

        A bell that is not heard costs a second: everybody looks for what is due that often.
        """
        owner = self._routes.owner(row.partition)
        if self._link is not None and owner is not None:
            self._link.cast(bell(owner.node), _pack(row))

    def rung(self, body: bytes) -> None:
        """Another node has put a message into the inbox for us."""
        row = replace(_unpack_row(body), found=False)
        if self._node.placement.accepts(row.partition):
            self._node.timers.found(row)

    # Both ------------------------------------------------------------------------------------

    def _put(self, envelope: Envelope, *, fresh: bool = False) -> None:
        pool = self._pools.get(envelope.ref.kind)
        if pool is not None:
            pool.put(envelope)
        else:
            self._directory.put(envelope, fresh=fresh)

    async def open(self, link: Link, reception: Reception) -> None:
        """Be there for other nodes."""
        await link.answer(subject(self._node.store.node), reception.answer)
        await link.listen(bell(self._node.store.node), self.rung)

    def lose(self, partitions: Collection[int]) -> None:
        """*partitions* are somebody else's: what is in memory of them goes."""
        of = self._node.placement.partition
        self._node.timers.lose(lambda row: row.partition in partitions)
        self._directory.lose(lambda ref: of(ref) in partitions)

    def doubt(self) -> None:
        """What is in memory may not be what the store says."""
        self._directory.doubt()

    def is_busy(self, partitions: Collection[int]) -> bool:
        """Whether anything of *partitions* is being done."""
        return self._directory.is_busy(partitions) or any(
            pool.is_busy(partitions) for pool in self._pools.values()
        )

    def gone(self, node: str) -> None:
        """*node* has ended: nobody waits for its answers any more."""
        if self._link is not None:
            self._link.give_up(subject(node))


def bell(node: str) -> str:
    """Where *node* is told of durable messages."""
    return f"bell.{node}"
