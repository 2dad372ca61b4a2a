"""What a bus between processes adds: others hear, and what is missed is known to be.

What it has in common with the local one is in test_live_bus.py.
"""

import asyncio

import pytest
from structlog.testing import CapturingLogger

from actors import Change, LocalBus, Ref, State
from actors.linked_bus import (
    BEAT_SECONDS,
    CHANGES,
    FORGOTTEN_SECONDS,
    SILENT_SECONDS,
    LinkedBus,
)
from tests.support.clock import FakeClock
from tests.support.lossy_link import LossyLine, LossyLink
from tests.support.wait import until


class Thing(State, frozen=True, kw_only=True):
    """Something with a secret."""

    colour: str = "red"
    secret: str = ""


def change(key: str = "one", version: int = 1, **fields: str) -> Change:
    state = Thing(id=key, version=version, **fields)
    return Change("thing", key, version, state, Thing(id=key))


def without_secret(state: State) -> State:
    assert isinstance(state, Thing)
    return Thing(id=state.id, version=state.version, colour=state.colour)


class Node:
    """A bus on a line, and how often it said that something may have been missed."""

    def __init__(self, line: LossyLine, clock: FakeClock, name: str) -> None:
        self.link: LossyLink = line.link()
        self.bus = LinkedBus(
            lambda each: (f"thing:{each.key}", "all"), self.link, name,
            clock=clock, state_types={"thing": Thing}, shown=without_secret,
        )  # fmt: skip
        self.heard: list[Change] = []
        self.losses = 0
        self.bus.watch("all", self.heard.append)
        self.bus.when_lost(self._lost)

    def _lost(self) -> None:
        self.losses += 1

    async def open(self) -> "Node":
        """Without its own beats: a test has them come."""
        self.bus._end_listening = await self.link.listen(CHANGES, self.bus._heard)
        self.link.when_back(self.bus.lost)
        return self


