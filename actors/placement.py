"""Which partition an actor belongs to, and which partitions this node owns.

A partition is a slice of one service's actors: its number is stable for good, because it is
stored with every row. Placement is for speed; that a stranger cannot write is the fence's doing.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

from actors.ref import Ref

__all__ = ["SLOTS", "Placement"]

# Fixed at creation (cluster.md): a service outgrows 25 processes before it outgrows its slots.
SLOTS = 256


class Placement:
    """The partitions of all services, and which of them this node owns, with their epochs.

    *services* is every service of the deployment in its stored order: a partition's id is the
    place of its service times `SLOTS` plus its slot. *kinds* says which service a kind belongs to.
    """

    def __init__(self, services: Sequence[str], kinds: Mapping[str, str]) -> None:
        self._base = {kind: services.index(name) * SLOTS for kind, name in kinds.items()}
        self._services = tuple(services)
        self.epochs: dict[int, int] = {}
        self.leaving: set[int] = set()
        """Owned, and being handed over: what runs there is finished, and nothing is let in."""

    def partition(self, ref: Ref) -> int:
        """The partition of *ref*; stable, because it is stored with every row."""
        return self._base[ref.kind] + crc32(f"{ref.kind}/{ref.key}".encode()) % SLOTS

    def epoch(self, partition: int) -> int | None:
        """The epoch in which this node owns *partition*; None if it does not."""
        return self.epochs.get(partition)

    def accepts(self, partition: int) -> bool:
        """Whether what is for *partition* may be handled here."""
        return partition in self.epochs and partition not in self.leaving

    def partitions(self, services: Sequence[str]) -> list[int]:
        """All partitions of *services*."""
        places = [self._services.index(name) for name in services]
        return [place * SLOTS + slot for place in places for slot in range(SLOTS)]

    def service(self, partition: int) -> str:
        """The service that *partition* is a slice of."""
        return self._services[partition // SLOTS]
