"""Who should own which partition: computed alike by every node, without a word between them.

Rendezvous hashing: each node has a score for each partition, and the highest wins. When a node
comes it takes its share from all the others, when one goes its share falls to all the others, and
nothing else moves. Who *does* own a partition, the database says.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b

from actors.store import Member

__all__ = ["wanted"]


def wanted(
    partitions: Iterable[int], service: Callable[[int], str], members: Sequence[Member]
) -> dict[int, str]:
    """The node that should own each of *partitions*; those that nobody runs are left out.

    *service* names the service that a partition is a slice of. Who is draining wants nothing.
    """
    candidates: dict[str, list[str]] = {}
    for member in members:
        if member.state == "up":
            for name in member.services:
                candidates.setdefault(name, []).append(member.id)
    shares = {}
    for partition in partitions:
        nodes = candidates.get(service(partition))
        if nodes:
            shares[partition] = max(nodes, key=lambda node: (_score(node, partition), node))
    return shares


def _score(node: str, partition: int) -> bytes:
    return blake2b(f"{node}/{partition}".encode(), digest_size=8).digest()
