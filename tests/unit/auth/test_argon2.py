"""The threads that hash: bounded, and every job that was taken is answered."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from actors import OverloadedError, UnavailableError
from ticketing.auth import passwords
from ticketing.auth.argon2 import Argon2

TAKEN_AT_MOST = 2 + 32  # In work and waiting.
PATIENCE = 10.0  # Seconds until a broken test fails rather than hangs.


class Gate:
    """Stands for hashing: every job waits until the gate is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.begun = threading.Semaphore(0)
        self.done: list[str] = []

    def __call__(self, password: str) -> str:
        self.begun.release()
        assert self.opened.wait(PATIENCE)
        self.done.append(password)
        return f"hash of {password}"

    async def both_threads_are_busy(self) -> None:
        for _ in range(2):
            assert await asyncio.to_thread(self.begun.acquire, timeout=PATIENCE)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(passwords, "hash_password", gate)
    yield gate
    gate.opened.set()


@pytest.fixture
def argon2() -> Iterator[Argon2]:
    argon2 = Argon2()
    yield argon2
    argon2.close()


async def test_hashes_and_verifies(argon2: Argon2) -> None:
    phc = await argon2.hash("tr0mbone under the stairs")
    assert await argon2.verify("tr0mbone under the stairs", phc)
    assert not await argon2.verify("trombone under the stairs", phc)
    assert not await argon2.verify("tr0mbone under the stairs", None)


async def test_one_too_many_is_refused_at_once(argon2: Argon2, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        taken = [group.create_task(argon2.hash(str(n))) for n in range(TAKEN_AT_MOST)]
        await gate.both_threads_are_busy()
        with pytest.raises(OverloadedError):
            await argon2.hash("one too many")
        with pytest.raises(OverloadedError):
            await argon2.verify("one too many", None)
        gate.opened.set()
    assert [task.result() for task in taken] == [f"hash of {n}" for n in range(TAKEN_AT_MOST)]
    assert await argon2.hash("later") == "hash of later"


async def test_who_gives_up_waiting_leaves_a_place(argon2: Argon2, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        taken = [group.create_task(argon2.hash(str(n))) for n in range(TAKEN_AT_MOST)]
        await gate.both_threads_are_busy()
        taken[-1].cancel()
        await asyncio.wait([taken[-1]])
        group.create_task(argon2.hash("in its place"))
        gate.opened.set()
    assert len(gate.done) == TAKEN_AT_MOST
    assert str(TAKEN_AT_MOST - 1) not in gate.done


async def test_who_gives_up_a_job_in_work_leaves_none(argon2: Argon2, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        taken = [group.create_task(argon2.hash(str(n))) for n in range(TAKEN_AT_MOST)]
        await gate.both_threads_are_busy()
        taken[0].cancel()
        await asyncio.wait([taken[0]])
        with pytest.raises(OverloadedError):
            await argon2.hash("the thread is still busy")
        gate.opened.set()


async def test_a_failure_is_the_callers_and_frees_the_place(
    argon2: Argon2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(password: str) -> str:
        raise MemoryError(password)

    monkeypatch.setattr(passwords, "hash_password", fail)
    for _ in range(TAKEN_AT_MOST + 1):
        with pytest.raises(MemoryError):
            await argon2.hash("x")


async def test_what_was_taken_is_answered_after_closing(argon2: Argon2, gate: Gate) -> None:
    async with asyncio.TaskGroup() as group:
        taken = [group.create_task(argon2.hash(str(n))) for n in range(5)]
        await gate.both_threads_are_busy()
        argon2.close()
        argon2.close()  # Twice does no harm.
        with pytest.raises(UnavailableError):
            await argon2.hash("too late")
        gate.opened.set()
    assert [task.result() for task in taken] == [f"hash of {n}" for n in range(5)]
