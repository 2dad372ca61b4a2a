"""A service: what is supervised together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from actors.actor import Actor
from actors.worker import Worker

__all__ = ["Service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A supervision boundary: actors and workers that fail together, and apart from others."""

    name: str
    actors: Sequence[Actor[Any]] = ()
    workers: Sequence[Worker] = ()

    @property
    def members(self) -> "tuple[Actor[Any] | Worker, ...]":
        return (*self.actors, *self.workers)
