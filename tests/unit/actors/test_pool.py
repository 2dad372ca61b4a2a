"""Workers: so many at a time, at least once, and the outcome goes with the removal."""

import asyncio

import pytest

from actors import Effect, ExpiredError, NotYetError, OverloadedError, handle
from actors.supervisor import ATTEMPTS_MAX
from tests.support.counter import Add, Courier, Deliver, Send, counter, courier
from tests.support.simulated import Node, counters, database, prepared, simulated


class SlowCourier(Courier):
    """Takes a second, and fails as often as it is told to."""

    kind = "courier"

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.now = self.most = 0
        self.begun: list[bool] = []

    @handle
    async def deliver(self, message: Deliver, effect: Effect) -> None:
        self.begun.append(effect.may_be_repeat)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(1)
            if len(self.begun) <= self.failures:
                raise NotYetError
            effect.tell(counter(message.to), Add(amount=message.amount))
        finally:
            self.now -= 1


async def send_by_courier(node: Node, times: int = 1) -> None:
    for number in range(times):
        await node.ask(f"from-{number}", Send(to="b", by_courier=True))


@simulated()
async def test_so_many_effects_run_at_once_and_the_others_wait() -> None:
    worker = SlowCourier()
    async with counters(courier=worker) as node:
        await send_by_courier(node, 7)
        await node.clock.sleep(10)
        assert worker.most == Courier.concurrency == 2
        assert node.total("b") == 7
        assert worker.begun == [False] * 7


@simulated(seeds=20)
async def test_an_effect_is_begun_once_although_the_sweep_may_see_its_message() -> None:
    worker = SlowCourier()
    async with counters(courier=worker) as node:
        node.store.latency = lambda: 0.3
        await send_by_courier(node, 5)
        await node.clock.sleep(20)
        assert worker.begun == [False] * 5
        assert node.total("b") == 5


@simulated()
async def test_an_effect_that_fails_is_tried_again_later_and_knows_it() -> None:
    worker = SlowCourier(failures=3)
    async with counters(courier=worker) as node:
        await send_by_courier(node)
        await node.clock.sleep(20)
        assert worker.begun == [False, True, True, True]
        assert node.total("b") == 1
        assert node.store.database.inbox == {}


@simulated()
async def test_an_effect_that_never_succeeds_is_parked() -> None:
    worker = SlowCourier(failures=1000)
    async with counters(courier=worker) as node:
        await send_by_courier(node)
        await node.clock.sleep(300)
        assert len(worker.begun) == ATTEMPTS_MAX
        (parked,) = node.store.database.parked.values()
        assert parked.error.startswith("NotYetError")


@simulated()
async def test_an_effect_begun_by_a_process_that_died_is_done_again_and_knows_it() -> None:
    data = database()
    first = SlowCourier()
    node = prepared(data, courier=first)
    await node.runtime.start()
    await send_by_courier(node)
    await node.clock.sleep(0.5)
    await node.runtime.abandon()
    second = SlowCourier()
    again = prepared(data, courier=second)
    del data.members[node.store.node]
    await again.runtime.start()
    await again.clock.sleep(3)
    assert (first.begun, second.begun) == ([False], [True])
    assert again.total("b") == 1
    await again.runtime.stop()


@simulated()
async def test_an_outcome_that_was_not_kept_is_no_outcome() -> None:
    worker = SlowCourier()
    async with counters(courier=worker) as node:
        await send_by_courier(node)
        await node.clock.sleep(0.5)
        node.store.is_reachable = False
        await node.clock.sleep(3)
        assert node.store.database.state(counter("b")) is None
        assert len(node.store.database.inbox) == 1
        node.store.is_reachable = True
        await node.clock.sleep(10)
        assert node.total("b") == 1
        assert worker.begun == [False, True]


@simulated()
async def test_asks_wait_in_a_short_queue_and_no_longer_than_their_deadline() -> None:
    async with counters(courier=SlowCourier()) as node:

        async def ask(number: int) -> str:
            try:
                await node.runtime.ask(courier(str(number)), Deliver(to="b"), timeout=1.5)
            except (OverloadedError, ExpiredError) as error:
                return type(error).__name__
            return "done"

        found = await asyncio.gather(*(ask(number) for number in range(6)))
        assert sorted(found) == ["ExpiredError"] * 2 + ["OverloadedError"] * 2 + ["done"] * 2


@simulated()
async def test_a_worker_that_crashes_says_so_and_goes_on() -> None:
    class Broken(SlowCourier):
        @handle
        async def deliver(self, message: Deliver, effect: Effect) -> None:
            if not message.amount:
                raise ZeroDivisionError
            await super().deliver(message, effect)

    async with counters(courier=Broken()) as node:
        with pytest.raises(Exception, match="failed while it handled"):
            await node.runtime.ask(courier("x"), Deliver(to="b", amount=0))
        await send_by_courier(node)
        await node.clock.sleep(5)
        assert node.total("b") == 1
        assert node.runtime.health[2].restarts == 1
