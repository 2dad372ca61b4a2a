"""All nodes as one: what each has said of itself, added up."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TypeAlias

from actors import UnavailableError
from actors.seen import NodeSeen, Overview, WorkerSeen
from actors.store import Member
from actors.supervisor import ServiceHealth
from ticketing.fsck.rounds import Health
from web import instants
from web.admin.texts import cleaned
from web.schemas import overview

__all__ = ["SOCKETS", "TOPICS", "UNKNOWN", "Seen", "view"]

# What is counted above the runtime (see `Nodes.count`).
SOCKETS, TOPICS, UNKNOWN = "sockets", "topics", "unknown"

Seen: TypeAlias = Sequence[tuple[Member, NodeSeen | None]]
"""The nodes, and what those said of themselves that answered."""


def view(
    seen: Seen,
    *,
    now: datetime,
    this: str,
    pending: int | None,
    overdue: int | None,
    ledger: Health | None,
    service: Callable[[str], str],
) -> overview.OverviewView:
    """What an administrator is shown; *pending*, *overdue* and *ledger* are of all of it.

    *service* is the service of a kind.

    Raises:
        UnavailableError: not even this node answers.

    """
    answered = [node for _, node in seen if node is not None]
    if not answered:
        raise UnavailableError
    every = [node.overview for node in answered]
    next_at = min((each.next_timer_at for each in every if each.next_timer_at), default=None)
    return overview.OverviewView(
        now=instants.shown(now),
        node=this,
        nodes=[_node(member, this, answered=node is not None) for member, node in seen],
        loop_lag_seconds=max(node.lag_seconds for node in answered),
        services=_services(every, service),
        residents=_sum(each.resident for each in every),
        workers=_workers(every),
        turns=sum(each.turns for each in every),
        batches=sum(each.batches for each in every),
        batch_turns=sum(each.batch_turns for each in every),
        batch_seconds=sum(each.batch_seconds for each in every),
        timers=overview.TimersView(
            handled=sum(each.due for each in every),
            late_seconds=sum(each.late_seconds for each in every),
            waiting=sum(each.timers_waiting for each in every),
            pending=pending,
            overdue=overdue,
            next_at=None if next_at is None else instants.shown(next_at),
        ),
        gateway=overview.GatewayView(
            sockets=sum(node.counts.get(SOCKETS, 0) for node in answered),
            topics=sum(node.counts.get(TOPICS, 0) for node in answered),
        ),
        # Every node that has counted them lately has counted all of them.
        payments=overview.PaymentsView(
            unknown=max(node.counts.get(UNKNOWN, 0) for node in answered)
        ),
        ledger=None if ledger is None else _ledger(ledger),
        store_available=all(each.store_available for each in every),
    )


def _ledger(health: Health) -> overview.LedgerView:
    seconds = None
    if health.last_began_at is not None and health.last_ended_at is not None:
        seconds = (health.last_ended_at - health.last_began_at).total_seconds()
    is_worse = health.violations > health.last_violations
    return overview.LedgerView(
        checked_at=None if health.last_ended_at is None else instants.shown(health.last_ended_at),
        seconds=seconds,
        actors=health.last_actors,
        violations=health.violations if is_worse else health.last_violations,
        examples=health.examples if is_worse else health.last_examples,
        failed=health.last_failed,
    )


def _node(member: Member, this: str, *, answered: bool) -> overview.NodeView:
    return overview.NodeView(
        node=member.id,
        services=member.services,
        state=member.state,
        is_this=member.id == this,
        answered=answered,
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _services(
    every: Sequence[Overview], service: Callable[[str], str]
) -> list[overview.ServiceView]:
    resident, running = (
        _sum({service(kind): count} for each in every for kind, count in counts(each).items())
        for counts in (attrgetter("resident"), attrgetter("running"))
    )
    names = dict.fromkeys(health.service for each in every for health in each.services)
    return [
        _service(
            name,
            [health for each in every for health in each.services if health.service == name],
            resident=resident.get(name, 0),
            running=running.get(name, 0),
        )
        for name in names
    ]


def _service(
    name: str, health: Sequence[ServiceHealth], *, resident: int, running: int
) -> overview.ServiceView:
    return overview.ServiceView(
        service=name,
        is_degraded=any(each.is_degraded for each in health),
        quarantined=sum(each.quarantined for each in health),
        restarts=sum(each.restarts for each in health),
        parked=sum(each.parked for each in health),
        last_error=_last_error(health),
        resident=resident,
        running=running,
    )


def _last_error(health: Iterable[ServiceHealth]) -> str | None:
    return next((cleaned(each.last_error) for each in health if each.last_error is not None), None)


def _workers(every: Sequence[Overview]) -> list[overview.WorkerView]:
    of_kind: dict[str, list[WorkerSeen]] = {}
    for seen in every:
        for worker in seen.workers:
            of_kind.setdefault(worker.kind, []).append(worker)
    return [
        overview.WorkerView(
            kind=kind,
            service=workers[0].service,
            running=sum(each.running for each in workers),
            waiting=sum(each.waiting for each in workers),
            concurrency=sum(each.concurrency for each in workers),
        )
        for kind, workers in of_kind.items()
    ]
