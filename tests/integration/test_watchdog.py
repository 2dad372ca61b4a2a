"""A handler that keeps the event loop to itself is found out, by name."""

import threading

from actors import (
    Actor,
    Fact,
    Ids,
    Message,
    Ref,
    Runtime,
    Service,
    State,
    SystemClock,
    Turn,
    handle,
)
from actors.memory import MemoryDatabase, MemoryStore
from actors.watchdog import LIMIT_SECONDS, Blocked, Watchdog
from tests.support.wait import until

BLOCKS_AT_MOST_SECONDS = 30.0


class Block(Message[None], frozen=True, kw_only=True, tag="test.block"):
    """Block the loop until somebody has noticed."""


class Nothing(Fact, frozen=True, kw_only=True, tag="test.nothing"):
    pass


class BlockerState(State, frozen=True, kw_only=True):
    def apply(self, fact: Nothing) -> "BlockerState":  # noqa: ARG002
        return self


class Blocker(Actor[BlockerState]):
    kind, service, table, asks = "blocker", "tests", "blockers", ()

    def __init__(self, noticed: threading.Event) -> None:
        self.noticed = noticed

    @handle(creates=True)
    async def block(self, message: Block, turn: Turn[BlockerState]) -> None:  # noqa: ARG002
        self.noticed.wait(BLOCKS_AT_MOST_SECONDS)


async def test_a_handler_that_blocks_the_loop_is_reported_by_name() -> None:
    noticed, reports = threading.Event(), []
    lags: list[float] = []

    def report(blocked: Blocked) -> None:
        reports.append(blocked)
        noticed.set()

    clock = SystemClock()
    ids = Ids(clock)
    store = MemoryStore(MemoryDatabase({"blocker": BlockerState}), clock, ids)
    service = Service(name="tests", actors=[Blocker(noticed)])
    runtime = Runtime([service], store=store, clock=clock, ids=ids)
    watchdog = Watchdog(report, lags.append)
    await runtime.start()
    watchdog.start()
    try:
        await runtime.ask(Ref("blocker", "one"), Block(), timeout=60)
        await until(lambda: max(lags, default=0) > LIMIT_SECONDS / 2, "the lag has been measured")
    finally:
        watchdog.stop()
        await runtime.stop()
    assert [blocked.handler for blocked in reports] == ["Blocker.block"]
    assert "test_watchdog.py" in reports[0].stack[-3]
