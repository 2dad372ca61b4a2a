"""One topic: the newest state of each of its items, in the order of their last change.

Log-compacted: an item that changes moves to the end and gets the next number. So what somebody at
number *n* lacks is the end of the list down to *n*, whoever they are: a new one (all of it), a
socket that is up to date (what this tick brought), a slow one (the newest of what it missed) or one
that was away. One function, `delta_since`, serves them all.

A cursor is the topic's incarnation and a number of it. A cursor of another incarnation - the
gateway was restarted, or nobody watched for a while - says nothing here, and is answered with
everything.
"""

from collections.abc import Callable, Container
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from web.live import frames

if TYPE_CHECKING:
    from web.live.socket import LiveSocket
    from web.live.sources import Source

__all__ = ["ITEMS_MAX", "Delta", "Item", "Mode", "Topic"]

ITEMS_MAX: Final = 1_000
"""What one topic remembers, and so what one answer can carry: some 350 KB, less than a stuck client
may hold. A topic of more items is a feed: it tells changes, and REST has the rest."""

# Items that have left, remembered for those who come back; forgotten all at once.
_GONE_MAX: Final = 256

_FORGOTTEN: Final = -1
"""In the place of every number that is further back than what a topic remembers."""

_quote: Final = msgspec.json.encode


class Item(NamedTuple):
    """One thing as it is shown, encoded."""

    id: str
    version: int
    body: bytes | None
    """None: it has left the topic."""
    until: datetime | None = None
    """From then on it reads otherwise, although nothing has been committed."""
    again: "Callable[[datetime], Item] | None" = None
    """Shows it anew, when *until* has passed."""


class Delta(NamedTuple):
    """What somebody lacks, oldest change first."""

    items: list[bytes]
    removed: list[str]


class Mode:
    """How a subscription begins."""

    SNAPSHOT: Final = "snapshot"
    DELTA: Final = "delta"
    CURRENT: Final = "current"
    RESET: Final = "reset"
    ALL: Final = (SNAPSHOT, DELTA, CURRENT, RESET)


