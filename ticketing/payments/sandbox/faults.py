"""Scripted faults, as data: what goes wrong, at which request.

    POST /_sandbox/faults
    [{"operation": "capture", "nth": 2, "kind": "drop_after"}]

A new script replaces the old one, and counting starts at 1; `[]` ends all faults. Requests are
counted as they arrive, an SDK's own retries and replays under an idempotency key included. Faults
live in memory: a restart forgets them.
"""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

__all__ = ["Fault", "Faults", "Kind", "Operation"]

Operation: TypeAlias = Literal["create", "retrieve", "list", "confirm", "capture", "cancel"]


STORED_STATUS: Final = 500
PROXY_STATUS: Final = 502


class Kind(StrEnum):
    DELAY = "delay"
    """Execute `seconds` later; meanwhile the idempotency key is in use."""
    DROP_BEFORE = "drop_before"
    """Cut the connection; nothing was executed."""
    DROP_AFTER = "drop_after"
    """Execute, then cut the connection instead of answering."""
    TRUNCATE = "truncate"
    """Execute, then cut the connection in the middle of the answer's body."""
    STATUS = "status"
    """Answer `status`: 500 keeps that answer under the key, 502 is an HTML page of a proxy."""


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, at the *nth* to the *nth + times - 1*th such request."""

    operation: Operation | Literal["any"]
    kind: Kind
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    status: Literal[409, 429, 500, 502] = 500
    effect: bool = False
    """With `status` 500 or 502: the request was executed all the same."""

    def __post_init__(self) -> None:
        if self.nth < 1 or self.times < 1 or self.seconds < 0:
            raise ValueError("nth and times start at 1, seconds at 0")
        if self.effect and (self.kind is not Kind.STATUS or self.status in (409, 429)):
            raise ValueError("effect goes with status 500 and 502 only")

    @property
    def instead(self) -> bool:
        """The request never gets as far as being executed."""
        return self.kind is Kind.DROP_BEFORE or (
            self.kind is Kind.STATUS and not self.effect and not self.stored
        )

    @property
    def stored(self) -> bool:
        """Execution began and ended in an error of the server, which is kept under the key."""
        return self.kind is Kind.STATUS and self.status == STORED_STATUS

    @property
    def html(self) -> bool:
        return self.kind is Kind.STATUS and self.status == PROXY_STATUS

    def hits(self, count: int) -> bool:
        return self.nth <= count < self.nth + self.times


class Faults:
    """The script, and how many requests of each operation have come since it was set."""

    def __init__(self) -> None:
        self._script: Sequence[Fault] = ()
        self._counts: Counter[str] = Counter()

    def script(self, faults: Sequence[Fault]) -> None:
        self._script = tuple(faults)
        self._counts.clear()

    def next(self, operation: Operation) -> Fault | None:
        """Count a request; the first fault of the script that hits it."""
        self._counts.update([operation, "any"])
        for fault in self._script:
            if fault.hits(self._counts[fault.operation]):
                return fault
        return None
