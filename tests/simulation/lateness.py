"""Looks whether anything that is due waits for long although its owner is well."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from actors import Ref
from actors.store import InboxRow
from ticketing import bootstrap
from ticketing.expiration.messages import SWEEPER
from ticketing.payments import messages as payments
from ticketing.tickets.state import TicketStatus

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Lateness", "goes_round"]

# What something due may be late while its owner is well: a few failed commits and pauses.
GRACE: Final = timedelta(seconds=5)

# And what has to ask others, each of whom may be asked in vain for a while.
GRACE_OF_ASKS: Final = timedelta(seconds=25)

# What an actor does without asking anybody, so that only its own node has to be well.
ALONE: Final = frozenset({"tickets.lapse", "tickets.close"})


class Lateness:
    """Looks at every timer and every reservation, twice a second."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._placement = bootstrap.placement()
        self._well: dict[str, datetime] = {}
        self._calm_since: datetime | None = None
        """Since when nothing has been wrong with anybody; None if something is."""

    async def watch(self) -> None:
        """Look, for ever."""
        world = self._world
        while True:
            await world.clock.sleep(0.5)
            nodes = world.nodes
            self._well = {node.store.node: node.up_since for node in nodes if node.is_well}
            self._calm_since = None
            if len(self._well) == len(nodes):
                moved = world.judge.owned_since.values()
                self._calm_since = max(*self._well.values(), *moved)
            now = world.clock.now()
            for row in tuple(world.database.inbox.values()):
                if row.due_at + GRACE < now and not goes_round(row):
                    self._look_at_row(row, now)
            for ticket in world.tickets_of(TicketStatus.RESERVED):
                assert ticket.reserved_until is not None
                since = self._owner_well_since(self._placement.partition(Ref("ticket", ticket.id)))
                if since is not None and now - max(since, ticket.reserved_until) > GRACE:
                    late = now - ticket.reserved_until
                    world.judge.fail(f"still reserved though its time was up: {ticket.id} {late}")

    def _owner_well_since(self, partition: int) -> datetime | None:
        owner = self._world.database.owners.get(partition)
        if owner is None or owner.node not in self._well:
            return None
        return max(self._well[owner.node], self._world.judge.owned_since[partition])

    def _look_at_row(self, row: InboxRow, now: datetime) -> None:
        if row.kind == payments.TELLER:
            return  # It waits for the provider, as long as that takes.
        is_alone = row.message in ALONE
        since = self._owner_well_since(row.partition) if is_alone else self._calm_since
        grace = GRACE if is_alone else GRACE_OF_ASKS
        if since is not None and now - max(since, row.due_at) > grace:
            self._world.judge.fail(f"late by {now - row.due_at}: {row.message} of {row.ref}")


def goes_round(row: InboxRow) -> bool:
    """Whether it belongs to those who look around for ever."""
    return row.kind in {"watch", SWEEPER, payments.RECONCILER} or row.key == "stripe"
