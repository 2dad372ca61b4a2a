"""Refunds: captured money on its way back. Pure.

    (created) -> succeeded -> failed        the bank sends it back: `pm_card_refundFail`
    (created) -> pending -> succeeded       the bank takes its time: `pm_card_pendingRefund`

Source: https://docs.stripe.com/refunds and https://docs.stripe.com/api/refunds.
"""

from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from ticketing.payments.sandbox.intents import Intent, Status
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["SETTLE_SECONDS", "Refund", "RefundStatus", "give_back", "settle"]

# How long the two slow test cards take. At Stripe it is minutes; nobody learns from waiting.
SETTLE_SECONDS: Final = 1.0


class RefundStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was given back of an intent. Amounts are minor units, times Unix seconds."""

    id: str
    created: int
    payment_intent: str
    charge: str
    amount: int
    currency: str
    status: RefundStatus
    reason: str | None = None
    metadata: dict[str, str] = {}
    failure_reason: str | None = None
    becomes: RefundStatus | None = None
    """What it will be, at `settles_at`."""
    settles_at: float | None = None
    idempotency_key: str | None = None
    """The key of the request that created it."""


def give_back(
    intent: Intent, amount: int | None, refund_id: str, now: int
) -> tuple[Refund, Intent]:
    """Give *amount* back, by default all that is left; the refund and the intent after it.

    Raises:
        Refusal: nothing was captured, or less than *amount* is left of it.

    """
    charge = _charge(intent)
    left = intent.amount_received - intent.amount_refunded
    if left == 0:
        message = f"Charge {charge} has already been refunded."
        raise Refusal(message, code="charge_already_refunded", kept=True)
    if amount is not None and amount > left:
        raise Refusal(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            code="amount_too_large",
            param="amount",
            kept=True,
        )
    fate = "succeeds" if intent.card is None else intent.card.refund
    pending = fate == "takes_time"
    becomes = {"takes_time": RefundStatus.SUCCEEDED, "fails": RefundStatus.FAILED}.get(fate)
    refund = Refund(
        id=refund_id,
        created=now,
        payment_intent=intent.id,
        charge=charge,
        amount=amount or left,
        currency=intent.currency,
        status=RefundStatus.PENDING if pending else RefundStatus.SUCCEEDED,
        becomes=becomes,
        settles_at=None if becomes is None else now + SETTLE_SECONDS,
    )
    return refund, replace(intent, amount_refunded=intent.amount_refunded + refund.amount)


def settle(refund: Refund, intent: Intent) -> tuple[Refund, Intent]:
    """What the bank says in the end. Money that comes back can be given back once more."""
    assert refund.becomes is not None
    after = replace(refund, status=refund.becomes, becomes=None, settles_at=None)
    if after.status is not RefundStatus.FAILED:
        return after, intent
    left = intent.amount_refunded - refund.amount
    return replace(after, failure_reason="unknown"), replace(intent, amount_refunded=left)


def _charge(intent: Intent) -> str:
    if intent.status is not Status.SUCCEEDED or intent.latest_charge is None:
        raise Refusal(
            f"This PaymentIntent ({intent.id}) does not have a successful charge to refund.",
            param="payment_intent",
            kept=True,
        )
    return intent.latest_charge
