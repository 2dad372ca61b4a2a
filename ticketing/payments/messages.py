"""What may be said to a payment and to its teller, and what they answer.

The payment decides and remembers; the *teller* is the worker that talks to the payment provider,
and tells the payment what came of it.
"""

from typing import Final

from actors import Message, Ref
from ticketing.payments.state import PaymentState
from ticketing.values import OrderId, UserId

__all__ = [
    "PAYMENT",
    "TELLER",
    "Authorise",
    "Authorised",
    "Capture",
    "Captured",
    "Declined",
    "NotSent",
    "Pay",
    "Void",
    "Voided",
    "payment",
    "teller",
]

PAYMENT: Final = "payment"
TELLER: Final = "teller"


def payment(order_id: OrderId) -> Ref:
    return Ref(PAYMENT, order_id)


def teller(order_id: OrderId) -> Ref:
    return Ref(TELLER, order_id)


class Pay(Message[PaymentState], frozen=True, kw_only=True, tag="payments.pay"):
    """Start an attempt to pay with *token*. The reply says that it has started, no more.

    Raises:
        NotFoundError: it is somebody else's order, or none.
        OrderExpiredError, OrderCancelledError, OrderCompleteError
        PaymentInProgressError: an attempt is under way.

    """

    buyer_id: UserId
    token: str


class Authorised(Message[None], frozen=True, kw_only=True, tag="payments.authorised"):
    """The card is authorised: no money has moved, but it can."""

    number: int
    intent_id: str


class Declined(Message[None], frozen=True, kw_only=True, tag="payments.declined"):
    number: int
    decline_code: str


class NotSent(Message[None], frozen=True, kw_only=True, tag="payments.not_sent"):
    """The provider could not be reached; it certainly knows nothing of this attempt."""

    number: int


class Captured(Message[None], frozen=True, kw_only=True, tag="payments.captured"):
    number: int


class Voided(Message[None], frozen=True, kw_only=True, tag="payments.voided"):
    number: int


class Authorise(Message[None], frozen=True, kw_only=True, tag="teller.authorise"):
    """Authorise *amount_minor* of *currency* on the card behind *token*."""

    number: int
    amount_minor: int
    currency: str
    token: str


class Capture(Message[None], frozen=True, kw_only=True, tag="teller.capture"):
    """Take the authorised money."""

    number: int
    intent_id: str
    amount_minor: int


class Void(Message[None], frozen=True, kw_only=True, tag="teller.void"):
    """Drop the authorisation; nobody is charged."""

    number: int
    intent_id: str
