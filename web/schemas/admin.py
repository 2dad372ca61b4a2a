"""What administrators decide, and what they see lists of."""

from collections.abc import Mapping
from typing import Any, Self

from msgspec import UNSET, UnsetType
from msgspec.structs import asdict, replace

from web.fields import Limit, Reason, Words
from web.input import Input
from web.instants import Instant
from web.schemas import examples
from web.schemas.view import View

__all__ = [
    "AuditView",
    "Decision",
    "PageQuery",
    "ParkedView",
    "PartitionsView",
    "TimerView",
    "TimersQuery",
]


class Decision(Input, frozen=True, kw_only=True):
    """Why something is done; the audit log keeps it."""

    reason: Reason

    @classmethod
    def example(cls) -> Self:
        return cls(reason="It has been stuck since the deployment")


class PageQuery(Input, frozen=True, kw_only=True):
    """A page of a list."""

    limit: Limit = 50
    after: str | UnsetType = UNSET


class TimersQuery(Input, frozen=True, kw_only=True):
    """Which durable messages, due soonest first."""

    kind: Words | UnsetType = UNSET
    limit: Limit = 50
    after: str | UnsetType = UNSET


class TimerView(View, frozen=True, kw_only=True):
    """A durable message that is due later, or now."""

    id: str
    kind: str
    key: str
    name: str | None
    message: str
    by: str | None
    due_at: Instant
    attempts: int

    @classmethod
    def example(cls) -> Self:
        return cls(
            id=examples.MESSAGE_ID,
            kind="order",
            key=examples.ORDER_ID,
            name="expire",
            message="orders.expire",
            by=examples.KIM_ID,
            due_at=examples.EXPIRES_AT,
            attempts=0,
        )


class ParkedView(TimerView, frozen=True, kw_only=True):
    """A message that failed too often and was set aside; `body` is what it says."""

    parked_at: Instant
    error: str
    body: Any

    @classmethod
    def example(cls) -> Self:
        timer = replace(TimerView.example(), attempts=8)
        return cls(
            **asdict(timer),
            parked_at=examples.EXPIRES_AT,
            error="ZeroDivisionError: division by zero",
            body={},
        )


class PartitionsView(View, frozen=True, kw_only=True):
    """How many partitions of a service a node owns, and until when that is certain."""

    service: str
    node: str | None
    slots: int
    first_slot: int
    epoch_from: int
    epoch_to: int
    lease_until: Instant | None

    @classmethod
    def example(cls) -> Self:
        return cls(
            service="tickets",
            node=examples.NODE_ID,
            slots=256,
            first_slot=0,
            epoch_from=3,
            epoch_to=3,
            lease_until=examples.BOUGHT_AT,
        )


class AuditView(View, frozen=True, kw_only=True):
    """What an administrator did. `hash` covers the entry and `previous`, the hash before it."""

    seq: int
    at: Instant
    by: str
    action: str
    subject: str
    reason: str
    before: Mapping[str, str | int | bool | None]
    after: Mapping[str, str | int | bool | None]
    previous: str
    hash: str

    @classmethod
    def example(cls) -> Self:
        return cls(
            seq=1,
            at=examples.BOUGHT_AT,
            by=examples.KIM_ID,
            action="actor.restart",
            subject=f"ticket:{examples.TICKET_ID}",
            reason="It has been stuck since the deployment",
            before={"status": "running"},
            after={"status": "idle"},
            previous="",
            hash="0" * 64,
        )
