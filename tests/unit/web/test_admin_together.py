"""The figures of several nodes as those of one."""

from datetime import timedelta

import pytest

from actors import UnavailableError
from actors.seen import NodeSeen, Overview, WorkerSeen
from actors.store import Member
from actors.supervisor import ServiceHealth
from tests.support.clock import START
from ticketing.fsck.rounds import Health
from web import instants
from web.admin import together

LEDGER = Health(
    last_began_at=START - timedelta(minutes=1), last_ended_at=START, last_actors=9, last_failed=1,
    last_violations=1, last_examples=["live: order b"], began_at=START, actors=3, failed=0,
    violations=2, examples=["fold: ticket a"],
)  # fmt: skip


def seen(number: int, *, degraded: bool = False) -> NodeSeen:
    health = ServiceHealth(
        service="tickets", is_degraded=degraded, quarantined=number, restarts=2, parked=3,
        last_error="Oh" if degraded else None,
    )  # fmt: skip
    overview = Overview(
        services=[health],
        resident={"ticket": 10 * number},
        running={"ticket": number},
        workers=[
            WorkerSeen(kind="teller", service="payments", running=1, waiting=number, concurrency=4)
        ],
        turns=100,
        batches=50,
        batch_turns=90,
        batch_seconds=0.5,
        due=10,
        late_seconds=0.1,
        timers_waiting=number,
        next_timer_at=START + timedelta(seconds=number) if number else None,
        store_available=not degraded,
    )
    counts = {together.SOCKETS: number, together.UNKNOWN: number}
    return NodeSeen(overview=overview, lag_seconds=number / 10, counts=counts)


MEMBERS = [Member(name, ("tickets", "payments"), "up") for name in "abc"]


def view(*nodes: NodeSeen | None) -> together.overview.OverviewView:
    return together.view(
        list(zip(MEMBERS, nodes, strict=False)), now=START, this="a", pending=7, overdue=None,
        ledger=LEDGER,
        service=lambda kind: {"ticket": "tickets"}[kind],
    )  # fmt: skip


def test_figures_are_added_up() -> None:
    both = view(seen(1), seen(2, degraded=True))
    [tickets] = both.services
    assert (tickets.resident, tickets.running, tickets.quarantined) == (30, 3, 3)
    assert (tickets.is_degraded, tickets.restarts, tickets.last_error) == (True, 4, "Oh")
    assert both.residents == {"ticket": 30}
    [teller] = both.workers
    assert (teller.running, teller.waiting, teller.concurrency) == (2, 3, 8)
    assert (both.turns, both.batches, both.batch_turns, both.batch_seconds) == (200, 100, 180, 1.0)
    assert (both.timers.handled, both.timers.late_seconds) == (20, 0.2)
    assert (both.timers.waiting, both.timers.pending, both.timers.overdue) == (3, 7, None)
    assert both.timers.next_at == instants.shown(START + timedelta(seconds=1))
    assert both.gateway.sockets == 3
    assert both.payments.unknown == 2  # Both have counted the same ones.
    assert both.loop_lag_seconds == 0.2
    assert not both.store_available
    assert both.ledger is not None
    # What goes on is worse than the round that has ended.
    assert (both.ledger.violations, both.ledger.examples) == (2, ["fold: ticket a"])
    assert (both.ledger.seconds, both.ledger.actors, both.ledger.failed) == (60.0, 9, 1)


def test_who_does_not_answer_is_named_and_not_counted() -> None:
    some = view(seen(1), None, seen(0))
    assert [(each.node, each.is_this, each.answered) for each in some.nodes] == [
        ("a", True, True),
        ("b", False, False),
        ("c", False, True),
    ]
    assert some.residents == {"ticket": 10}


def test_nobody_answers() -> None:
    with pytest.raises(UnavailableError):
        view(None)
