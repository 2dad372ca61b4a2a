"""Wall clocks that can be stepped while a process runs, by libfaketime where it is installed.

Only the time of day is stepped: the monotonic clock of a process goes on as ever.
"""

import os
from pathlib import Path
from typing import Final

__all__ = ["AVAILABLE", "SteppedClock"]

_PLACES: Final = ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib")
_NAME: Final = "libfaketimeMT.so.1"


def _library() -> Path | None:
    """`TICKETING_LIBFAKETIME`, or where packages put it."""
    given = os.environ.get("TICKETING_LIBFAKETIME")
    if given:
        return Path(given)
    found = (path for place in _PLACES for path in sorted(Path(place).glob(f"**/{_NAME}")))
    return next(found, None)


_LIBRARY: Final = _library()

AVAILABLE: Final = _LIBRARY is not None


class SteppedClock:
    """The clock of one process, right until it is stepped."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.step(0)

    @property
    def environment(self) -> dict[str, str]:
        """What a process is to be started with; nothing where there is no libfaketime."""
        if _LIBRARY is None:
            return {}
        return {
            "LD_PRELOAD": str(_LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Have it show so many *seconds* more than is right from now on."""
        draft = self._file.with_suffix(".new")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._file)