class Topic:
    """A topic that somebody watches, and who does."""

    __slots__ = (
        "_entries",
        "_epoch",
        "_floor",
        "_frames",
        "_gone",
        "_quoted_name",
        "changed_at",
        "end_watch",
        "holds",
        "idle_since",
        "is_feed",
        "is_loaded",
        "name",
        "seq",
        "sockets",
        "source",
        "target",
        "wire_name",
    )

    def __init__(
        self, name: str, wire_name: str, source: "Source", *, epoch: str, is_feed: bool
    ) -> None:
        self.name = name
        self.source = source
        self.is_feed = is_feed
        """Whether it has changes only, and no snapshot."""
        self.is_loaded = is_feed
        self.seq = 0
        """The number of the last change."""
        self.target = 0
        """The number up to which sockets are brought at the moment; changes after it wait."""
        self.sockets: set[LiveSocket] = set()
        self.holds = 0
        """How many are about to subscribe."""
        self.idle_since: float | None = None
        self.changed_at: float | None = None
        """When the oldest change was committed that has not been sent yet."""
        self.end_watch: Callable[[], None] = _nothing
        self.wire_name = wire_name
        self._quoted_name = _quote(wire_name)
        self._epoch = epoch
        self._floor = 0
        self._gone = 0
        self._entries: dict[str, tuple[int, Item]] = {}
        self._frames: dict[int, tuple[bytes, int]] = {}

    def __len__(self) -> int:
        return len(self._entries) - self._gone

    def end(self) -> None:
        """Hear no more of the bus; whom it called there, and so the topic, need not be kept."""
        end_watch, self.end_watch = self.end_watch, _nothing
        end_watch()

    def version_of(self, item_id: str) -> int | None:
        """Of an item that is in the topic."""
        entry = self._entries.get(item_id)
        return None if entry is None or entry[1].body is None else entry[1].version

    def put(self, item: Item) -> bool:
        """Take *item* in, or out if it has no body; False if it is not news."""
        known = self._entries.get(item.id)
        if known is not None and known[1].version >= item.version:
            return False
        self._enter(item)
        return True

    def _enter(self, item: Item) -> None:
        known = self._entries.pop(item.id, None)
        if known is not None:
            self._gone -= known[1].body is None
        self.seq += 1
        self._entries[item.id] = (self.seq, item)
        self._gone += item.body is None
        if len(self) > ITEMS_MAX:
            self._forget_oldest()
        if self._gone > _GONE_MAX:
            self._forget_gone()

    def keep(self, ids: Container[str], *, up_to: int) -> bool:
        """Have all items leave but *ids* and what came after *up_to*; False if there is such.

        They leave without a newer version: whoever tells of them again has one.
        """
        others = [
            (number, item)
            for number, item in self._entries.values()
            if item.body is not None and item.id not in ids
        ]
        for number, item in others:
            if number <= up_to:
                self._enter(Item(item.id, item.version, None))
        return all(number <= up_to for number, _ in others)

    def begin_anew(self) -> None:
        """Tell everybody in the next round what they would be told if they had just subscribed.

        Of a feed that is that they have missed something. What is known stays, for its versions.
        """
        self.seq += 1
        self._floor = self.seq

    def _forget_oldest(self) -> None:
        oldest = next(iter(self._entries))
        seq, item = self._entries.pop(oldest)
        self._floor = max(self._floor, seq)
        self._gone -= item.body is None
        self.is_feed = True

    def _forget_gone(self) -> None:
        """Who has not heard of these yet and comes back is shown everything."""
        left = max(seq for seq, item in self._entries.values() if item.body is None)
        self._floor = max(self._floor, left)
        self._entries = {
            name: entry for name, entry in self._entries.items() if entry[1].body is not None
        }
        self._gone = 0

    def delta_since(self, seq: int, now: datetime, *, up_to: int | None = None) -> Delta:
        """What changed last after *seq* and not after *up_to*.

        What changed again after *up_to* is left out: it comes with that later change.
        """
        delta = Delta([], [])
        for number, found in reversed(self._entries.values()):
            item = found
            if number <= seq:
                break
            if up_to is not None and number > up_to:
                continue
            if item.until is not None and item.until <= now and item.again is not None:
                # It keeps its number: those who have seen it learn of its end by the commit.
                item = item.again(now)
                self._entries[item.id] = (number, item)
            if item.body is not None:
                delta.items.append(item.body)
            elif seq:  # Who had nothing needs not be told what has left.
                delta.removed.append(item.id)
        delta.items.reverse()
        return delta

    def cursor(self, seq: int) -> str:
        return f"{self._epoch}-{seq}"

    def position(self, cursor: str | None) -> int | None:
        """The number that *cursor* stands for; None if we cannot tell what its owner lacks."""
        if cursor is None:
            return None
        epoch, _, number = cursor.rpartition("-")
        if epoch != self._epoch or not number.isdecimal() or not number.isascii():
            return None
        seq = int(number)
        return seq if self._floor <= seq <= self.seq else None

    def welcome(self, cursor: str | None, now: datetime, reply_id: int | None) -> tuple[str, bytes]:
        """The mode and the message `subbed` for somebody who was at *cursor*; then they are here.

        Nothing is awaited between this and noting that they are at `seq`: that is why nothing is
        lost or repeated in between.
        """
        since = self.position(cursor)
        delta = Delta([], [])
        if since is None:
            mode = Mode.RESET if self.is_feed else Mode.SNAPSHOT
            if not self.is_feed:
                delta = self.delta_since(0, now)
        elif since == self.seq:
            mode = Mode.CURRENT
        else:
            mode = Mode.DELTA
            delta = self.delta_since(since, now)
        head = b'{"op":"subbed",' + (b"" if reply_id is None else b'"id":%d,' % reply_id)
        return mode, (
            head
            + b'"topic":%b,"cursor":"%b","mode":"%b",'
            % (self._quoted_name, self.cursor(self.seq).encode(), mode.encode())
            + _tail(delta)
        )

    def begin(self) -> None:
        """From now on, until the next time, sockets are brought up to here."""
        self.target = self.seq
        self._frames.clear()

    def frame(self, seq: int, now: datetime) -> tuple[bytes, int]:
        """What brings somebody from *seq* to the target, and where they are then.

        Built once for all who are there. Who is further back than we remember begins anew, as if
        they had subscribed again.
        """
        if seq < self._floor:
            seq = _FORGOTTEN
        found = self._frames.get(seq)
        if found is None:
            if seq == _FORGOTTEN:
                found = frames.text(self.welcome(None, now, None)[1]), self.seq
            else:
                found = frames.text(self._update(seq, now)), self.target
            self._frames[seq] = found
        return found

    def _update(self, seq: int, now: datetime) -> bytes:
        return b'{"op":"upd","topic":%b,"prev":"%b","cursor":"%b",' % (
            self._quoted_name,
            self.cursor(seq).encode(),
            self.cursor(self.target).encode(),
        ) + _tail(self.delta_since(seq, now, up_to=self.target))

    def finish(self) -> None:
        """Everybody is there: the frames are not needed any more."""
        self._frames.clear()


def _tail(delta: Delta) -> bytes:
    items = b'"items":[' + b",".join(delta.items) + b"]"
    return items + (b',"removed":' + _quote(delta.removed) + b"}" if delta.removed else b"}")


def _nothing() -> None:
    pass
