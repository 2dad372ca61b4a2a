"""What the sandbox remembers: one append-only file of JSON lines.

One line is one request's whole effect: the intent as it is now, and the answer kept under the
request's key. So an effect without its answer, or an answer without its effect, cannot exist. A
line is written before anybody sees its effect, and no answer leaves before the disk has the line:
what was acknowledged survives `kill -9` and loss of power. A last line without an end was never
acknowledged and is cut off.
"""

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ticketing.payments.sandbox.idempotency import Kept, Keys
from ticketing.payments.sandbox.intents import Intent

__all__ = ["Books", "BooksError"]

FILE_NAME: Final = "sandbox.jsonl"


class BooksError(Exception):
    """The sandbox's folder cannot be used."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the file."""

    intent: Intent | None = None
    kept: Kept | None = None


class Books:
    """Every intent and every kept answer, in memory and in *folder*.

    Raises:
        BooksError: another sandbox uses the folder, or the file holds something else.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.keys = Keys()
        self._intents: dict[str, Intent] = {}
        self._path = folder / FILE_NAME
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._flushing = asyncio.Lock()
        self._written = self._flushed = 0
        try:
            self._lock()
            self._load()
        except BaseException:
            os.close(self._file)
            raise

    def intent(self, intent_id: str) -> Intent | None:
        return self._intents.get(intent_id)

    def intents(self) -> Sequence[Intent]:
        """All intents, newest first."""
        return tuple(reversed(self._intents.values()))

    def write(self, intent: Intent | None, kept: Kept | None) -> None:
        """Make an effect and its kept answer true, at once and together.

        Whoever answers from it must `await flush()` first. There is no `await` in here, so two
        requests cannot decide on the same intent at the same time.
        """
        if intent is None and kept is None:
            return
        line = msgspec.json.encode(Entry(intent=intent, kept=kept)) + b"\n"
        size = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):
            # Half a line in the middle of the file would make all that follows unreadable.
            os.ftruncate(self._file, size)
            raise BooksError(f"{self._path}: no space left")
        self._written += 1
        self._remember(intent, kept)

    async def flush(self) -> None:
        """Return when the disk has all that is written by now; waiting requests share one sync."""
        wanted = self._written
        async with self._flushing:
            if self._flushed >= wanted:
                return
            written = self._written
            await asyncio.to_thread(os.fsync, self._file)
            self._flushed = written

    def close(self) -> None:
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BooksError(f"{self._path} is in use by another sandbox") from None

    def _load(self) -> None:
        content = self._path.read_bytes()
        whole, _, torn = content.rpartition(b"\n")
        if torn:
            os.ftruncate(self._file, len(content) - len(torn))
        decoder = msgspec.json.Decoder(Entry)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise BooksError(f"{self._path}:{number} cannot be read: {error}") from error
            self._remember(entry.intent, entry.kept)

    def _remember(self, intent: Intent | None, kept: Kept | None) -> None:
        if intent is not None:
            self._intents[intent.id] = intent
        if kept is not None:
            self.keys.keep(kept)
