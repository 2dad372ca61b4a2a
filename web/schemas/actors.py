"""Actors and their journals, as administrators see them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from msgspec import UNSET, Meta, UnsetType

from actors import seen
from web.fields import Limit, Rule, Words
from web.input import Input
from web.instants import Instant
from web.schemas import examples
from web.schemas.view import View

__all__ = [
    "ActorLine",
    "ActorView",
    "ActorsQuery",
    "CrashView",
    "JournalLineView",
    "JournalQuery",
    "JournalView",
    "MessageView",
    "RunningView",
    "TurnView",
    "WaitingTimerView",
]

STATUSES: Final = ("asleep", "idle", "running", "suspended", "held", "quarantined")
SORTS: Final = ("restarts", "mailbox", "idle", "version", "key")

# As many versions as a bigint counts.
_VERSION_MAX: Final = 2**63 - 1


def _one_of(*names: str) -> Any:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError
        return name

    return Rule(f"must be one of {', '.join(names)}", check)


_Status = Annotated[str, Meta(extra_json_schema={"enum": list(STATUSES)}), _one_of(*STATUSES)]
_Sort = Annotated[
    str,
    Meta(
        description="Restarts, mailboxes, idle times and versions: the greatest first",
        extra_json_schema={"enum": list(SORTS)},
    ),
    _one_of(*SORTS),
]
_Version = Annotated[
    int, Meta(ge=1, le=_VERSION_MAX), Rule("must be a version: a whole number from 1 on", int)
]


class ActorsQuery(Input, frozen=True, kw_only=True):
    """Which actors, of those in memory and those that failed. `key` is how a key begins."""

    service: Words | UnsetType = UNSET
    kind: Words | UnsetType = UNSET
    status: _Status | UnsetType = UNSET
    key: Words | UnsetType = UNSET
    sort: _Sort = "key"
    limit: Limit = 50
    after: str | UnsetType = UNSET


class JournalQuery(Input, frozen=True, kw_only=True):
    """A page of facts, or with `at` one version: its facts, and the state as it was then."""

    at: _Version | UnsetType = UNSET
    limit: Limit = 50
    after: str | UnsetType = UNSET


class ActorLine(View, frozen=True, kw_only=True):
    """An actor as a line of a list. An account's key is its user's id."""

    kind: str
    key: str
    service: str
    node: str
    status: seen.ActorStatus
    mailbox: int
    version: int
    restarts: int
    last_error: str | None
    idle_seconds: float

    @classmethod
    def example(cls) -> Self:
        return cls(
            kind="ticket",
            key=examples.TICKET_ID,
            service="tickets",
            node=examples.NODE_ID,
            status="idle",
            mailbox=0,
            version=2,
            restarts=0,
            last_error=None,
            idle_seconds=3.2,
        )


class WaitingTimerView(View, frozen=True, kw_only=True):
    """A durable message to an actor that is not due yet; a timer has a name."""

    name: str | None
    message: str
    due_at: Instant
    attempts: int


class MessageView(View, frozen=True, kw_only=True):
    """A message that waits. `waitsSeconds` is null if it came before anybody looked."""

    name: str
    is_durable: bool
    by: str | None
    waits_seconds: float | None
    due_at: Instant | None


class TurnView(View, frozen=True, kw_only=True):
    """A turn that took place while somebody looked."""

    at: Instant
    cause: str
    outcome: str
    wait_seconds: float | None
    run_seconds: float
    commit_seconds: float | None


class RunningView(View, frozen=True, kw_only=True):
    """The message that is being handled."""

    cause: str
    seconds: float


class CrashView(View, frozen=True, kw_only=True):
    """How it failed last."""

    at: Instant
    cause: str
    error: str
    traceback: str
    restarts: int


class ActorView(ActorLine, frozen=True, kw_only=True):
    """One actor as it is at `at`; one that sleeps is read from its row and sleeps on.

    `before` is its state one version earlier; `stack` is where its turn waits; `actions` are those
    that make sense now. Secrets and personal data are replaced by marks such as `(secret)`.
    """

    at: Instant
    is_resident: bool
    state: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    timers: Sequence[WaitingTimerView]
    messages: Sequence[MessageView]
    turns: Sequence[TurnView]
    running: RunningView | None
    stack: Sequence[str]
    crash: CrashView | None
    actions: Sequence[str]

    @classmethod
    def example(cls) -> Self:
        line = ActorLine.example()
        return cls(
            **{name: getattr(line, name) for name in line.__struct_fields__},
            at=examples.BOUGHT_AT,
            is_resident=True,
            state={"id": examples.TICKET_ID, "version": 2, "status": "reserved"},
            before={"id": examples.TICKET_ID, "version": 1, "status": "available"},
            timers=(
                WaitingTimerView(
                    name="release",
                    message="tickets.lapse",
                    due_at=examples.EXPIRES_AT,
                    attempts=0,
                ),
            ),
            messages=(),
            turns=(
                TurnView(
                    at=examples.BOUGHT_AT,
                    cause="tickets.reserve",
                    outcome="done",
                    wait_seconds=0.0001,
                    run_seconds=0.0002,
                    commit_seconds=0.0031,
                ),
            ),
            running=None,
            stack=(),
            crash=None,
            actions=("restart", "passivate", "suspend", "release"),
        )


class JournalLineView(View, frozen=True, kw_only=True):
    """A fact: the `seq`-th of those that made `version`."""

    version: int
    seq: int
    at: Instant
    by: str | None
    cause: str
    fact: str
    data: Any


class JournalView(View, frozen=True, kw_only=True):
    """A page of facts, oldest first; or one version's, with the state as it was then."""

    lines: Sequence[JournalLineView]
    version: int | None = None
    state: Mapping[str, Any] | None = None

    @classmethod
    def example(cls) -> Self:
        line = JournalLineView(
            version=1,
            seq=1,
            at=examples.LISTED_AT,
            by=examples.SAM_ID,
            cause="tickets.list",
            fact="ticket.listed",
            data={"title": examples.TITLE, "price_minor": 1999, "currency": "usd"},
        )
        return cls(lines=(line,))
