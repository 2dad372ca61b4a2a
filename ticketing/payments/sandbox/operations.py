"""What each call of the API does: parameters in, what changed, the events of it and the answer out.

No I/O and no waiting: an operation decides on what the books hold now, and its caller writes the
outcome down at once.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from ticketing.payments.sandbox import (
    events,
    intent_operations,
    names,
    refund_operations,
    shapes,
    token_operations,
)
from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.call import Call, Change, Outcome
from ticketing.payments.sandbox.events import Event, Happening
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["CHANGES", "numbered", "run", "told"]

CHANGES: Final[Mapping[str, Change]] = {
    "create": intent_operations.create,
    "confirm": intent_operations.confirm,
    "capture": intent_operations.capture,
    "cancel": intent_operations.cancel,
    "authenticate": intent_operations.authenticate,
    "refund": refund_operations.refund,
    "confirmation_token": token_operations.make,
    "test_confirmation_token": token_operations.make_for_test,
}


def run(change: Change, books: Books, call: Call, *, awaited: bool) -> Outcome:
    """Carry out *change*; refusals and declines are outcomes like any other.

    *awaited* says whether a webhook endpoint wants to know of what happens.
    """
    try:
        outcome = change(books, call)
    except Refusal as refusal:
        about = None
        if refusal.kept and call.name is not None:
            about = books.intent(call.name)
        body = shapes.refusal_shape(refusal, about)
        return Outcome(status=refusal.status, body=body, kept=refusal.kept)
    happened = numbered(told(books, outcome.effect), call.now, awaited=awaited)
    made = tuple(
        replace(event, request_id=call.request_id, idempotency_key=call.key) for event in happened
    )
    return replace(outcome, effect=replace(outcome.effect, events=made))


def told(books: Books, effect: Entry) -> Iterator[Happening]:
    """What *effect* means, compared with what the books hold before it is written."""
    intent, refund = effect.intent, effect.refund
    if intent is not None:
        yield from events.of_intent(books.intent(intent.id), intent)
    if refund is not None and intent is not None:
        yield from events.of_refund(books.refund(refund.id), refund, intent)


def numbered(happenings: Iterable[Happening], now: int, *, awaited: bool) -> Iterator[Event]:
    """Events out of what happened at *now* (Unix seconds)."""
    for what in happenings:
        yield Event(id=names.new("evt_3"), created=now, what=what, awaited=awaited)
