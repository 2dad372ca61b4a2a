"""How confirmation tokens are made: by the Payment Element, or by a test's helper."""

from datetime import UTC, datetime
from typing import Final

from ticketing.payments.sandbox import cards, form, names, objects, tokens
from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.call import Call, Outcome
from ticketing.payments.sandbox.tokens import CARD, ConfirmationToken

__all__ = ["make", "make_for_test"]

_TYPE: Final = "payment_method_data[type]"
_FIELDS: Final = {
    _TYPE,
    f"{CARD}[number]",
    f"{CARD}[exp_month]",
    f"{CARD}[exp_year]",
    f"{CARD}[cvc]",
    "return_url",
}

# What the Element may collect besides, and the sandbox has no use for.
_GROUP: Final = "payment_method_data[billing_details]"


def make(_books: Books, call: Call) -> Outcome:
    """POST /v1/confirmation_tokens, with a publishable key."""
    call.form.only(_FIELDS, starts=(_GROUP,))
    if call.form.choice(_TYPE, ("card",)) is None:
        raise form.missing(_TYPE)
    year = datetime.fromtimestamp(call.now, UTC).year
    card, month, expires = tokens.card_given(call.form, year)
    return _made(
        ConfirmationToken(
            id=names.new("ctoken_1"),
            created=call.now,
            card=card,
            exp_month=month,
            exp_year=expires,
            return_url=call.form.text("return_url"),
        )
    )


def make_for_test(_books: Books, call: Call) -> Outcome:
    """POST /v1/test_helpers/confirmation_tokens, with a secret key and a test payment method."""
    call.form.only({"payment_method", "return_url"})
    method = call.form.text("payment_method")
    if method is None:
        raise form.missing("payment_method")
    return _made(
        ConfirmationToken(
            id=names.new("ctoken_1"),
            created=call.now,
            card=cards.card_of_method(method),
            exp_month=cards.TEST_MONTH,
            exp_year=cards.TEST_YEAR,
            return_url=call.form.text("return_url"),
        )
    )


def _made(token: ConfirmationToken) -> Outcome:
    return Outcome(body=objects.token_shape(token), effect=Entry(token=token))
