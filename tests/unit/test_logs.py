"""Log lines: together where they come together, at once where they matter, none lost."""

import asyncio
import io
import json
import re
import subprocess
import sys
from typing import Any

import pytest
import structlog

from ticketing import logs
from ticketing.logs import Lines


class Stream(io.StringIO):
    """Remembers what was written at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str, /) -> int:
        self.writes.append(text)
        return len(text)


async def test_lines_of_one_turn_of_the_loop_are_one_write() -> None:
    stream = Stream()
    lines = Lines(stream)
    lines.info("one")
    lines.info("two")
    assert stream.writes == []
    await asyncio.sleep(0)
    assert stream.writes == ["one\ntwo\n"]
    lines.info("three")
    await asyncio.sleep(0)
    assert stream.writes[1:] == ["three\n"]


async def test_a_warning_takes_what_came_before_it_along_at_once() -> None:
    stream = Stream()
    lines = Lines(stream)
    lines.info("before")
    lines.warning("look")
    assert stream.writes == ["before\nlook\n"]
    await asyncio.sleep(0)
    assert len(stream.writes) == 1


async def test_a_loop_that_never_rests_does_not_hold_back_without_a_bound() -> None:
    stream = Stream()
    lines = Lines(stream)
    for number in range(2500):
        lines.info(str(number))
    assert len(stream.writes) == 2
    await asyncio.sleep(0)
    assert "".join(stream.writes).split() == [str(number) for number in range(2500)]


def test_without_a_loop_each_line_is_written_at_once() -> None:
    stream = Stream()
    lines = Lines(stream)
    lines.info("one")
    assert stream.writes == ["one\n"]


def test_what_a_loop_did_not_come_to_write_is_written_by_the_next_who_says_something() -> None:
    stream = Stream()
    lines = Lines(stream)

    async def say_and_stop() -> None:
        lines.info("last words")

    loop = asyncio.new_event_loop()
    task = loop.create_task(say_and_stop())
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    loop.close()
    lines.info("afterwards")
    assert "".join(stream.writes) == "last words\nafterwards\n"


@pytest.mark.parametrize(
    "value", ["plain", "Zürich\n", "half \ud800", {"a": (1, 2)}, object, ValueError("no")]
)
def test_anything_can_be_logged_as_one_line_of_json(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    before = structlog.get_config()
    try:
        logs.configure("json")
        structlog.get_logger().info("said", value=value)
    finally:
        structlog.configure(**before)
    (line,) = "".join(stream.writes).splitlines()
    found = json.loads(line)
    assert (found["event"], found["level"]) == ("said", "info")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", found["timestamp"])
    if isinstance(value, str):
        assert found["value"] == value


def test_an_error_is_logged_with_where_it_came_from_but_not_with_its_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    before = structlog.get_config()

    def fail(password: str) -> None:
        raise ValueError(f"{len(password)} characters")

    try:
        logs.configure("json")
        try:
            fail("secret" + "word")
        except ValueError:
            structlog.get_logger().exception("failed")
    finally:
        structlog.configure(**before)
    (line,) = "".join(stream.writes).splitlines()
    found = json.loads(line)
    assert (found["event"], found["level"]) == ("failed", "error")
    (told,) = found["exception"]
    assert (told["exc_type"], told["exc_value"]) == ("ValueError", "10 characters")
    assert told["frames"][-1]["name"] == "fail"
    assert "secretword" not in line
    assert "exc_info" not in found


@pytest.mark.parametrize("ending", ["return", "sys.exit(3)", "raise ValueError"])
def test_nothing_is_lost_however_the_interpreter_ends(ending: str) -> None:
    program = f"""
import sys
import structlog
from ticketing import event_loop, logs

async def main():
    structlog.get_logger().info("last words")
    {ending}

logs.configure("json")
event_loop.run(main())
"""
    ended = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.stderr.count("last words") == 1, ended.stderr
    assert ended.stdout == ""
