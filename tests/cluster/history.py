"""What clients asked, and what they were told: everything that the checker knows of them.

Times are those of one monotonic clock, that of the process in which all clients live.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

__all__ = ["UNKNOWN", "Call", "History", "Try"]

UNKNOWN: Final = "unknown"
"""What `said` is when nothing came back, or nothing that says whether there was an effect."""


class Try(NamedTuple):
    """One request of a call."""

    node: str
    began: float
    ended: float
    status: int | None
    """None: no answer came."""
    said: str
    """"no" if the answer says that nothing was done, `UNKNOWN` if nobody knows, else ""."""


@dataclass
class Call:
    """One operation: asked as often as it took, under one key, and answered once or never."""

    number: int
    who: str
    user_id: str
    what: str
    """The operation: list, edit, same (an edit that changes nothing), reserve, again (by who holds
    it), peek (reserve without a key), cancel, pay, look (at a ticket), follow (one's order)."""
    method: str
    path: str
    body: Any
    key: str | None
    subject: str
    """The ticket or order that it is about."""
    began: float
    tries: list[Try] = field(default_factory=list)
    ended: float = math.inf
    status: int | None = None
    """None: it was given up."""
    answer: Any = None

    @property
    def is_answered(self) -> bool:
        return self.status is not None

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def is_certain(self) -> bool:
        """Whether what was answered is all that can have come of it.

        No request before the last may have had an effect, or can still have one.
        """
        return self.is_answered and all(each.said == "no" for each in self.tries[:-1])


@dataclass
class History:
    """All calls, in the order in which they began."""

    calls: list[Call] = field(default_factory=list)

    def begin(self, now: float, **about: Any) -> Call:
        """Note a call that begins *now*."""
        call = Call(number=len(self.calls), began=now, **about)
        self.calls.append(call)
        return call

    def answered(self, *whats: str) -> Iterator[Call]:
        """The calls that were answered; only those operations, if any are named."""
        return (
            each for each in self.calls if each.is_answered and (not whats or each.what in whats)
        )

    def write(self, path: Path) -> None:
        """Keep it, a line a call, for who wants to know what happened."""
        with path.open("wb") as file:
            file.writelines(msgspec.json.encode(vars(call)) + b"\n" for call in self.calls)
