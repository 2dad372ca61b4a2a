"""All nodes as a whole, as administrators see them."""

from collections.abc import Mapping, Sequence
from typing import Literal, Self

from web.instants import Instant
from web.schemas import examples
from web.schemas.view import View

__all__ = [
    "GatewayView",
    "LedgerView",
    "NodeView",
    "OverviewView",
    "PaymentsView",
    "ServiceView",
    "TimersView",
    "WorkerView",
]


class NodeView(View, frozen=True, kw_only=True):
    """A process of the deployment, and what it runs; `isThis`: it is the one that answers.

    What has not been `answered` in time is not in the figures. A node that is `draining` gives away
    what it has.
    """

    node: str
    services: Sequence[str]
    state: Literal["up", "draining"]
    is_this: bool
    answered: bool


class ServiceView(View, frozen=True, kw_only=True):
    """A service: how it is doing, and how much of it is in memory."""

    service: str
    is_degraded: bool
    quarantined: int
    restarts: int
    parked: int
    last_error: str | None
    resident: int
    running: int


class WorkerView(View, frozen=True, kw_only=True):
    """The workers of one kind."""

    kind: str
    service: str
    running: int
    waiting: int
    concurrency: int


class TimersView(View, frozen=True, kw_only=True):
    """Durable messages: `waiting` are those in memory; null: the database does not answer.

    Those `handled` since the start were late by `lateSeconds`, all together.
    """

    handled: int
    late_seconds: float

    waiting: int
    pending: int | None
    overdue: int | None
    next_at: Instant | None


class GatewayView(View, frozen=True, kw_only=True):
    """The sockets of live updates, and the topics that they watch."""

    sockets: int
    topics: int


class PaymentsView(View, frozen=True, kw_only=True):
    """Payments whose ticket is sold while nobody knows whether the money was taken."""

    unknown: int


class LedgerView(View, frozen=True, kw_only=True):
    """How the running system finds itself to be: the last round that was gone through whole.

    `violations` and `examples` (rule and actor) are of that round, or of the one that goes on if it
    has found any already; `failed` slices could not be looked at. Before the first round has ended,
    `checkedAt` is null. `actors` were compared with their histories, in `seconds`.
    """

    checked_at: Instant | None
    seconds: float | None
    actors: int
    violations: int
    examples: Sequence[str]
    failed: int


class OverviewView(View, frozen=True, kw_only=True):
    """All nodes together: sums, but for `loopLagSeconds`, which is the greatest.

    `turns` and what is of batches count from the start of each; `node` is the one that
    answers.
    """

    now: Instant
    node: str
    nodes: Sequence[NodeView]
    loop_lag_seconds: float
    services: Sequence[ServiceView]
    residents: Mapping[str, int]
    workers: Sequence[WorkerView]
    turns: int
    batches: int
    batch_turns: int
    batch_seconds: float
    timers: TimersView
    gateway: GatewayView
    payments: PaymentsView
    ledger: LedgerView | None
    """Null: the database does not answer."""
    store_available: bool

    @classmethod
    def example(cls) -> Self:
        tickets = ServiceView(
            service="tickets",
            is_degraded=False,
            quarantined=0,
            restarts=0,
            parked=0,
            last_error=None,
            resident=312,
            running=2,
        )
        return cls(
            now=examples.BOUGHT_AT,
            node=examples.NODE_ID,
            nodes=(
                NodeView(
                    node=examples.NODE_ID,
                    services=("auth", "tickets", "orders", "expiration", "payments"),
                    state="up",
                    is_this=True,
                    answered=True,
                ),
            ),
            loop_lag_seconds=0.0004,
            services=(tickets,),
            residents={"ticket": 312},
            workers=(
                WorkerView(kind="teller", service="payments", running=1, waiting=0, concurrency=16),
            ),
            turns=48_210,
            batches=9_120,
            batch_turns=31_044,
            batch_seconds=41.5,
            timers=TimersView(
                handled=1_204,
                late_seconds=3.8,
                waiting=12,
                pending=418,
                overdue=0,
                next_at=examples.EXPIRES_AT,
            ),
            gateway=GatewayView(sockets=24, topics=31),
            payments=PaymentsView(unknown=0),
            ledger=LedgerView(
                checked_at=examples.BOUGHT_AT,
                seconds=64.2,
                actors=1_310,
                violations=0,
                examples=(),
                failed=0,
            ),
            store_available=True,
        )
