"""What each call that only looks gives: one object, or a page of them, newest first."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, TypeVar

import msgspec

from ticketing.payments.sandbox import events, form, objects, shapes
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.events import Event
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intent_operations import found
from ticketing.payments.sandbox.refunds import Refund
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.shapes import Json

__all__ = ["READS", "Look", "Read"]

# Stripe's page sizes: https://docs.stripe.com/api/pagination.
PAGE_DEFAULT: Final = 10
PAGE_MAX: Final = 100

# Stripe's limit on the filter of events.
TYPES_MAX: Final = 20

_BOUNDS: Final = ("gt", "gte", "lt", "lte")
_PAGING: Final = {"limit", "starting_after", "ending_before"}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """One request that only looks. *now* is in Unix seconds, *name* is the id in the address."""

    form: Form
    now: int
    name: str | None = None
    publishable: bool = False


Read: TypeAlias = Callable[[Books, Look], Json]


class _Listed(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def created(self) -> int: ...


T = TypeVar("T", bound=_Listed)


def retrieve_intent(books: Books, look: Look) -> Json:
    """GET /v1/payment_intents/{id}; with a publishable key only for who has the client secret."""
    look.form.only({"client_secret"})
    secret = look.form.text("client_secret")
    if secret is None and look.publishable:
        raise form.missing("client_secret")
    intent = found(books, look.name)
    if secret is not None and not hmac.compare_digest(
        intent.client_secret.encode(), secret.encode()
    ):
        raise Refusal.missing("payment_intent", intent.id, param="client_secret", status=404)
    return shapes.publishable_shape(intent) if look.publishable else shapes.intent_shape(intent)


def list_intents(books: Books, look: Look) -> Json:
    """GET /v1/payment_intents."""
    look.form.only(_PAGING, groups=("created",))
    found_, more = _page(books.intents(), look.form, "payment_intent")
    data = [shapes.intent_shape(intent) for intent in found_]
    return shapes.list_shape("/v1/payment_intents", data, has_more=more)


def retrieve_refund(books: Books, look: Look) -> Json:
    """GET /v1/refunds/{id}."""
    look.form.only(())
    refund = books.refund(look.name or "")
    if refund is None:
        raise Refusal.missing("refund", look.name or "", param="refund", status=404)
    return objects.refund_shape(refund)


def list_refunds(books: Books, look: Look) -> Json:
    """GET /v1/refunds, of one intent or charge if the parameters say so."""
    look.form.only(_PAGING | {"payment_intent", "charge"}, groups=("created",))
    intent_id, charge_id = look.form.text("payment_intent"), look.form.text("charge")

    def of_it(refund: Refund) -> bool:
        return intent_id in (None, refund.payment_intent) and charge_id in (None, refund.charge)

    found_, more = _page(books.refunds(), look.form, "refund", of_it)
    data = [objects.refund_shape(refund) for refund in found_]
    return shapes.list_shape("/v1/refunds", data, has_more=more)


def retrieve_event(books: Books, look: Look) -> Json:
    """GET /v1/events/{id}."""
    look.form.only(())
    event = books.event(look.name or "")
    if event is None or event.created < look.now - events.KEEP_SECONDS:
        raise Refusal.missing("event", look.name or "", param="id", status=404)
    return _event_shape(books, event)


def list_events(books: Books, look: Look) -> Json:
    """GET /v1/events, of the last thirty days."""
    look.form.only(_PAGING | {"type", "delivery_success"}, groups=("created", "types"))
    one, many = look.form.text("type"), look.form.all("types")
    if one is not None and many:
        raise Refusal("Give one of type and types.", param="types")
    if len(many) > TYPES_MAX:
        raise Refusal(f"At most {TYPES_MAX} types.", param="types")
    patterns = many or ([] if one is None else [one])
    delivered = None
    if look.form.text("delivery_success") is not None:
        delivered = look.form.flag("delivery_success")

    def wanted(event: Event) -> bool:
        if patterns and not any(_fits(event.what.type, pattern) for pattern in patterns):
            return False
        if event.created < look.now - events.KEEP_SECONDS:
            return False
        return delivered is None or delivered is not books.is_undelivered(event.id)

    found_, more = _page(books.events(), look.form, "event", wanted)
    data = [_event_shape(books, event) for event in found_]
    return shapes.list_shape("/v1/events", data, has_more=more)


def retrieve_token(books: Books, look: Look) -> Json:
    """GET /v1/confirmation_tokens/{id}."""
    look.form.only(())
    token = books.token(look.name or "")
    if token is None or look.now >= token.expires_at:
        name = look.name or ""
        raise Refusal.missing("confirmation_token", name, param="confirmation_token", status=404)
    return objects.token_shape(token)


READS: Final[Mapping[str, Read]] = {
    "retrieve": retrieve_intent,
    "list": list_intents,
    "retrieve_refund": retrieve_refund,
    "list_refunds": list_refunds,
    "retrieve_event": retrieve_event,
    "events": list_events,
    "retrieve_confirmation_token": retrieve_token,
}


def _event_shape(books: Books, event: Event) -> Json:
    return objects.event_shape(event, pending=books.is_undelivered(event.id))


def _page(
    everything: Sequence[T],
    form_: Form,
    what: str,
    wanted: Callable[[T], bool] = lambda _each: True,
) -> tuple[Sequence[T], bool]:
    """A page of what the parameters ask for, and whether there is more in that direction."""
    limit = form_.positive("limit") or PAGE_DEFAULT
    if limit > PAGE_MAX:
        raise Refusal(f"Limit cannot exceed {PAGE_MAX}.", param="limit")
    after, before = form_.text("starting_after"), form_.text("ending_before")
    if after is not None and before is not None:
        raise Refusal("Give one of starting_after and ending_before.", param="ending_before")
    if after is not None:
        everything = everything[_position(everything, after, what, "starting_after") + 1 :]
    if before is not None:
        everything = everything[: _position(everything, before, what, "ending_before")]
    bounds = {name: form_.integer(f"created[{name}]") for name in _BOUNDS}
    found_ = [each for each in everything if _within(each.created, bounds) and wanted(each)]
    page = found_[-limit:] if before is not None else found_[:limit]
    return page, len(found_) > limit


def _position(everything: Sequence[_Listed], name: str, what: str, param: str) -> int:
    for position, each in enumerate(everything):
        if each.id == name:
            return position
    raise Refusal.missing(what, name, param=param)


def _within(created: int, bounds: Mapping[str, int | None]) -> bool:
    gt, gte, lt, lte = (bounds[name] for name in _BOUNDS)
    return (
        (gt is None or created > gt)
        and (gte is None or created >= gte)
        and (lt is None or created < lt)
        and (lte is None or created <= lte)
    )


def _fits(type_: str, pattern: str) -> bool:
    """Whether an event's type is *pattern*, or of the group that it names: `charge.*`."""
    start, star, _ = pattern.partition("*")
    return type_.startswith(start) if star else type_ == pattern
