"""What may be said to a payment and to its teller, and what they answer.

The payment decides and remembers; the *teller* is the worker that talks to the payment provider,
and tells the payment what came of it.
"""

from datetime import datetime
from typing import Final

from actors import Message, Ref
from ticketing.payments.state import NEVER, PaymentState
from ticketing.values import OrderId, Secret, UserId

__all__ = [
    "PAYMENT",
    "RECONCILER",
    "TELLER",
    "Abandon",
    "ActionRequired",
    "Authorise",
    "Authorised",
    "Capture",
    "CaptureImpossible",
    "Captured",
    "Confirm",
    "Declined",
    "FoundSold",
    "GiveBack",
    "Look",
    "LookAround",
    "LookAtRefund",
    "NotSent",
    "Pay",
    "Refund",
    "RefundFailed",
    "Refunded",
    "Sweep",
    "Swept",
    "TakenAnyway",
    "Touch",
    "TouchRefund",
    "Void",
    "Voided",
    "payment",
    "reconciler",
    "teller",
]

PAYMENT: Final = "payment"
TELLER: Final = "teller"
RECONCILER: Final = "reconciler"


def payment(order_id: OrderId) -> Ref:
    return Ref(PAYMENT, order_id)


def teller(key: str) -> Ref:
    """The teller of the payment of order *key*, or of the reconciler."""
    return Ref(TELLER, key)


def reconciler() -> Ref:
    """The one that looks for what no webhook told."""
    return Ref(RECONCILER, "stripe")


# What others want of a payment -------------------------------------------------------------------


class Pay(Message[PaymentState], frozen=True, kw_only=True, tag="payments.pay"):
    """Start an attempt to pay with *token*. The reply says that it has started, no more.

    An attempt that waits for the card holder makes way for it, and does not count.

    Raises:
        NotFoundError: it is somebody else's order, or none.
        OrderExpiredError, OrderCancelledError, OrderCompleteError
        PaymentInProgressError: an attempt is under way.

    """

    buyer_id: UserId
    token: Secret


class Confirm(Message[PaymentState], frozen=True, kw_only=True, tag="payments.confirm"):
    """The buyer is back from 3-D Secure: look what came of it. The reply is the payment as it was.

    Raises:
        NotFoundError: it is somebody else's payment, or none.

    """

    buyer_id: UserId


class Refund(Message[PaymentState], frozen=True, kw_only=True, tag="payments.refund"):
    """Give the buyer the money back and undo the sale, because *by*, an admin, says so.

    The ticket is withdrawn, or with *relist* back on the market. Asking again changes nothing,
    unless the last refund failed: then there is another one.

    Raises:
        NotFoundError: nobody has paid for such an order.
        OrderNotCompleteError: no money was taken, or the order is not complete yet.

    """

    by: UserId
    reason: str
    relist: bool = False


class Abandon(Message[None], frozen=True, kw_only=True, tag="payments.abandon"):
    """The order has ended unsold: whatever is authorised, or asks for the card holder, is void."""


class FoundSold(Message[None], frozen=True, kw_only=True, tag="payments.found_sold"):
    """The ticket was found sold to the order, by another way than the payment's own: is it paid?"""


class Touch(Message[None], frozen=True, kw_only=True, tag="payments.touch"):
    """Something happened to an intent of this payment; *status* is what it is said to be now.

    A hint, named after the intent, so that many copies are one: what is true is asked for.
    """

    intent_id: str
    status: str


class TouchRefund(Message[None], frozen=True, kw_only=True, tag="payments.touch_refund"):
    """Something happened to a refund of this intent."""

    intent_id: str


# What the teller tells a payment -----------------------------------------------------------------


class Authorised(Message[None], frozen=True, kw_only=True, tag="payments.authorised"):
    """The card is authorised: no money has moved, but it can."""

    number: int
    intent_id: str


class ActionRequired(Message[None], frozen=True, kw_only=True, tag="payments.action_required"):
    """The card holder has to act. *secret* is the sealed client secret, for the buyer's browser."""

    number: int
    intent_id: str
    secret: Secret


class Declined(Message[None], frozen=True, kw_only=True, tag="payments.declined"):
    number: int
    decline_code: str
    intent_id: str | None = None


class NotSent(Message[None], frozen=True, kw_only=True, tag="payments.not_sent"):
    """The provider could not be reached; it certainly knows nothing of this attempt."""

    number: int


class Captured(Message[None], frozen=True, kw_only=True, tag="payments.captured"):
    number: int
    intent_id: str | None = None


class CaptureImpossible(
    Message[None], frozen=True, kw_only=True, tag="payments.capture_impossible"
):
    """The intent is canceled: this money can never be taken."""

    number: int


class Voided(Message[None], frozen=True, kw_only=True, tag="payments.voided"):
    number: int
    intent_id: str | None = None


class TakenAnyway(Message[None], frozen=True, kw_only=True, tag="payments.taken_anyway"):
    """Money was taken that must not be kept: *why* is for logs and the timeline."""

    number: int
    intent_id: str
    amount_minor: int
    currency: str
    why: str


class Refunded(Message[None], frozen=True, kw_only=True, tag="payments.refunded"):
    number: int
    refund_id: str
    intent_id: str | None = None


class RefundFailed(Message[None], frozen=True, kw_only=True, tag="payments.refund_failed"):
    """The money could not be given back; a person has to see to it."""

    number: int
    why: str
    intent_id: str | None = None


# What the teller is told to do -------------------------------------------------------------------


class Authorise(Message[None], frozen=True, kw_only=True, tag="teller.authorise"):
    """Authorise *amount_minor* of *currency* on the card behind *token*.

    If it *replaces* an intent, that is voided first, and told as `Voided` of *replaces_number*.
    """

    number: int
    amount_minor: int
    currency: str
    token: Secret
    started_at: datetime = NEVER
    replaces: str | None = None
    replaces_number: int | None = None


class Look(Message[None], frozen=True, kw_only=True, tag="teller.look"):
    """Tell what is true of an intent now. *asked*: also if it still waits for the card holder.

    *is_own*: an attempt made it; else it is left alone if it says that it is another order's.
    """

    number: int
    intent_id: str
    amount_minor: int
    currency: str
    asked: bool = False
    is_own: bool = True


class Capture(Message[None], frozen=True, kw_only=True, tag="teller.capture"):
    """Take the authorised money."""

    number: int
    intent_id: str
    amount_minor: int


class Void(Message[None], frozen=True, kw_only=True, tag="teller.void"):
    """Drop the authorisation; nobody is charged."""

    number: int
    intent_id: str


class GiveBack(Message[None], frozen=True, kw_only=True, tag="teller.give_back"):
    """Refund what was taken. *key_round* rises with each refund that failed."""

    number: int
    intent_id: str
    amount_minor: int
    key_round: int = 1


class LookAtRefund(Message[None], frozen=True, kw_only=True, tag="teller.look_at_refund"):
    """Tell what became of a refund."""

    number: int
    intent_id: str
    refund_id: str


# The sweep for lost webhooks ---------------------------------------------------------------------


class LookAround(Message[None], frozen=True, kw_only=True, tag="reconciler.look_around"):
    """Look for what no webhook told, now and again in a while: *since* then, if it is known."""

    since: datetime | None = None


class Sweep(Message[None], frozen=True, kw_only=True, tag="teller.sweep"):
    """Read the provider's events since *since*, and touch the payments that they do not fit."""

    since: datetime


class Swept(Message[None], frozen=True, kw_only=True, tag="reconciler.swept"):
    """All events before *until* have been looked at; *touched* payments had to be told."""

    until: datetime
    touched: int
