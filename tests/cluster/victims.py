"""Whom faults strike, and for how long."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from tests.cluster.clients import Market
from tests.cluster.node import Node
from tests.cluster.nodes import LEASE_SECONDS, Cluster

__all__ = ["BACK_SECONDS", "Victims", "now"]

# A bound on liveness, not a promise.
BACK_SECONDS: Final = 40.0


@dataclass(frozen=True)
class Victims:
    """A cluster, the dice that choose among it, and the market that goes on meanwhile."""

    cluster: Cluster
    chances: random.Random
    market: Market

    def node(self) -> Node:
        return self.chances.choice(self.cluster.nodes)

    def some_time(self, least: float = 0.3, most: float = 3.0) -> float:
        """Seconds, in leases."""
        return self.chances.uniform(least, most) * LEASE_SECONDS


def now() -> float:
    return asyncio.get_running_loop().time()
