"""A disk of its own for the database, small enough to be filled to the last byte.

It lies in memory, and only root can make one; where that cannot be done there is none, and the
database lives among everything else.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["BYTES", "Disk", "small"]

# A fresh database is 50 MB, its programs may be beside it, and the log of writes takes a multiple
# of what is written.
BYTES: Final = 1_500_000_000


@dataclass(frozen=True)
class Disk:
    """A file system that nobody else uses."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    @property
    def free_bytes(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self) -> None:
        """Leave no room: whoever needs a byte more hears that there is none."""
        with self._ballast.open("ab") as file:
            # Somebody else may take or leave some meanwhile: the last few pages are tried for.
            for step in (self.free_bytes, 1 << 20, 1 << 16, 1 << 12):
                self._grow(file.fileno(), step)

    @staticmethod
    def _grow(file: int, step: int) -> None:
        while step:
            try:
                os.posix_fallocate(file, os.fstat(file).st_size, step)
            except OSError:
                return

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small(folder: Path, size: int = BYTES) -> Iterator[Disk | None]:
    """A disk of *size* bytes at *folder*, which is made, as long as the context lasts.

    None where it cannot be.
    """
    folder.mkdir(mode=0o711)
    if sys.platform != "linux" or os.geteuid() != 0:
        yield None
        return
    options = f"size={size},mode=0711"
    if not _succeeds("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)):
        yield None
        return
    try:
        yield Disk(folder)
    finally:
        # At once from the eyes of all, and in truth when the last process has let go.
        _succeeds("umount", "--lazy", str(folder))


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own words
    except OSError:
        return False
    return done.returncode == 0
