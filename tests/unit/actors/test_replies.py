"""Replies: each is waited for until its own deadline, and one alarm serves them all."""

import asyncio

import pytest

from actors import ExpiredError, UnavailableError
from actors.replies import Replies
from actors.simulation import SimulatedClock
from tests.support.simulated import simulated


class Waiters:
    """Those who wait, each for a reply of their own, and when they heard what."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.replies = Replies(self.clock)
        self.heard: dict[str, tuple[float, object]] = {}
        self.began = self.clock.monotonic()

    async def wait(
        self, name: str, seconds: float, reply: "asyncio.Future[object] | None" = None
    ) -> None:
        waited_for = reply or asyncio.get_running_loop().create_future()
        found: object
        try:
            found = await self.replies.wait(waited_for, self.began + seconds)
        except (ExpiredError, UnavailableError) as error:
            found = type(error)
        self.heard[name] = (self.clock.monotonic() - self.began, found)


@simulated()
async def test_each_expires_at_its_own_deadline_whatever_the_order() -> None:
    waiters = Waiters()
    await asyncio.gather(*[waiters.wait(str(at), at) for at in (3.0, 1.0, 2.0, 1.0)])
    assert waiters.heard == {
        "1.0": (pytest.approx(1.0), ExpiredError),
        "2.0": (pytest.approx(2.0), ExpiredError),
        "3.0": (pytest.approx(3.0), ExpiredError),
    }


@simulated()
async def test_a_reply_in_time_is_heard_and_the_next_deadline_still_counts() -> None:
    waiters = Waiters()
    reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(waiters.wait("answered", 1.0, reply))
        tasks.create_task(waiters.wait("never", 5.0))
        await waiters.clock.sleep(0.5)
        reply.set_result("yes")
    assert waiters.heard["answered"] == (pytest.approx(0.5), "yes")
    assert waiters.heard["never"] == (pytest.approx(5.0), ExpiredError)


@simulated()
async def test_a_deadline_that_is_past_already_expires_at_once() -> None:
    waiters = Waiters()
    await waiters.wait("late", -1.0)
    assert waiters.heard["late"] == (pytest.approx(0.0), ExpiredError)


@simulated()
async def test_who_gives_up_takes_their_reply_along() -> None:
    waiters = Waiters()
    reply: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await waiters.wait("impatient", 10.0, reply)
    assert reply.cancelled()
    waiters.replies.give_up()  # Nobody is there to be told.


@simulated()
async def test_all_hear_that_the_node_has_stopped() -> None:
    waiters = Waiters()
    async with asyncio.TaskGroup() as tasks:
        for name in ("a", "b"):
            tasks.create_task(waiters.wait(name, 10.0))
        await waiters.clock.sleep(0.1)
        waiters.replies.give_up()
    assert {what for _, what in waiters.heard.values()} == {UnavailableError}
