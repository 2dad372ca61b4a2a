"""The sum of the migrations as one readable file, written by PostgreSQL's own `pg_dump`."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import asyncpg

from migrations import FOLDER, migrate
from ticketing.embedded import EmbeddedPostgres
from ticketing.embedded import binaries as programs
from ticketing.embedded import home as homes

FILE = FOLDER / "schema.sql"

_HEADER = "-- The sum of the numbered files, for reading. Written by `make schema`.\n\n"
# Comments, session settings and pg_dump's own commands (one holds a random word) say nothing.
_NOISE = re.compile(r"^(--|SET |SELECT pg_catalog\.set_config|\\(un)?restrict)")


async def dump(dsn: str, binaries: Path | None = None) -> str:
    """The schema of a database as SQL, the same text for the same schema.

    Raises:
        RuntimeError: `pg_dump` failed; the message is what it printed.
    """
    program = programs.find(binaries) / "pg_dump"
    arguments = ("--schema-only", "--no-owner", "--no-privileges", f"--dbname={dsn}")
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, problem = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(problem.decode())
    return normalise(output.decode())


def normalise(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines() if not _NOISE.match(line))
    return _HEADER + re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


async def of_migrations(log: Callable[[str], None], binaries: Path | None = None) -> str:
    """The schema that the numbered files make, in a server of its own that leaves no trace."""
    with tempfile.TemporaryDirectory(prefix="ticketing-schema-") as name:
        folder = Path(name)
        _let_pass(folder)
        fast = {"fsync": "off"}
        server = await EmbeddedPostgres.open(
            folder, log=log, binaries=binaries, server_settings=fast
        )
        try:
            connection = await asyncpg.connect(server.dsn)
            try:
                await migrate(connection)
            finally:
                await connection.close()
            return await dump(server.dsn, binaries)
        finally:
            await server.close()
            homes.remove(server.home)


def _let_pass(folder: Path) -> None:
    """As root, the server's account has to get into our temporary folder."""
    folder.chmod(0o711)
