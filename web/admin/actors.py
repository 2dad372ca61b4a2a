"""The actors: a list of those in memory, one of them whether it sleeps or not, and its journal."""

from typing import Any, Final, cast

from aiohttp import web
from msgspec import UNSET

from actors import NotFoundError, Ref
from actors.redaction import redacted
from actors.remote_inspection import ActorsWanted
from actors.seen import ActorStatus, Listed, Order, place
from actors.stored import JournalLine
from ticketing.auth import ACCOUNT
from ticketing.bootstrap import STATE_TYPES
from ticketing.values import ADMIN
from web import instants, pages
from web.admin import cursors, names
from web.admin.desk import line_view
from web.call import Call, json_answer
from web.routing import Route
from web.schemas import actors as schemas

__all__ = ["ROUTES", "found"]


async def found(call: Call[Any]) -> Ref:
    """The actor in the path.

    Raises:
        NotFoundError: there is none.

    """
    path = call.request.match_info
    return await call.gateway.desk.find(path["kind"], path["key"])


async def find_actors(call: Call[schemas.ActorsQuery]) -> web.Response:
    query, gateway = call.input, call.gateway
    order = cast("Order", query.sort)
    after = None
    if query.after is not UNSET:
        kind = tuple[float, str, str]
        after = cursors.place(gateway.vault, _list(order), query.after, kind)
    wanted = ActorsWanted(
        limit=query.limit + 1,
        service=query.service or None,
        kind=query.kind or None,
        status=cast("ActorStatus | None", query.status or None),
        key=await _beginning(call),
        order=order,
        after=after,
    )
    lines = await gateway.desk.nodes.actors(wanted)
    response = json_answer(await _shown(call, lines[: query.limit]))
    if len(lines) > query.limit:
        last = place(lines[query.limit - 1].line, order)
        pages.link_next(call.request, response, cursors.sealed(gateway.vault, _list(order), last))
    return response


def _list(order: Order) -> str:
    return f"actors by {order}"


async def _beginning(call: Call[schemas.ActorsQuery]) -> str | None:
    """How the keys begin that are asked for; an account goes by its user."""
    query = call.input
    if query.kind == ACCOUNT and query.key is not UNSET:
        ref = await names.real(ACCOUNT, query.key, call.reads)
        return query.key if ref is None else ref.key
    return query.key or None


async def _shown(call: Call[Any], lines: list[Listed]) -> list[schemas.ActorLine]:
    """*lines* without workers: those fail, too, but there is nothing of them to be looked at."""
    actors = {
        Ref(each.line.kind, each.line.key): each for each in lines if each.line.kind in STATE_TYPES
    }
    keys = await names.shown(actors, call.reads)
    return [line_view(each.line, keys[ref], each.node) for ref, each in actors.items()]


async def find_actor(call: Call[None]) -> web.Response:
    return json_answer(await call.gateway.desk.actor(await found(call)))


async def journal(call: Call[schemas.JournalQuery]) -> web.Response:
    ref = await found(call)
    if call.input.at is not UNSET:
        return json_answer(await _version(call, ref, call.input.at))
    vault, query = call.gateway.vault, call.input
    name = f"journal of {ref}"
    after = None
    if query.after is not UNSET:
        after = cursors.place(vault, name, query.after, tuple[int, int])
    lines = await call.gateway.desk.stored.journal(ref, after=after, limit=query.limit + 1)
    view = schemas.JournalView(lines=[_line(line) for line in lines[: query.limit]])
    response = json_answer(view)
    if len(lines) > query.limit:
        last = lines[query.limit - 1]
        next_ = cursors.sealed(vault, name, (last.version, last.seq))
        pages.link_next(call.request, response, next_)
    return response


async def _version(call: Call[schemas.JournalQuery], ref: Ref, version: int) -> schemas.JournalView:
    """What made *version* of *ref*, and what it was then."""
    stored = call.gateway.desk.stored
    state = await stored.state_at(ref, version)
    if state is None or state.version != version:
        raise NotFoundError
    # A turn records a few facts; no page of any other list is longer either.
    lines = await stored.journal(ref, after=(version - 1, _LAST), limit=_FACTS_MAX)
    return schemas.JournalView(
        lines=[_line(line) for line in lines if line.version == version],
        version=version,
        state=redacted(state),
    )


_LAST: Final = 2**31 - 1  # After every fact of a version: what the database's integer holds.
_FACTS_MAX: Final = 100


def _line(line: JournalLine) -> schemas.JournalLineView:
    return schemas.JournalLineView(
        version=line.version,
        seq=line.seq,
        at=instants.shown(line.at),
        by=line.by,
        cause=line.cause,
        fact=line.fact,
        data=line.data,
    )


ROUTES: Final = (
    Route(
        method="GET",
        path="/api/admin/actors",
        handler=find_actors,
        summary="The actors in memory, and those that failed, a page at a time",
        input=schemas.ActorsQuery,
        replies={200: list[schemas.ActorLine]},
        signed_in=True,
        role=ADMIN,
    ),
    Route(
        method="GET",
        path="/api/admin/actors/{kind}/{key}",
        handler=find_actor,
        summary="One actor: state, timers, mailbox, turns, failure, stack; a sleeper sleeps on",
        replies={200: schemas.ActorView},
        refusals=(NotFoundError,),
        signed_in=True,
        role=ADMIN,
    ),
    Route(
        method="GET",
        path="/api/admin/actors/{kind}/{key}/journal",
        handler=journal,
        summary="What made an actor what it is: its facts, or one version and the state then",
        input=schemas.JournalQuery,
        replies={200: schemas.JournalView},
        refusals=(NotFoundError,),
        signed_in=True,
        role=ADMIN,
    ),
)
