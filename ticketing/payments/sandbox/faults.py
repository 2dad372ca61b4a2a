"""Scripted faults, as data: what goes wrong, at which request or at which event.

    POST /_sandbox/faults
    [{"operation": "capture", "nth": 2, "kind": "drop_after"},
     {"operation": "create", "order": "o1", "kind": "hold", "until": 1767225600.5},
     {"operation": "webhook", "kind": "repeat", "copies": 3, "times": 10}]

A new script replaces the old one, and counting starts at 1; `[]` ends all faults. Requests are
counted as they arrive, an SDK's own retries and replays under an idempotency key included; with
`order` only those that are about that order. Of webhooks it is events that are counted, not tries.
Faults live in memory: a restart forgets them.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Literal, TypeAlias

import msgspec

from ticketing.payments.sandbox.weather import CALM, Weather

__all__ = ["Fault", "Faults", "Kind", "Operation"]

Operation: TypeAlias = Literal[
    "create",
    "retrieve",
    "list",
    "confirm",
    "capture",
    "cancel",
    "refund",
    "retrieve_refund",
    "list_refunds",
    "events",
    "retrieve_event",
    "confirmation_token",
    "test_confirmation_token",
    "retrieve_confirmation_token",
    "authenticate",
    "webhook",
]

STORED_STATUS: Final = 500
PROXY_STATUS: Final = 502

COPIES_MAX: Final = 100


class Kind(StrEnum):
    DELAY = "delay"
    """Execute `seconds` later; meanwhile the idempotency key is in use. A webhook leaves later."""
    HOLD = "hold"
    """Execute at once; answer at the Unix time `until`, or `seconds` later."""
    DROP_BEFORE = "drop_before"
    """Cut the connection; nothing was executed."""
    DROP_AFTER = "drop_after"
    """Execute, then cut the connection instead of answering."""
    TRUNCATE = "truncate"
    """Execute, then cut the connection in the middle of the answer's body."""
    STATUS = "status"
    """Answer `status`: 500 keeps that answer under the key, 502 is an HTML page of a proxy."""
    LOSE = "lose"
    """The event is never delivered."""
    REPEAT = "repeat"
    """The event is delivered `copies` times at once."""
    REVERSE = "reverse"
    """The event waits until a later one has been delivered."""


_OF_WEBHOOKS: Final = (Kind.LOSE, Kind.REPEAT, Kind.DELAY, Kind.REVERSE)
_OF_REQUESTS: Final = tuple(
    kind for kind in Kind if kind not in (Kind.LOSE, Kind.REPEAT, Kind.REVERSE)
)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that goes wrong, at the *nth* to the *nth + times - 1*th such request."""

    operation: Operation | Literal["any"]
    """`any` is every request, and no webhook."""
    kind: Kind
    nth: int = 1
    times: int = 1
    order: str | None = None
    """Only what is about the order with this id in its metadata."""
    seconds: float = 0.0
    until: float | None = None
    copies: int = 2
    status: Literal[409, 429, 500, 502] = 500
    effect: bool = False
    """With `status` 500 or 502: the request was executed all the same."""

    def __post_init__(self) -> None:
        if self.nth < 1 or self.times < 1 or self.seconds < 0:
            raise ValueError("nth and times start at 1, seconds at 0")
        if self.effect and (self.kind is not Kind.STATUS or self.status in (409, 429)):
            raise ValueError("effect goes with status 500 and 502 only")
        if self.until is not None and self.kind is not Kind.HOLD:
            raise ValueError("until goes with hold only")
        if not 1 <= self.copies <= COPIES_MAX:
            raise ValueError(f"copies are 1 to {COPIES_MAX}")
        if self.kind not in (_OF_WEBHOOKS if self.operation == "webhook" else _OF_REQUESTS):
            raise ValueError(f"{self.kind} does not go with {self.operation}")

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

    def is_about(self, operation: Operation, order: str | None) -> bool:
        if self.order is not None and self.order != order:
            return False
        if self.operation == "any":
            return operation != "webhook"
        return self.operation == operation

    def hits(self, count: int) -> bool:
        return self.nth <= count < self.nth + self.times


class Faults:
    """The script, how many requests each line of it has seen, and the weather besides."""

    def __init__(self) -> None:
        self._script: Sequence[Fault] = ()
        self._seen: list[int] = []
        self.weather: Weather = CALM

    def script(self, faults: Sequence[Fault]) -> None:
        self._script = tuple(faults)
        self._seen = [0] * len(self._script)

    def next(
        self, operation: Operation, order: str | None = None, *, browser: bool = False
    ) -> Fault | None:
        """Count a request; the first fault of the script that hits it, or else the weather's.

        *browser*: it comes from one, which the weather leaves alone.
        """
        hit: Fault | None = None
        for number, fault in enumerate(self._script):
            if not fault.is_about(operation, order):
                continue
            self._seen[number] += 1
            if hit is None and fault.hits(self._seen[number]):
                hit = fault
        if hit is not None or browser:
            return hit
        rolled = self.weather.roll(operation)
        return None if rolled is None else msgspec.convert(rolled, Fault)
