"""A node that stops itself in the middle of a commit: `python -m tests.cluster.freezing serve`.

It gets a SIGSTOP where `TICKETING_TEST_FREEZE_AT` says, the first time that it passes there, as a
process does whose machine is paused. Whoever started it lets it go on.
"""

import os
import signal
import sys
from typing import Final

from actors import writer
from ticketing.__main__ import main

__all__ = ["AT"]

AT: Final = "TICKETING_TEST_FREEZE_AT"


def arm(place: str) -> None:
    """Stop at *place*, once."""
    passed: list[str] = []

    def failpoint(name: str) -> None:
        if name == place and not passed:
            passed.append(name)
            os.kill(os.getpid(), signal.SIGSTOP)

    writer.failpoint = failpoint
    writer.armed = True


if __name__ == "__main__":
    arm(os.environ[AT])
    sys.exit(main(sys.argv[1:]))
