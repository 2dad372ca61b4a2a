"""Lists of actors: whoever is left out early would not have been shown; and how many there are."""

import asyncio
from collections import Counter

import pytest

from actors import ranking
from actors.seen import Order, place
from tests.support.counter import CRASH, Add, counter
from tests.support.simulated import Node, counters, outcome, simulated

ORDERS: tuple[Order, ...] = ("restarts", "mailbox", "idle", "version", "key")
ACTORS, PAGE, AT_ONCE = 60, 5, 7


async def motley(node: Node) -> None:
    """Actors that have worked, wait, failed or sleep."""
    for number in range(ACTORS):
        key = f"{number * 37 % ACTORS:02}"
        for _ in range(number % 4):
            await node.ask(key, Add())
        if number % 7 == 0:
            node.runtime.inspector.suspend(counter(key))
            for _ in range(number % 3):
                await node.tell(key, Add())
        elif number % 5 == 0:
            for _ in range(1 + number % 2):
                await outcome(node, key, Add(amount=CRASH))
        await node.clock.sleep(0.1)
    for number in reversed(range(ACTORS)):  # Who was used last is not who came last.
        if number % 7 and number % 5:
            await node.ask(f"{number * 37 % ACTORS:02}", Add())
            await node.clock.sleep(0.1)


@simulated(seeds=3)
async def test_pages_are_what_all_of_it_is_in_every_order() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "AT_ONCE", AT_ONCE)
        async with counters() as node:
            await motley(node)
            inspector = node.runtime.inspector
            for order in ORDERS:
                whole = await inspector.actors(limit=ACTORS * 2, order=order)
                places = [place(each, order) for each in whole]
                assert places == sorted(set(places))
                assert {each.key for each in whole} >= {ref.key for ref in node.runtime.resident}
                pages: list[str] = []
                after = None
                while page := await inspector.actors(limit=PAGE, order=order, after=after):
                    pages += [each.key for each in page]
                    after = place(page[-1], order)
                assert pages == [each.key for each in whole], order


@simulated(seeds=3)
async def test_how_many_there_are_is_always_known() -> None:
    async with counters() as node:
        inspector = node.runtime.inspector

        def counts() -> tuple[dict[str, int], dict[str, int]]:
            live = node.runtime.resident
            running = [ref for ref in live if inspector.actor(ref).status == "running"]
            return dict(Counter(ref.kind for ref in live)), dict(
                Counter(ref.kind for ref in running)
            )

        def seen() -> tuple[dict[str, int], dict[str, int]]:
            overview = inspector.overview()
            running = {kind: count for kind, count in overview.running.items() if count}
            return dict(overview.resident), running

        await motley(node)
        assert seen() == counts()
        asks = [asyncio.ensure_future(outcome(node, "00", Add())) for _ in range(3)]  # noqa: TID251
        await asyncio.sleep(0)
        assert seen() == counts()
        for ref in tuple(node.runtime.resident):
            inspector.resume(ref)
        assert seen() == counts()
        await asyncio.gather(*asks)
        await node.clock.sleep(0.5)
        for ref in tuple(node.runtime.resident)[::2]:
            inspector.passivate(ref)
        assert seen() == counts()
        await node.clock.sleep(600)
        assert seen() == counts() == ({}, {})
