"""Turns are noted while somebody looks, within bounds; nothing is kept while nobody does."""

import asyncio

import pytest

from actors import observer as observers
from actors.observer import OPEN_SECONDS, TURNS_KEPT
from tests.support.counter import CRASH, Add, Look, counter
from tests.support.simulated import Node, counters, outcome, simulated

A = counter("a")


def kept(node: Node) -> int:
    """How much the observer has in memory."""
    observer = node.runtime.inspector._node.observer
    return sum(len(each.turns) + (each.running is not None) for each in observer._watched.values())


@simulated()
async def test_nothing_is_kept_while_nobody_looks() -> None:
    async with counters() as node:
        for number in range(50):
            await node.ask(str(number), Add())
            await outcome(node, str(number), Add(amount=CRASH))
        assert kept(node) == 0
        node.runtime.inspector.suspend(A)
        await node.tell("a", Add())
        await node.clock.sleep(1)
        [waiting] = node.runtime.inspector.mailbox(A)
        assert waiting.waits_seconds is None
        node.runtime.inspector.resume(A)


@simulated()
async def test_it_stays_open_as_long_as_somebody_looks_and_closes_after() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector
        for _ in range(10):
            inspector.watch(A)
            await node.ask("a", Add())
            await node.clock.sleep(OPEN_SECONDS - 1)
            assert inspector.is_open
        assert len(inspector.turns(A)) == 10
        await node.clock.sleep(OPEN_SECONDS)
        assert not inspector.is_open
        assert kept(node) == 0
        inspector.watch(A)
        await node.ask("a", Add())
        assert len(inspector.turns(A)) == 1


@simulated()
async def test_a_turn_that_was_under_way_is_not_half_noted() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector
        node.store.latency = lambda: 2.0
        asked = asyncio.ensure_future(node.ask("a", Add(), fresh=True))  # noqa: TID251 - a test
        await node.clock.sleep(1)
        assert any("_finish" in frame for frame in inspector.stack(A))
        inspector.watch(A)
        assert await asked == 1
        assert inspector.turns(A) == ()
        assert kept(node) == 0


@simulated()
async def test_how_long_a_turn_waited_ran_and_was_committed() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector
        inspector.watch(A)
        await node.ask("a", Add(), fresh=True)
        inspector.suspend(A)
        await node.tell("a", Add())
        await node.clock.sleep(3)
        node.store.latency = lambda: 0.5
        inspector.resume(A)
        await node.clock.sleep(2)
        *_, turn = inspector.turns(A)
        assert (turn.cause, turn.outcome) == ("counter.add", "done")
        assert turn.wait_seconds is not None
        assert turn.wait_seconds >= 2
        assert turn.run_seconds < 0.1
        assert turn.commit_seconds is not None
        assert turn.commit_seconds >= 0.5


@simulated()
async def test_a_look_has_nothing_to_commit() -> None:
    async with counters() as node:
        node.runtime.inspector.watch(A)
        await node.ask("a", Add())
        await node.ask("a", Look())
        add, look = node.runtime.inspector.turns(A)
        assert (add.commit_seconds is None, look.commit_seconds) == (False, None)


@simulated(seeds=1)
async def test_of_each_actor_that_is_looked_at_the_last_turns_are_kept_and_of_others_none() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observers, "WATCHED_MAX", 3)
        async with counters() as node:
            inspector = node.runtime.inspector
            for key in "abcad":  # Nobody has looked at "b" for longest.
                inspector.watch(counter(key))
            for key in "abcde":
                for _ in range(TURNS_KEPT + 3):
                    await node.ask(key, Add())
            seen = {key: len(inspector.turns(counter(key))) for key in "abcde"}
            assert seen == {"a": TURNS_KEPT, "b": 0, "c": TURNS_KEPT, "d": TURNS_KEPT, "e": 0}
