"""What the calls on PaymentIntents do: parameters in, the intent as it is then out."""

import hmac
from typing import Final

from ticketing.payments.sandbox import cards, form, intents, names, shapes, tokens
from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.call import Call, Outcome
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal
from ticketing.payments.sandbox.tokens import ConfirmationToken

__all__ = ["authenticate", "cancel", "capture", "confirm", "create", "found"]

_CONFIRMING: Final = {
    "payment_method",
    "payment_method_data[type]",
    "payment_method_data[card][token]",
    "confirmation_token",
    "return_url",
    "use_stripe_sdk",
}
_CREATING: Final = _CONFIRMING | {"amount", "currency", "capture_method", "confirm", "description"}
_METHODS: Final = ("automatic", "automatic_async", "manual")
_REASONS: Final = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


def create(books: Books, call: Call) -> Outcome:
    """POST /v1/payment_intents."""
    call.form.only(_CREATING, groups=("metadata", "allowed_payment_method_types"))
    amount, currency = call.form.positive("amount"), call.form.text("currency")
    if amount is None:
        raise form.missing("amount")
    if currency is None:
        raise form.missing("currency")
    intents.check_amount(amount, currency.lower())
    _check_types(call.form)
    confirming = call.form.flag("confirm")
    intent_id = names.new("pi_3")
    intent = Intent(
        id=intent_id,
        client_secret=names.new(f"{intent_id}_secret_"),
        created=call.now,
        amount=amount,
        currency=currency.lower(),
        capture_method=call.form.choice("capture_method", _METHODS) or "automatic_async",
        metadata=call.form.metadata(),
        description=call.form.text("description"),
        idempotency_key=call.key,
        return_url=call.form.text("return_url"),
    )
    if not confirming:
        _check_only_confirming(call.form)
    intent, token = _with_card(books, call, intent)
    if not confirming:
        return Outcome(body=shapes.intent_shape(intent), effect=Entry(intent=intent))
    if intent.card is None:
        raise form.missing("payment_method")
    return _confirmed(intent.confirm(names.new("3")), token)


def confirm(books: Books, call: Call) -> Outcome:
    """POST /v1/payment_intents/{id}/confirm."""
    call.form.only(_CONFIRMING)
    intent, token = _with_card(books, call, found(books, call.name))
    return _confirmed(intent.confirm(names.new("3")), token)


def capture(books: Books, call: Call) -> Outcome:
    """POST /v1/payment_intents/{id}/capture."""
    call.form.only({"amount_to_capture"})
    amount = call.form.positive("amount_to_capture")
    return _changed(intents.capture(found(books, call.name), amount))


def cancel(books: Books, call: Call) -> Outcome:
    """POST /v1/payment_intents/{id}/cancel."""
    call.form.only({"cancellation_reason"})
    reason = call.form.choice("cancellation_reason", _REASONS)
    return _changed(intents.cancel(found(books, call.name), reason, call.now))


def authenticate(books: Books, call: Call) -> Outcome:
    """POST /_sandbox/authenticate: the card holder's answer to 3-D Secure."""
    call.form.only({"client_secret", "outcome"})
    secret, outcome = call.form.text("client_secret"), call.form.choice("outcome", ("pass", "fail"))
    if secret is None:
        raise form.missing("client_secret")
    if outcome is None:
        raise form.missing("outcome")
    intent = found(books, secret.partition("_secret_")[0])
    if not hmac.compare_digest(intent.client_secret.encode(), secret.encode()):
        raise Refusal.missing("payment_intent", intent.id, param="client_secret", status=404)
    after = intent.authenticate(names.new("3"), passed=outcome == "pass")
    return Outcome(body=shapes.publishable_shape(after), effect=Entry(intent=after))


def found(books: Books, intent_id: str | None, *, param: str = "intent") -> Intent:
    """The intent called that.

    Raises:
        Refusal: 404, or 400 if it was the parameter *param* that named it.

    """
    intent = None if intent_id is None else books.intent(intent_id)
    if intent is None:
        status = 404 if param == "intent" else 400
        raise Refusal.missing("payment_intent", intent_id or "", param=param, status=status)
    return intent


def _changed(intent: Intent) -> Outcome:
    return Outcome(body=shapes.intent_shape(intent), effect=Entry(intent=intent))


def _confirmed(intent: Intent, token: ConfirmationToken | None) -> Outcome:
    """What is answered to a confirmation: a bank's no is 402."""
    effect = Entry(intent=intent, token=token)
    if intent.decline is not None:
        return Outcome(status=402, body=shapes.decline_shape(intent), effect=effect)
    return Outcome(body=shapes.intent_shape(intent), effect=effect)


def _with_card(books: Books, call: Call, intent: Intent) -> tuple[Intent, ConfirmationToken | None]:
    """The intent with the card that the parameters name, if they name one; and the used token."""
    method, kind = call.form.text("payment_method"), call.form.text("payment_method_data[type]")
    token_id = call.form.text("confirmation_token")
    call.form.flag("use_stripe_sdk")
    if sum(given is not None for given in (method, kind, token_id)) > 1:
        raise Refusal(
            "Give one of payment_method, payment_method_data and confirmation_token.",
            param="payment_method" if token_id is None else "confirmation_token",
        )
    if token_id is not None:
        return _with_token(books, token_id, intent, call.now)
    if method is not None:
        return intent.with_card(cards.card_of_method(method), names.new("pm_1")), None
    call.form.choice("payment_method_data[type]", ("card",))
    token = call.form.text("payment_method_data[card][token]")
    if token is None and kind is None:
        return intent, None
    if kind is None:
        raise form.missing("payment_method_data[type]")
    if token is None:
        raise form.missing("payment_method_data[card]")
    return intent.with_card(cards.card_of_token(token), names.new("pm_1")), None


def _with_token(
    books: Books, token_id: str, intent: Intent, now: int
) -> tuple[Intent, ConfirmationToken]:
    token = books.token(token_id)
    if token is None:
        raise Refusal.missing("confirmation_token", token_id, param="confirmation_token")
    used = tokens.use(token, intent.id, now)
    return intent.with_card(token.card, names.new("pm_1")), used


def _check_only_confirming(form_: Form) -> None:
    for name in ("confirmation_token", "return_url"):
        if form_.text(name) is not None:
            raise Refusal(f"{name} can only be given with confirm=true.", param=name)


def _check_types(form_: Form) -> None:
    for kind in form_.members("allowed_payment_method_types").values():
        if kind != "card":
            raise Refusal(f"The sandbox has no {kind}.", param="allowed_payment_method_types")
