"""Locks between processes: a file that one of them, or several of them together, hold by `flock`.

The operating system releases such a lock when its holder is gone, however it went. So to get the
lock is to know that the former holder is dead, or has let go on purpose.
"""

import fcntl
import os
from enum import IntEnum
from pathlib import Path
from typing import Self


class Hold(IntEnum):
    """How a lock is held."""

    ALONE = fcntl.LOCK_EX
    TOGETHER = fcntl.LOCK_SH


class FileLock:
    """One held lock. `release` may be called twice; leaving a `with` block releases too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def try_acquire(cls, path: Path, hold: Hold) -> Self | None:
        """The lock, or `None` at once if another process holds it against us.

        The file and its folder are created when missing. The file is never removed: that would let
        two processes lock two files of the same name. It is opened for reading only, so that a
        lock file that root created serves the user who owns the folder too.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o644)
        try:
            fcntl.flock(descriptor, hold | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
