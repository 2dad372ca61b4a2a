"""What is due, what was set aside, who owns what, and what administrators did: page by page."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import UNSET

from actors import InboxRow, ParkedRow
from actors.redaction import redacted_message
from ticketing.audit import queries as audit
from ticketing.values import ADMIN
from web import instants, pages
from web.admin import cursors, names
from web.admin.texts import cleaned
from web.call import Call, json_answer
from web.routing import Route
from web.schemas import admin as schemas

__all__ = ["ROUTES"]

_Place = tuple[datetime, str]


async def timers(call: Call[schemas.TimersQuery]) -> web.Response:
    query = call.input
    name = f"timers {query.kind or ''}"
    rows = await call.gateway.desk.stored.timers(
        after=_after(call, name, _Place), limit=query.limit + 1, kind=query.kind or None
    )
    shown = rows[: query.limit]
    keys = await names.shown([row.ref for row in shown], call.reads)
    response = json_answer([_timer(row, keys[row.ref]) for row in shown])
    if len(rows) > len(shown):
        _link(call, response, name, (shown[-1].due_at, shown[-1].id))
    return response


async def parked(call: Call[schemas.PageQuery]) -> web.Response:
    limit = call.input.limit
    rows = await call.gateway.runtime.store.parked(limit + 1, _after(call, "parked", _Place))
    shown = rows[:limit]
    keys = await names.shown([row.row.ref for row in shown], call.reads)
    response = json_answer([_parked(row, keys[row.row.ref]) for row in shown])
    if len(rows) > len(shown):
        _link(call, response, "parked", (shown[-1].parked_at, shown[-1].row.id))
    return response


async def partitions(call: Call[None]) -> web.Response:
    owned = await call.gateway.desk.stored.partitions()
    return json_answer(
        [
            schemas.PartitionsView(
                service=each.service,
                node=each.node,
                slots=each.slots,
                first_slot=each.first_slot,
                epoch_from=each.epoch_from,
                epoch_to=each.epoch_to,
                lease_until=None if each.lease_until is None else instants.shown(each.lease_until),
            )
            for each in owned
        ]
    )


async def audit_log(call: Call[schemas.PageQuery]) -> web.Response:
    limit = call.input.limit
    entries = await audit.page(call.reads, limit + 1, _after(call, "audit", int))
    shown = entries[:limit]
    response = json_answer(
        [
            schemas.AuditView(**{**msgspec.structs.asdict(entry), "at": instants.shown(entry.at)})
            for entry in shown
        ]
    )
    if len(entries) > len(shown):
        _link(call, response, "audit", shown[-1].seq)
    return response


def _after(call: Call[Any], name: str, kind: Any) -> Any:
    """The place in the list *name* after which the page begins; None: at its beginning."""
    after = call.input.after
    return None if after is UNSET else cursors.place(call.gateway.vault, name, after, kind)


def _link(call: Call[Any], response: web.Response, name: str, last: Any) -> None:
    pages.link_next(call.request, response, cursors.sealed(call.gateway.vault, name, last))


def _timer(row: InboxRow, key: str) -> schemas.TimerView:
    return schemas.TimerView(
        id=row.id,
        kind=row.kind,
        key=key,
        name=row.name,
        message=row.message,
        by=row.by,
        due_at=instants.shown(row.due_at),
        attempts=row.attempts,
    )


def _parked(parked: ParkedRow, key: str) -> schemas.ParkedView:
    row = parked.row
    return schemas.ParkedView(
        **msgspec.structs.asdict(_timer(row, key)),
        parked_at=instants.shown(parked.parked_at),
        error=cleaned(parked.error),
        body=redacted_message(row.message, row.body),
    )


def _list(path: str, handler: Any, summary: str, query: Any, entry: Any) -> Route:
    return Route(
        method="GET",
        path=f"/api/admin/{path}",
        handler=handler,
        summary=summary,
        input=query,
        replies={200: list[entry]},
        signed_in=True,
        role=ADMIN,
    )


ROUTES: Final[Sequence[Route]] = (
    _list(
        "timers",
        timers,
        "Durable messages that are due later or now, soonest first",
        schemas.TimersQuery,
        schemas.TimerView,
    ),
    _list(
        "parked",
        parked,
        "Messages that failed too often and wait for a decision",
        schemas.PageQuery,
        schemas.ParkedView,
    ),
    _list(
        "partitions",
        partitions,
        "Which node owns how many partitions of each service",
        None,
        schemas.PartitionsView,
    ),
    _list(
        "audit",
        audit_log,
        "What administrators did, and why: the newest first",
        schemas.PageQuery,
        schemas.AuditView,
    ),
)
