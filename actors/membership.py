"""This node among the others: alive by its heartbeats, and owner of its share of the partitions.

Nobody leads and nobody votes. Every node looks at the same tables, computes who should own what,
takes over what the dead owned if that is its own share, and hands over what is somebody else's.
When two disagree for a moment, the rows decide.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
import structlog

from actors.clock import SystemClock
from actors.delivery import Delivery
from actors.errors import UnavailableError
from actors.lease import Timing
from actors.link import Link
from actors.node import Node
from actors.remote import Reception
from actors.rendezvous import wanted
from actors.routes import Routes
from actors.store import Member, Members, Owner

__all__ = ["Membership"]

log = structlog.get_logger("actors.membership")

# How often a node looks at the others; a heartbeat may be more seldom.
LOOK_SECONDS_MAX: Final = 0.5

# What runs in a partition may take so long to end before it moves all the same. The turn that has
# not ended is not kept, and whoever asked asks again.
HAND_OVER_SECONDS: Final = 3.0
LOOK_AGAIN_SECONDS: Final = 0.005

ANNOUNCE: Final = "announce"

_pack: Final = msgspec.msgpack.Encoder().encode
_unpack_owners: Final = msgspec.msgpack.Decoder(dict[int, Owner]).decode


class Membership:
    """The life of a node.

    *on_dead* is called when others have declared it dead, *on_missed* when changes may have been
    committed that nobody told.
    """

    def __init__(
        self,
        node: Node,
        delivery: Delivery,
        routes: Routes,
        *,
        services: Sequence[str],
        timing: Timing,
        link: Link | None,
        on_dead: Callable[[], None],
        on_missed: Callable[[], None],
    ) -> None:
        self._node = node
        self._delivery = delivery
        self._routes = routes
        self._services = services
        self._partitions = node.placement.partitions(services)
        self._timing = timing
        self._link = link
        self._on_dead = on_dead
        self._on_missed = on_missed
        self._is_dead = False
        self._is_leaving = False
        self._has_settled = False
        self._beat_at = node.clock.monotonic()
        self._buries_at = float("-inf")
        self._incarnation: str | None = None
        self._others: frozenset[str] = frozenset()
        self._computed_for: tuple[Member, ...] = ()
        self._computed: Mapping[int, str] = {}
        self._wake = asyncio.Event()
        self._looking = asyncio.Lock()

    # Joining and leaving ---------------------------------------------------------------------

    async def join(self) -> None:
        """Become a node, and be there for the others."""
        await self._node.store.join(self._services)
        await self.beat()
        if self._link is not None:
            reception = Reception(
                self._node.placement, self._node.clock, self._delivery.here, self._wake.set
            )
            await self._delivery.open(self._link, reception)
            await self._link.listen(ANNOUNCE, self._heard)
            self._link.when_back(self._wake.set)

    async def settle(self) -> None:
        """Own a share of the partitions; waits for the leases of the dead."""
        while not self._is_dead and not await self.look():
            await self._node.clock.sleep(self._look_seconds)
        self._has_settled = True

    async def leave(self) -> None:
        """End the lease: whoever comes next need not wait for it."""
        await self._node.store.leave()

    async def hand_over_all(self) -> None:
        """Give all partitions to the others, as far as there are any who run their services."""
        if self._link is None or self._is_dead:
            return
        self._is_leaving = True
        await self._node.store.drain()
        await self.look()

    # Heartbeats ------------------------------------------------------------------------------

    async def beat(self) -> None:
        """Renew the lease."""
        clock = self._node.clock
        sent, sent_at = clock.now(), clock.monotonic()
        beat = await self._node.store.heartbeat()
        if beat is None:
            self._is_dead = True
            log.critical("node.dead", why="another node declared this one dead")
            self._on_dead()
            return
        self._node.lease.renewed(sent_at)
        if sent_at - self._beat_at > self._timing.lease / 2:
            # Nobody could renew a lease, it seems; so nobody is dead who has not after us, either.
            self._buries_at = clock.monotonic() + self._timing.lease
        self._beat_at = sent_at
        if isinstance(clock, SystemClock):
            clock.correct(beat.now, asked_at=sent)
        if self._incarnation not in (None, beat.incarnation):
            self._forget_all()
        self._incarnation = beat.incarnation

    def _forget_all(self) -> None:
        """The database was restarted, or another has taken its place: who knows what it lost."""
        log.warning("database.changed", why="all actors are read anew")
        self._delivery.doubt()
        self._on_missed()

    async def heartbeats(self) -> None:
        """Renew the lease again and again, until cancelled or dead."""
        while not self._is_dead:
            await self._node.clock.sleep(self._timing.heartbeat)
            try:
                await self.beat()
            except UnavailableError as error:
                log.warning("heartbeat.failed", why=str(error))

    # Ownership -------------------------------------------------------------------------------

    @property
    def _look_seconds(self) -> float:
        return min(self._timing.heartbeat, LOOK_SECONDS_MAX)

    async def run(self) -> None:
        """Look at the others, and act on what is seen, until cancelled or dead."""
        while not self._is_dead and not self._is_leaving:
            try:
                async with asyncio.timeout(self._look_seconds):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.look()
            except UnavailableError as error:
                log.warning("members.unknown", why=str(error))

    async def look(self) -> bool:
        """Look once, and act; whether every partition of our services has somebody alive."""
        async with self._looking:  # Two at a time would hand over the same, and one learn of it.
            return await self._look()

    async def _look(self) -> bool:
        for dead in await self._bury():
            log.warning("node.buried", node=dead)
            self._delivery.gone(dead)
            self._on_missed()
        members = await self._node.store.members()
        self._note(members)
        me, mine = self._node.store.node, self._node.placement.epochs
        share = self._share(members.nodes)
        alive = {member.id for member in members.nodes}
        free = {
            each for each in self._partitions
            if each not in members.owners or members.owners[each].node not in alive
        }  # fmt: skip
        await self._take([each for each in free if share.get(each) == me])
        # Of what is leaving still nobody knows whether it has: that is asked for again, be it to
        # stay here.
        leaving = {each: share.get(each, me) for each in self._node.placement.leaving}
        elsewhere = {each: share[each] for each in mine if share.get(each, me) != me}
        await self._hand_over(leaving | elsewhere)
        if self._link is None:
            return mine.keys() >= set(self._partitions)
        return free <= mine.keys()

    async def _bury(self) -> Sequence[str]:
        """Declare dead whose lease has ended, unless it ended because the store was away."""
        if self._node.clock.monotonic() < self._buries_at:
            return ()
        return await self._node.store.bury()

    def _share(self, nodes: tuple[Member, ...]) -> Mapping[int, str]:
        """Who should own what; without a line to the others it is all ours."""
        if self._link is None:
            return dict.fromkeys(self._partitions, self._node.store.node)
        if nodes != self._computed_for:
            self._computed_for = nodes
            self._computed = wanted(self._partitions, self._node.placement.service, nodes)
        return self._computed

    def _note(self, members: Members) -> None:
        """What the table says is so: also that something is ours, or is not any more."""
        self._routes.learn(members.owners)
        self._correct(members.owners)
        others = frozenset(each.id for each in members.nodes) - {self._node.store.node}
        for gone in sorted(self._others - others):  # Whoever waits is told in a stated order.
            self._delivery.gone(gone)
            self._on_missed()
        self._others = others

    def _correct(self, partitions: Iterable[int]) -> None:
        """Act on what is known of *partitions*; an older word than that has not been learnt."""
        me, epochs = self._node.store.node, self._node.placement.epochs
        known = {each: owner for each in partitions if (owner := self._routes.owner(each))}
        self._lose({
            each for each, owner in known.items() if owner != (me, epochs.get(each, owner.epoch))
        } & epochs.keys())  # fmt: skip
        self._gain({
            each: owner.epoch for each, owner in known.items()
            if owner.node == me and each not in epochs
            and each not in self._node.placement.leaving
        })  # fmt: skip

    async def _take(self, partitions: Sequence[int]) -> None:
        """Take over what nobody alive owns."""
        if not partitions or self._is_leaving:
            return
        taken = await self._node.store.take(partitions)
        if taken:
            log.info("partitions.taken", partitions=len(taken))
            self._on_missed()  # Also what was committed after its node had been declared dead.
            self._announce({each: Owner(self._node.store.node, taken[each]) for each in taken})

    async def _hand_over(self, moves: Mapping[int, str]) -> None:
        """Give partitions to others: finish what runs, transfer the rows, say so.

        From before the transfer is asked for nothing is known of them here: they may be others' as
        soon as it is under way, and when its answer is lost nobody can tell. Then they go on
        leaving until it has been asked for again, which waits for what is under way.
        """
        if not moves:
            return
        placement = self._node.placement
        placement.leaving.update(moves)
        await self._finish(moves)
        self._lose(moves.keys() & placement.epochs.keys())
        given = await self._node.store.hand_over(moves)
        log.info("partitions.given", partitions=len(given))
        self._announce({each: Owner(moves[each], epoch) for each, epoch in given.items()})
        if given.keys() != moves.keys():
            self._note(await self._node.store.members())
        placement.leaving.difference_update(moves)
        self._correct(moves)  # Something may stay after all.

    async def _finish(self, partitions: Mapping[int, str]) -> None:
        """Wait until nothing runs in *partitions*, or it has taken too long."""
        until = self._node.clock.monotonic() + HAND_OVER_SECONDS
        while self._delivery.is_busy(partitions) and self._node.clock.monotonic() < until:
            await self._node.clock.sleep(LOOK_AGAIN_SECONDS)

    def _announce(self, owners: Mapping[int, Owner]) -> None:
        """Partitions have moved: act on it here, and tell everybody."""
        self._routes.learn(owners)
        self._correct(owners)
        if self._link is not None:
            self._link.cast(ANNOUNCE, _pack(dict(owners)))

    def _heard(self, body: bytes) -> None:
        """Another node says that partitions have moved."""
        owners = _unpack_owners(body)
        self._routes.learn(owners)
        self._correct(owners)

    def _gain(self, epochs: Mapping[int, int]) -> None:
        if not epochs:
            return
        self._node.placement.epochs.update(epochs)
        if self._has_settled:  # Until then nobody is ready for what is due.
            self._node.tasks.start(self._load(), "timers of new partitions")

    async def _load(self) -> None:
        try:
            await self._node.timers.load_anew()
        except UnavailableError as error:  # The sweep finds them once they are due.
            log.warning("timers.not_loaded", why=str(error))

    def _lose(self, partitions: Collection[int]) -> None:
        if not partitions:
            return
        for each in partitions:
            del self._node.placement.epochs[each]
        self._delivery.lose(partitions)
