"""Named places where the process can be told to die, to prove that it may die anywhere.

`TICKETING_FAILPOINT=name` or `name#n` kills the process with SIGKILL the first or nth time it
passes the place *name*; `TICKETING_FAILPOINT_TRACE=file` appends each place passed to a file. With
neither set a failpoint is one comparison.
"""

import os
import signal
from collections import Counter
from pathlib import Path

__all__ = ["armed", "failpoint"]

_target, _, _nth = os.environ.get("TICKETING_FAILPOINT", "").partition("#")
_trace = os.environ.get("TICKETING_FAILPOINT_TRACE")
_passed: Counter[str] = Counter()

armed = bool(_target or _trace)


def failpoint(name: str) -> None:
    """Pass the place *name*."""
    if not armed:
        return
    _passed[name] += 1
    if _trace:
        with Path(_trace).open("a") as file:
            file.write(f"{name}\n")
    if name == _target and _passed[name] == int(_nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
