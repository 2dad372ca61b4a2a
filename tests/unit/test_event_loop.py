"""The commands run on the fastest loop there is, and run to their end as with `asyncio.run`."""

import asyncio
import importlib
import signal
import sys

import pytest

from ticketing import event_loop


async def which() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_is_used_where_there_is_one() -> None:
    pytest.importorskip("uvloop")
    assert event_loop.run(which()).startswith("uvloop")


def test_asyncio_s_own_loop_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "uvloop", None)
        try:
            assert importlib.reload(event_loop).run(which()).startswith("asyncio")
        finally:
            without.undo()
            importlib.reload(event_loop)


def test_what_is_left_running_is_cancelled_first() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")

    async def leave() -> int:
        leave.task = asyncio.ensure_future(forever())  # type: ignore[attr-defined]  # noqa: TID251
        await asyncio.sleep(0)
        return 3

    assert event_loop.run(leave()) == 3
    assert ended == ["task"]


def test_an_interrupt_ends_it() -> None:
    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        event_loop.run(interrupted())
