"""What each call of the API does: parameters in, the intent as it is then and the answer out.

No I/O and no waiting: an operation decides on what the books hold now, and its caller writes the
outcome down at once.
"""

import secrets
import string
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec

from ticketing.payments.sandbox import cards, form, intents, shapes
from ticketing.payments.sandbox.books import Books
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.shapes import Json

__all__ = ["CHANGES", "Call", "Change", "Outcome", "page", "retrieve", "run"]

# Stripe's page sizes: https://docs.stripe.com/api/pagination.
PAGE_DEFAULT: Final = 10
PAGE_MAX: Final = 100

_CONFIRMING: Final = {
    "payment_method",
    "payment_method_data[type]",
    "payment_method_data[card][token]",
    "confirmation_token",
}
_CREATING: Final = _CONFIRMING | {"amount", "currency", "capture_method", "confirm", "description"}
_METHODS: Final = ("automatic", "automatic_async", "manual")
_REASONS: Final = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
_BOUNDS: Final = ("gt", "gte", "lt", "lte")
_LETTERS: Final = string.ascii_letters + string.digits


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request that changes something. *now* is in Unix seconds."""

    form: Form
    now: int
    intent_id: str | None = None
    key: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, and the intent as it is then. Without one nothing changed."""

    status: int
    body: Json
    intent: Intent | None = None
    kept: bool = True


Change: TypeAlias = Callable[[Books, Call], Intent]


def run(change: Change, books: Books, call: Call) -> Outcome:
    """Carry out *change*; refusals and declines are outcomes like any other."""
    before = None if call.intent_id is None else books.intent(call.intent_id)
    try:
        after = change(books, call)
    except Refusal as refusal:
        about = before if refusal.kept else None
        body = shapes.refusal_shape(refusal, about)
        return Outcome(status=refusal.status, body=body, kept=refusal.kept)
    # Only this very request can have asked the bank: another one leaves a charge as it found it.
    asked = before is None or before.latest_charge != after.latest_charge
    if asked and after.decline is not None:
        return Outcome(status=402, body=shapes.decline_shape(after), intent=after)
    return Outcome(status=200, body=shapes.intent_shape(after), intent=after)


def create(_books: Books, call: Call) -> Intent:
    """POST /v1/payment_intents."""
    call.form.only(_CREATING, groups=("metadata", "payment_method_types"))
    amount, currency = call.form.positive("amount"), call.form.text("currency")
    if amount is None:
        raise form.missing("amount")
    if currency is None:
        raise form.missing("currency")
    intents.check_amount(amount, currency.lower())
    _check_types(call.form)
    intent_id = _name("pi_3")
    intent = Intent(
        id=intent_id,
        client_secret=_name(f"{intent_id}_secret_"),
        created=call.now,
        amount=amount,
        currency=currency.lower(),
        capture_method=call.form.choice("capture_method", _METHODS) or "automatic_async",
        metadata=call.form.metadata(),
        description=call.form.text("description"),
        idempotency_key=call.key,
    )
    intent = _with_card(intent, call.form)
    if not call.form.flag("confirm"):
        return intent
    if intent.card is None:
        raise form.missing("payment_method")
    return intent.confirm(_name("ch_3"))


def confirm(books: Books, call: Call) -> Intent:
    """POST /v1/payment_intents/{id}/confirm."""
    call.form.only(_CONFIRMING)
    return _with_card(_found(books, call.intent_id), call.form).confirm(_name("ch_3"))


def capture(books: Books, call: Call) -> Intent:
    """POST /v1/payment_intents/{id}/capture."""
    call.form.only({"amount_to_capture"})
    amount = call.form.positive("amount_to_capture")
    return intents.capture(_found(books, call.intent_id), amount)


def cancel(books: Books, call: Call) -> Intent:
    """POST /v1/payment_intents/{id}/cancel."""
    call.form.only({"cancellation_reason"})
    reason = call.form.choice("cancellation_reason", _REASONS)
    return intents.cancel(_found(books, call.intent_id), reason, call.now)


CHANGES: Final[Mapping[str, Change]] = {
    "create": create,
    "confirm": confirm,
    "capture": capture,
    "cancel": cancel,
}


def retrieve(books: Books, form_: Form, intent_id: str) -> Json:
    """GET /v1/payment_intents/{id}."""
    form_.only(())
    return shapes.intent_shape(_found(books, intent_id))


def page(books: Books, form_: Form) -> Json:
    """GET /v1/payment_intents: a page, newest first."""
    form_.only({"limit", "starting_after"}, groups=("created",))
    limit = form_.positive("limit") or PAGE_DEFAULT
    if limit > PAGE_MAX:
        raise Refusal(f"Limit cannot exceed {PAGE_MAX}.", param="limit")
    bounds = {name: form_.integer(f"created[{name}]") for name in _BOUNDS}
    found = [intent for intent in books.intents() if _within(intent.created, bounds)]
    after = form_.text("starting_after")
    if after is not None:
        last = books.intent(after)
        if last is None:
            raise Refusal.missing("payment_intent", after, param="starting_after")
        found = found[found.index(last) + 1 :] if last in found else []
    return shapes.list_shape(found[:limit], has_more=len(found) > limit)


def _found(books: Books, intent_id: str | None) -> Intent:
    intent = None if intent_id is None else books.intent(intent_id)
    if intent is None:
        raise Refusal.missing("payment_intent", intent_id or "", param="intent", status=404)
    return intent


def _with_card(intent: Intent, form_: Form) -> Intent:
    """The intent with the card that the parameters name, if they name one."""
    confirmation_token = form_.text("confirmation_token")
    if confirmation_token is not None:
        # Nobody can have one yet: they are made by the Payment Element, which comes later.
        raise Refusal.missing("ConfirmationToken", confirmation_token, param="confirmation_token")
    method, kind = form_.text("payment_method"), form_.text("payment_method_data[type]")
    if method is not None and kind is not None:
        raise Refusal("Give payment_method or payment_method_data.", param="payment_method")
    if method is not None:
        return intent.with_card(cards.card_of_method(method), _name("pm_1"))
    form_.choice("payment_method_data[type]", ("card",))
    token = form_.text("payment_method_data[card][token]")
    if token is None and kind is None:
        return intent
    if kind is None:
        raise form.missing("payment_method_data[type]")
    if token is None:
        raise form.missing("payment_method_data[card]")
    return intent.with_card(cards.card_of_token(token), _name("pm_1"))


def _check_types(form_: Form) -> None:
    for kind in form_.members("payment_method_types").values():
        if kind != "card":
            raise Refusal(f"The sandbox has no {kind}.", param="payment_method_types")


def _within(created: int, bounds: Mapping[str, int | None]) -> bool:
    gt, gte, lt, lte = (bounds[name] for name in _BOUNDS)
    return (
        (gt is None or created > gt)
        and (gte is None or created >= gte)
        and (lt is None or created < lt)
        and (lte is None or created <= lte)
    )


def _name(start: str) -> str:
    """A new id: 24 characters after the prefix, as Stripe's have."""
    return start + "".join(secrets.choice(_LETTERS) for _ in range(24))
