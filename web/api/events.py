"""Events: announce, find, look."""

from aiohttp import hdrs, web

from actors import NotFoundError
from ticketing import events
from ticketing.errors import EventExistsError, InvalidStartError
from ticketing.events import Category, EventState, queries
from ticketing.values import EventId
from web import instants, pages
from web.call import Call, json_answer
from web.routing import Route
from web.schemas import events as schemas

__all__ = ["ROUTES"]


async def create(call: Call[schemas.NewEvent]) -> web.Response:
    said, post_id = call.input, call.new_id
    starts_at = instants.parse(said.starts_at)
    # Announced twice, an event meets itself in one actor; one that is distinct has its own.
    event_id = EventId(post_id)
    if not said.distinct:
        event_id = events.identity(said.name, said.city, starts_at)
        alike = await queries.likely_duplicates(call.reads, said.name, said.city, starts_at)
        # A retry finds what it made itself, and is given that.
        if alike and post_id not in {each.post_id for each in alike}:
            raise _exists(alike)
    try:
        event = await call.ask_once(
            events.event(event_id),
            events.Add(
                user_id=call.user_id,
                post_id=post_id,
                name=said.name,
                category=Category(said.category),
                venue=said.venue,
                city=said.city,
                starts_at=starts_at,
                time_zone=said.time_zone,
            ),
            creates=said.distinct,
        )
    except EventExistsError:
        # Somebody announced it since we looked.
        found = await queries.find(call.reads, event_id)
        raise _exists([] if found is None else [found]) from None
    response = json_answer(schemas.view(event), 201)
    response.headers[hdrs.LOCATION] = f"/api/events/{event.id}"
    return response


async def find_page(call: Call[schemas.EventsQuery]) -> web.Response:
    query = call.input
    found = await queries.page(call.reads, schemas.search_of(query))
    shown = found[: query.limit]
    response = json_answer([schemas.view(each) for each in shown])
    if len(found) > len(shown):
        after = pages.cursor(schemas.ORDER_OF_PAGES, queries.sort_key(shown[-1]))
        pages.link_next(call.request, response, after)
    return response


async def find_one(call: Call[None]) -> web.Response:
    event = await queries.find(call.reads, EventId(call.path_id))
    if event is None:
        raise NotFoundError
    return json_answer(schemas.view(event))


def _exists(alike: list[EventState]) -> EventExistsError:
    return EventExistsError(events=tuple(schemas.view(each) for each in alike))


ROUTES = (
    Route(
        method="GET",
        path="/api/events",
        handler=find_page,
        summary="Search events, soonest first, a page at a time",
        input=schemas.EventsQuery,
        replies={200: list[schemas.EventView]},
    ),
    Route(
        method="POST",
        path="/api/events",
        handler=create,
        summary="Announce an event that tickets can be for",
        input=schemas.NewEvent,
        replies={201: schemas.EventView},
        refusals=(EventExistsError, InvalidStartError),
        signed_in=True,
        once=True,
    ),
    Route(
        method="GET",
        path="/api/events/{id}",
        handler=find_one,
        summary="One event",
        replies={200: schemas.EventView},
        refusals=(NotFoundError,),
    ),
)
