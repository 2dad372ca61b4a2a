"""What the provider's events tell that no webhook did: which payments should look again.

And what the provider did for us that we know nothing of, which is so when the database has been
restored from a backup that is older. Nothing follows from that by itself: several deployments may
share an account (a test account, mostly), and the money of another is not ours to give back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from ticketing.payments import queries
from ticketing.payments.messages import Touch, TouchRefund
from ticketing.payments.outcomes import Happened, Unknown
from ticketing.payments.state import Attempt, AttemptStatus
from ticketing.payments.steps import may_matter
from ticketing.payments.transport import TOO_MANY_EVENTS, StripeTransport
from ticketing.reads import Reads
from ticketing.values import OrderId

__all__ = ["Hint", "Swept", "hints", "look", "unclaimed"]

# An event may get into the list late, and the provider's clock is not ours.
OVERLAP: Final = timedelta(minutes=2)

# What has only just happened is being dealt with; the next look, within the overlap, sees it again.
FRESH: Final = timedelta(seconds=2)

# Money is held or has moved.
_MOVED: Final = frozenset({"requires_capture", "succeeded"})

# No second has more events than can be read at once.
SPAN_MIN: Final = timedelta(seconds=1)


class Hint(msgspec.Struct, frozen=True):
    """Something for the payment of *order_id* to look at, once for all of the same *name*."""

    order_id: OrderId
    message: Touch | TouchRefund
    name: str


class Swept(msgspec.Struct, frozen=True):
    """Everything that happened before *until* has been looked at."""

    until: datetime
    hints: tuple[Hint, ...]
    unclaimed: tuple[Happened, ...]


async def look(
    transport: StripeTransport, reads: Reads, since: datetime, now: datetime
) -> Swept | Unknown:
    """Which payments do not fit what happened from a little before *since* until *now*.

    If more happened than can be read at once, the first part of the time is looked at.
    """
    until = now
    events = await transport.events(since=since - OVERLAP, until=until)
    while isinstance(events, Unknown):
        until = since + (until - since) / 2
        if events.reason != TOO_MANY_EVENTS or until - since < SPAN_MIN:
            return events
        events = await transport.events(since=since - OVERLAP, until=until)
    news = latest(event for event in events if event.created <= now - FRESH)
    attempts = await queries.attempts_of(reads, {each.order_id for each in news})
    return Swept(until, hints(news, attempts), unclaimed(news, attempts))


def latest(events: Iterable[Happened]) -> list[Happened]:
    """The last word on each intent and on its refunds, of *events* from the newest to the oldest.

    A refund that failed is the last word on it: no later event takes that back.
    """
    last: dict[tuple[str, bool], Happened] = {}
    for event in events:
        words = last.setdefault((event.intent_id, event.is_refund), event)
        if event.is_refund and _has_failed(event) and not _has_failed(words):
            last[event.intent_id, True] = event
    return list(last.values())


def hints(
    news: Iterable[Happened], attempts: Mapping[OrderId, Sequence[Attempt]]
) -> tuple[Hint, ...]:
    """What the payments that are not where *news* says they should be have to be told."""
    return tuple(
        hint
        for event in news
        if (hint := _hint(event, attempts.get(OrderId(event.order_id), ()))) is not None
    )


def unclaimed(
    news: Iterable[Happened], attempts: Mapping[OrderId, Sequence[Attempt]]
) -> tuple[Happened, ...]:
    """What of *news* is money held, taken or given back that no payment has ever asked for."""
    return tuple(
        event
        for event in news
        if event.status in _MOVED
        and _is_unclaimed(event, attempts.get(OrderId(event.order_id), ()))
    )


def _is_unclaimed(event: Happened, attempts: Sequence[Attempt]) -> bool:
    if not event.is_refund:
        return not attempts  # Whoever asks for money has written so before.
    own = next((each for each in attempts if each.intent_id == event.intent_id), None)
    return own is not None and own.status is AttemptStatus.CAPTURED


def _hint(event: Happened, attempts: Sequence[Attempt]) -> Hint | None:
    if not attempts:
        return None  # Somebody else's intent, or one that we have forgotten.
    order_id = OrderId(event.order_id)
    own = next((each for each in attempts if each.intent_id == event.intent_id), None)
    if event.is_refund:
        if own is None or own.status is not AttemptStatus.REFUNDED or not _has_failed(event):
            return None
        refund = TouchRefund(intent_id=event.intent_id)
        return Hint(order_id, refund, f"refund:{event.intent_id}")
    touch = Touch(intent_id=event.intent_id, status=event.status)
    if not may_matter(own or attempts[-1], touch):
        return None
    return Hint(order_id, touch, f"touch:{event.intent_id}")


def _has_failed(event: Happened) -> bool:
    return event.status in {"failed", "canceled"}
