"""PostgreSQL's own programs, fed from and into the file. They block: call them in a thread."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copyfileobj
from typing import IO, Final

from ticketing.backup.file import BackupError

__all__ = ["dump", "restore"]

# No settings of the caller's (PGOPTIONS, PGSSLMODE) for a server that is only ours.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

_BUFFER_BYTES: Final = 1_000_000

# Rate limits are an unlogged table: a crash empties it, and so may a restore.
_DUMP: Final = (
    "--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data",
)  # fmt: skip
_RESTORE: Final = (
    "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction",
)  # fmt: skip


def dump(binaries: Path, dsn: str, snapshot: str, to: IO[bytes]) -> None:
    """Write the database at *dsn*, as the exported *snapshot* sees it.

    Raises:
        BackupError: not all of it could be read.

    """
    command = [str(binaries / "pg_dump"), *_DUMP, f"--snapshot={snapshot}", f"--dbname={dsn}"]
    with tempfile.TemporaryFile() as errors:
        with _started(command, errors, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            copyfileobj(process.stdout, to, _BUFFER_BYTES)
        _check(process, errors)


def restore(binaries: Path, dsn: str, source: IO[bytes]) -> None:
    """Fill the empty database at *dsn* from what `dump` wrote: all of it, or nothing.

    Raises:
        BackupError: it could not be put there.

    """
    command = [str(binaries / "pg_restore"), *_RESTORE, f"--dbname={dsn}"]
    with tempfile.TemporaryFile() as errors:
        process = _started(command, errors, stdin=subprocess.PIPE)
        # A broken pipe: it has ended before it had read all; why, it says itself.
        with suppress(BrokenPipeError), process:
            assert process.stdin is not None
            copyfileobj(source, process.stdin, _BUFFER_BYTES)
        _check(process, errors)


def _started(
    command: Sequence[str],
    errors: IO[bytes],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command lines
        command,
        env=_ENVIRONMENT,
        stdin=stdin or subprocess.DEVNULL,
        stdout=stdout or subprocess.DEVNULL,
        stderr=errors,
    )


def _check(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    status = process.wait()
    if status == 0:
        return
    errors.seek(0)
    lines = [line for line in errors.read().decode(errors="replace").splitlines() if line.strip()]
    why = next((line for line in lines if "error:" in line), f"it ended with status {status}")
    raise BackupError(why)
