"""What was parked is tried again when somebody who has mended the cause says so."""

from actors import Turn, handle
from actors.memory import MemoryDatabase
from actors.supervisor import ATTEMPTS_MAX
from tests.support.counter import Add, Added, Counter, CounterState
from tests.support.simulated import Node, counters, database, simulated


class Broken(Counter):
    """Cannot add until it is mended."""

    kind = "counter"

    def __init__(self) -> None:
        self.is_mended = False
        self.tries = 0

    @handle(creates=True)
    async def add(self, message: Add, turn: Turn[CounterState]) -> int:
        self.tries += 1
        if not self.is_mended:
            raise RuntimeError("not mended yet")
        turn.record(Added(amount=message.amount))
        return turn.state.total


async def parked(node: Node) -> str:
    """Send a message and wait until it is parked; its id."""
    await node.tell("a", Add(amount=5))
    await node.clock.sleep(300)
    (found,) = await node.store.parked(10, None)
    assert found.row.attempts == ATTEMPTS_MAX
    return found.row.id


@simulated()
async def test_a_replayed_message_happens_exactly_once_when_its_handler_is_mended() -> None:
    actor = Broken()
    async with counters(actor=actor) as node:
        row_id = await parked(node)
        actor.is_mended = True
        assert await node.runtime.replay_parked(row_id)
        await node.clock.sleep(120)
        assert node.total("a") == 5
        assert actor.tries == ATTEMPTS_MAX + 1
        assert not node.store.database.inbox
        assert not await node.runtime.replay_parked(row_id)
        await node.clock.sleep(120)
        assert node.total("a") == 5


@simulated()
async def test_a_replayed_message_that_still_fails_is_parked_again_after_all_its_tries() -> None:
    actor = Broken()
    async with counters(actor=actor) as node:
        row_id = await parked(node)
        assert await node.runtime.replay_parked(row_id)
        await node.clock.sleep(600)
        (again,) = await node.store.parked(10, None)
        assert (again.row.id, again.row.attempts) == (row_id, ATTEMPTS_MAX)
        assert actor.tries == 2 * ATTEMPTS_MAX


@simulated()
async def test_a_message_replayed_while_nobody_runs_happens_at_the_next_start() -> None:
    data: MemoryDatabase = database()
    async with counters(data, actor=Broken()) as node:
        row_id = await parked(node)
    assert await node.runtime.replay_parked(row_id)
    async with counters(data) as later:
        await later.clock.sleep(2)
        assert later.total("a") == 5