class PatientClock(FakeClock):
    """Lets others go on while somebody sleeps."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


class World:
    def __init__(self) -> None:
        self.clock, self.line = FakeClock(), LossyLine()

    async def node(self, name: str) -> Node:
        return await Node(self.line, self.clock, name).open()


@pytest.fixture
def world() -> World:
    return World()


async def test_what_one_node_commits_another_hears_in_order(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    news = [change(version=version) for version in (1, 2, 3)]
    for each in news:
        here.bus.publish(each)
    assert here.heard == news  # At once.
    assert there.heard == []
    world.line.settle()
    assert [each.version for each in there.heard] == [1, 2, 3]
    assert there.heard[0] == Change("thing", "one", 1, Thing(id="one", version=1))
    assert here.heard == news  # Not once more.
    assert here.losses == there.losses == 0


async def test_what_has_been_encoded_is_not_encoded_again(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus._shown = lambda state: state
    here.bus.publish(change()._replace(encoded=b'{"id":"one","version":1,"colour":"blue"}'))
    world.line.settle()
    assert [each.state for each in there.heard] == [Thing(id="one", version=1, colour="blue")]


async def test_what_is_nobody_elses_business_stays_here(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    encoded = b'{"id":"one","version":1,"secret":"hush"}'
    here.bus.publish(change(secret="hush")._replace(encoded=encoded))
    assert not any(b"hush" in body for _, body in there.link.waiting)
    world.line.settle()
    assert here.heard[0].state == Thing(id="one", version=1, secret="hush")
    assert there.heard[0].state == Thing(id="one", version=1)


async def test_what_nobody_listens_to_is_not_decoded(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    there.bus._listeners.clear()
    there.bus._decoders["thing"] = None  # type: ignore[assignment]
    here.bus.publish(change())
    world.line.settle()
    assert there.losses == 0


async def test_who_waits_for_an_actor_hears_of_it_from_another_node(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    there.bus._listeners.clear()
    with there.bus.subscribe(Ref("thing", "one")) as changes:
        here.bus.publish(change("other"))
        here.bus.publish(change(version=7))
        world.line.settle()
        assert (await changes.next(1)).version == 7


# What is missed.


async def test_a_lost_change_is_known_by_the_next(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus.publish(change(version=1))
    here.bus.publish(change(version=2))
    there.link.deliver(lost=True)
    assert [each.version for each in there.heard] == [2]
    assert there.losses == 1
    here.bus.publish(change(version=3))
    world.line.settle()
    assert there.losses == 1  # Once: from here on nothing is missing.


async def test_a_lost_change_is_known_within_a_beat(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus.publish(change())
    there.link.deliver(lost=True)
    assert there.losses == 0
    world.clock.advance(BEAT_SECONDS)
    here.bus.beat()
    world.line.settle()
    assert there.losses == 1
    here.bus.beat()
    world.line.settle()
    assert there.losses == 1


async def test_a_change_is_told_before_it_is_said_that_one_was_lost(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    heard: list[int] = []
    there.bus.when_lost(lambda: heard.append(len(there.heard)))
    here.bus.publish(change(version=1))
    here.bus.publish(change(version=2))
    there.link.deliver(lost=True)
    assert heard == [1]


async def test_who_comes_late_may_have_missed_what_there_was(world: World) -> None:
    here = await world.node("here")
    here.bus.publish(change())
    late = await world.node("late")
    here.bus.beat()
    world.line.settle()
    assert late.losses == 1
    new = await world.node("new")
    new.bus.beat()
    world.line.settle()
    assert (here.losses, late.losses) == (0, 1)  # Who is new has said nothing before.


async def test_while_a_node_is_silent_it_is_said_again_and_again(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus.beat()
    world.line.settle()
    losses: list[int] = []
    for _ in range(int(FORGOTTEN_SECONDS) + 3 * int(SILENT_SECONDS)):
        world.clock.advance(BEAT_SECONDS)
        there.bus.beat()
        losses.append(there.losses)
    assert losses[1] == 0
    assert losses[int(SILENT_SECONDS)] == 1
    assert losses[-1] == FORGOTTEN_SECONDS / SILENT_SECONDS  # Then it has ended, and is forgotten.
    assert not there.bus._speakers


async def test_while_the_line_is_down_nobody_is_forgotten(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus.beat()
    world.line.settle()
    there.link.is_up = False
    for _ in range(int(FORGOTTEN_SECONDS * 2)):
        world.clock.advance(BEAT_SECONDS)
        there.bus.beat()
    assert there.losses >= FORGOTTEN_SECONDS * 2 / SILENT_SECONDS - 1
    before = there.losses
    there.link.is_up = True
    assert there.losses == before + 1


async def test_a_node_alone_misses_nothing_however_long_its_line_is_down(world: World) -> None:
    here = await world.node("here")
    here.link.is_up = False
    for _ in range(60):
        world.clock.advance(BEAT_SECONDS)
        here.bus.beat()
        here.bus.publish(change())
    assert here.losses == 0


async def test_who_speaks_again_after_a_silence_is_not_believed(world: World) -> None:
    """It was stopped in the middle, perhaps: what it says may be older than what others said."""
    here, there = await world.node("here"), await world.node("there")
    here.bus.beat()
    world.line.settle()
    world.clock.advance(SILENT_SECONDS)
    here.bus.publish(change())
    world.line.settle()
    assert (len(there.heard), there.losses) == (1, 1)


async def test_who_says_goodbye_is_forgotten_and_not_waited_for(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    here.bus.publish(change())
    await here.bus.close()
    here.bus.publish(change(version=2))  # A turn that was still running.
    world.line.settle()
    assert [each.version for each in there.heard] == [1, 2]
    for _ in range(int(FORGOTTEN_SECONDS) + 2):
        world.clock.advance(BEAT_SECONDS)
        there.bus.beat()
    assert there.losses == 0
    assert not there.bus._speakers
    here.heard.clear()
    there.bus.publish(change())
    world.line.settle()
    assert here.heard == []  # It hears nothing any more.


async def test_what_cannot_be_read_was_missed(world: World) -> None:
    here, there = await world.node("here"), await world.node("there")
    world.line.links[0].cast(CHANGES, b"what is this")
    world.line.settle()
    assert (here.losses, there.losses) == (1, 1)
    here.bus.publish(change()._replace(kind="of a newer release"))
    world.line.settle()
    assert there.losses == 1
    here.bus._shown = lambda state: state
    here.bus.publish(change()._replace(encoded=b'{"id": 1}'))
    world.line.settle()
    assert (len(there.heard), there.losses) == (0, 2)


async def test_a_line_of_no_good_hurts_no_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await world.node("here"), await world.node("there")

    def fails(*_: object) -> None:
        raise OSError("no")

    logger = CapturingLogger()
    with monkeypatch.context() as patch:
        patch.setattr("actors.linked_bus.log", logger)
        patch.setattr(here.link, "cast", fails)
        here.bus.publish(change())
    assert len(here.heard) == 1
    assert [call.args for call in logger.calls] == [("change.not_told",)]
    here.bus.beat()
    world.line.settle()
    assert there.losses == 1


async def test_who_asks_to_be_called_and_fails_hurts_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world.node("here")
    monkeypatch.setattr("actors.linked_bus.log", CapturingLogger())
    called: list[bool] = []
    here.bus.when_lost(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    here.bus.when_lost(lambda: called.append(True))
    here.bus.lost()
    assert called == [True]


async def test_an_open_bus_beats_by_itself(world: World) -> None:
    here, other = await world.node("here"), Node(world.line, PatientClock(), "other")
    await other.bus.open()
    await until(lambda: other.link.cast_count >= 3, "it has said so three times")
    await other.bus.close()
    world.line.settle()
    assert here.losses == 0


def test_a_local_bus_never_calls() -> None:
    bus, called = LocalBus(), []
    bus.when_lost(lambda: called.append(True))
    bus.lost()
    assert called == []
