"""The logs of every process that a test run starts, kept until the run has been looked through.

Tests write their logs where they like, mostly into folders that are gone when they end. So what is
written there goes into one folder of the session in truth, and the test's own file is a link to it.
"""

import itertools
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["collect_in", "keep", "note", "writing"]

_numbers = itertools.count(1)
_folder: Path | None = None


def collect_in(folder: Path | None) -> None:
    """Keep all logs in *folder* from now on; None: leave them where the tests want them."""
    global _folder  # noqa: PLW0603 - there is one session
    _folder = folder


@contextmanager
def writing(log: Path) -> Iterator[IO[bytes]]:
    """The file *log*, open to be appended to by a process."""
    if _folder is not None and not (log.is_symlink() or log.exists()):
        log.symlink_to(_folder / f"{next(_numbers):04}-{log.name}")
    with log.open("ab") as file:
        yield file


def keep(folder: Path) -> None:
    """Copy the logs that are in *folder*, which is about to be removed: those of databases."""
    if _folder is None:
        return
    for log in folder.rglob("*.log"):
        if not log.is_symlink():
            shutil.copyfile(log, _folder / f"{next(_numbers):04}-{log.name}")


def note(test: str, said: Iterable[str]) -> None:
    """Keep what *test* itself *said* while it ran: much is tested without another process."""
    if _folder is None:
        return
    with (_folder / "tests.txt").open("a", encoding="utf-8", errors="replace") as file:
        file.write(f"{test.partition('[')[0]}\n")  # Some are given keys and cards on purpose.
        file.writelines(f"{text}\n" for text in said)
