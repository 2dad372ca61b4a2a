"""The actors in memory: found or activated by their first message, let go when idle.

A sleeping actor costs nothing but its row, so what is resident is a cache with a bound.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from actors.activation import Activation
from actors.actor import Actor
from actors.mailbox import Envelope
from actors.node import Node
from actors.ref import Ref

__all__ = ["Directory"]

# A hundred thousand actors at 2 KB are 200 MB: what a small machine can spare.
RESIDENT_MAX = 100_000
# How many more before somebody looks between two sweeps, because looking costs.
RESIDENT_SLACK = 5_000
# Most tickets that are looked at once are looked at again within the minute, or not at all.
IDLE_SECONDS = 60.0
SWEEP_SECONDS = 5.0


class Directory:
    """Every live actor of this node, by reference."""

    def __init__(self, node: Node, actors: Mapping[str, Actor[Any]]) -> None:
        self._node = node
        self.actors = actors
        # One for all: each look at a method of an object makes another, and actors keep theirs.
        self._fallen_idle = self._on_idle
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.live: dict[Ref, Activation] = {}
        self.residents = dict.fromkeys(actors, 0)
        """How many of them there are, by kind: nobody has to count who looks every second."""
        self.busy = dict.fromkeys(actors, 0)
        """How many of them have work."""

    def put(self, envelope: Envelope, *, fresh: bool = False) -> None:
        """Hand *envelope* to its actor; *fresh* if nobody can have heard of it, so it has no row.

        Raises:
            OverloadedError: as many asks are waiting there as are worth waiting for.

        """
        activation = self._activation(envelope.ref, fresh=fresh)
        was_running = activation.is_running
        activation.put(envelope)
        if activation.is_running and not was_running:
            self._begun(activation)

    def suspend(self, ref: Ref) -> None:
        """Have *ref* handle nothing more, once its turn is over; what comes for it waits."""
        self._activation(ref, fresh=False).is_suspended = True

    def resume(self, ref: Ref) -> None:
        """Have *ref* go on with what waits."""
        activation = self.live.get(ref)
        if activation is None or not activation.is_suspended:
            return
        activation.is_suspended = False
        if activation.is_running:
            return
        activation.wake()
        if activation.is_running:
            self._begun(activation)
        elif not activation.is_worth_keeping:
            self._forget(ref)

    def passivate(self, ref: Ref) -> bool:
        """Let *ref* go from memory; False if it has work, or is suspended."""
        activation = self.live.get(ref)
        if activation is not None and (activation.is_running or activation.is_suspended):
            return False
        self._forget(ref)
        return True

    def lose(self, is_lost: Callable[[Ref], bool]) -> None:
        """Forget the actors that *is_lost* names: they are somebody else's, or nobody knows.

        A turn that runs may go on, and what it does is not kept.
        """
        for ref in [ref for ref in self.live if is_lost(ref)]:
            activation = self.live[ref]
            self._forget(ref)
            activation.lose()

    def doubt(self) -> None:
        """Have all actors read anew: nobody knows whether the store is what it was.

        Those at work finish their turns, which the store judges by their versions.
        """
        for ref, activation in tuple(self.live.items()):
            if activation.is_running or activation.is_suspended:
                activation.is_doubted = True
            else:
                self._forget(ref)

    def is_busy(self, partitions: Collection[int]) -> bool:
        """Whether an actor of *partitions* is at work."""
        of = self._node.placement.partition
        return self._busy > 0 and any(
            each.is_running and of(each.ref) in partitions for each in self.live.values()
        )

    def _activation(self, ref: Ref, *, fresh: bool) -> Activation:
        activation = self.live.get(ref)
        if activation is None:
            actor = self.actors[ref.kind]
            activation = Activation(ref, actor, self._node, self._fallen_idle)
            if fresh:
                activation.state = actor.blank(ref.key)
            self.live[ref] = activation
            self.residents[ref.kind] += 1
            if len(self.live) > RESIDENT_MAX + RESIDENT_SLACK:
                self._passivate(unused_since=float("-inf"))
        return activation

    async def drained(self) -> None:
        """Returns when no actor has a message waiting or running."""
        await self._idle.wait()

    async def passivate_idle(self) -> None:
        """Let idle actors go, until cancelled."""
        while True:
            await self._node.clock.sleep(SWEEP_SECONDS)
            self._passivate(self._node.clock.monotonic() - IDLE_SECONDS)
            self._node.observer.close_if_left()
            self._node.telemetry.resident.set(len(self.live))

    def _passivate(self, unused_since: float) -> None:
        idle = [each for each in self.live.values() if not (each.is_running or each.is_suspended)]
        excess = len(self.live) - RESIDENT_MAX
        if excess > 0:
            idle.sort(key=lambda activation: activation.used_at)
        for place, activation in enumerate(idle):
            if place < excess or activation.used_at <= unused_since:
                self._forget(activation.ref)

    def _forget(self, ref: Ref) -> None:
        if self.live.pop(ref, None) is not None:
            self.residents[ref.kind] -= 1

    def _begun(self, activation: Activation) -> None:
        """*activation* has work; when it has none any more, it is `_on_idle`."""
        self._busy += 1
        self.busy[activation.ref.kind] += 1
        self._idle.clear()

    def _on_idle(self, activation: Activation) -> None:
        """An actor that never came to be, or lost its memory, is not worth keeping."""
        if not (activation.is_worth_keeping or activation.is_suspended or activation.is_lost):
            self._forget(activation.ref)
        self._busy -= 1
        self.busy[activation.ref.kind] -= 1
        if not self._busy:
            self._idle.set()
