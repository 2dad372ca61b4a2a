"""What the calls on refunds do."""

from typing import Final

from msgspec.structs import replace

from ticketing.payments.sandbox import names, objects, refunds
from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.call import Call, Outcome
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intent_operations import found
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["refund"]

_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer")


def refund(books: Books, call: Call) -> Outcome:
    """POST /v1/refunds."""
    call.form.only({"payment_intent", "charge", "amount", "reason"}, groups=("metadata",))
    amount, metadata = call.form.positive("amount"), call.form.metadata()
    reason = call.form.choice("reason", _REASONS)
    intent = _charged(books, call.form)
    made, after = refunds.give_back(intent, amount, names.new("re_3"), call.now)
    made = replace(made, reason=reason, metadata=metadata, idempotency_key=call.key)
    return Outcome(body=objects.refund_shape(made), effect=Entry(intent=after, refund=made))


def _charged(books: Books, form_: Form) -> Intent:
    intent_id, charge_id = form_.text("payment_intent"), form_.text("charge")
    if intent_id is not None and charge_id is not None:
        raise Refusal("Give one of payment_intent and charge.", param="charge")
    if intent_id is not None:
        return found(books, intent_id, param="payment_intent")
    if charge_id is None:
        raise Refusal(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            code="parameter_missing",
        )
    for intent in books.intents():
        if intent.latest_charge == charge_id:
            return intent
    raise Refusal.missing("charge", charge_id, param="charge")
