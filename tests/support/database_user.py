"""A process of its own that opens the embedded database, for tests that kill or outwait it.

    python -m tests.support.database_user DATA_DIR

It says `owner` or `user` when the database is open. For each line of SQL on its input it prints one
value, and at the end of its input it closes the database and says `closed`.
"""

import asyncio
import sys
from pathlib import Path
from typing import Self

import asyncpg

from ticketing.embedded import EmbeddedPostgres

_ROOT = Path(__file__).parents[2]


class DatabaseUser:
    """The test's side of such a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.role = ""

    @classmethod
    async def start(cls, data_dir: Path) -> Self:
        """Starts the process and returns when it has the database open."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.database_user", str(data_dir)),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        user = cls(process)
        user.role = await user._line()
        return user

    async def ask(self, sql: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{sql}\n".encode())
        return await self._line()

    async def close(self) -> None:
        """Lets it close the database and end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert await self._line() == "closed"
        assert await self._process.wait() == 0

    async def kill(self) -> None:
        """Ends it by kill -9: it gets no chance to close anything."""
        self._process.kill()
        await self._process.wait()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


async def _main(data_dir: Path) -> None:
    database = await EmbeddedPostgres.open(data_dir, log=_note)
    _say("owner" if database.owner else "user")
    connection = await asyncpg.connect(database.dsn)
    while sql := await asyncio.to_thread(sys.stdin.readline):
        _say(str(await connection.fetchval(sql)))
    await connection.close()
    await database.close()
    _say("closed")


def _note(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
