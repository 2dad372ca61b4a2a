"""What the sandbox remembers: one append-only file of JSON lines.

One line is one request's whole effect: what it changed, as it is now, the events that tell of it,
and the answer kept under the request's key. So an effect without its answer or its events, or an
answer without its effect, cannot exist. A line is written before anybody sees its effect, and no
answer leaves before the disk has the line: what was acknowledged survives `kill -9` and loss of
power. A last line without an end was never acknowledged and is cut off.
"""

import asyncio
import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ticketing.payments.sandbox.events import Event
from ticketing.payments.sandbox.idempotency import Kept, Keys
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refunds import Refund
from ticketing.payments.sandbox.tokens import ConfirmationToken

__all__ = ["Books", "BooksError", "Entry"]

FILE_NAME: Final = "sandbox.jsonl"


class BooksError(Exception):
    """The sandbox's folder cannot be used."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the file. A sandbox that is older than a field wrote lines without it."""

    intent: Intent | None = None
    refund: Refund | None = None
    token: ConfirmationToken | None = None
    events: tuple[Event, ...] = ()
    delivered: str | None = None
    """The id of an event that the webhook endpoint has, or that nobody tries to send any more."""
    kept: Kept | None = None


class Books:
    """Everything there is and every kept answer, in memory and in *folder*.

    Raises:
        BooksError: another sandbox uses the folder, or the file holds something else.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.keys = Keys()
        self._intents: dict[str, Intent] = {}
        self._refunds: dict[str, Refund] = {}
        self._tokens: dict[str, ConfirmationToken] = {}
        self._events: dict[str, Event] = {}
        self._undelivered: dict[str, Event] = {}
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

    def refund(self, refund_id: str) -> Refund | None:
        return self._refunds.get(refund_id)

    def refunds(self) -> Sequence[Refund]:
        """All refunds, newest first."""
        return tuple(reversed(self._refunds.values()))

    def token(self, token_id: str) -> ConfirmationToken | None:
        return self._tokens.get(token_id)

    def event(self, event_id: str) -> Event | None:
        return self._events.get(event_id)

    def events(self) -> Sequence[Event]:
        """All events, newest first."""
        return tuple(reversed(self._events.values()))

    def undelivered(self) -> Sequence[Event]:
        """The events that the webhook endpoint has not got yet, oldest first."""
        return tuple(self._undelivered.values())

    def is_undelivered(self, event_id: str) -> bool:
        return event_id in self._undelivered

    def write(self, entry: Entry) -> None:
        """Make an effect, its events and its kept answer true, at once and together.

        Whoever answers from it must `await flush()` first. There is no `await` in here, so two
        requests cannot decide on the same intent at the same time.
        """
        line = msgspec.json.encode(entry)
        if line == b"{}":
            return
        line += b"\n"
        size = os.fstat(self._file).st_size
        if os.write(self._file, line) != len(line):
            # Half a line in the middle of the file would make all that follows unreadable.
            os.ftruncate(self._file, size)
            raise BooksError(f"{self._path}: no space left")
        self._written += 1
        self._remember(entry)

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
            self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        if entry.intent is not None:
            self._intents[entry.intent.id] = entry.intent
        if entry.refund is not None:
            self._refunds[entry.refund.id] = entry.refund
        if entry.token is not None:
            self._tokens[entry.token.id] = entry.token
        for event in entry.events:
            self._events[event.id] = event
            if event.awaited:
                self._undelivered[event.id] = event
        if entry.delivered is not None:
            self._undelivered.pop(entry.delivered, None)
        if entry.kept is not None:
            self.keys.keep(entry.kept)
