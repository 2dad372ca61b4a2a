"""What is known after a call to the payment provider. No type of the SDK's gets past here.

Three kinds of answer are kept apart with care:

- *certain*: `Authorised`, `ActionRequired`, `Declined`, `Captured`, `Voided`, `Impossible`,
  `Refunded`, `RefundPending`, `RefundFailed`;
- *certainly nothing happened*: `NotSent`;
- *not known*: `Unknown`. Nothing may be assumed; the provider must be asked again.

`Mismatch` is certain too, and bad: what the provider holds is not what was asked for.

`Happened` is news that the provider has of its own accord: a hint to ask, no more.

Amounts are integer minor units.
"""

from datetime import datetime
from typing import TypeAlias

import msgspec

__all__ = [
    "ActionRequired",
    "Authorisation",
    "Authorised",
    "Capture",
    "Captured",
    "Declined",
    "Happened",
    "Impossible",
    "Intent",
    "Mismatch",
    "Missing",
    "NotSent",
    "Refund",
    "RefundFailed",
    "RefundPending",
    "Refunded",
    "Unknown",
    "Void",
    "Voided",
]


class Authorised(msgspec.Struct, frozen=True, kw_only=True):
    """The bank holds the money. None has moved, but it can: capture or void."""

    intent_id: str


class ActionRequired(msgspec.Struct, frozen=True, kw_only=True):
    """The card holder has to act (3-D Secure). *client_secret* is for the buyer's browser alone."""

    intent_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"ActionRequired(intent_id={self.intent_id!r})"  # The secret is for no log.


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """The card, or what was given for one, does not pay; nothing was taken nor is held.

    *code* is the bank's decline code (`insufficient_funds`), else Stripe's error code
    (`expired_card`); `invalid_token` if Stripe knows nothing by that name; `amount_too_small` or
    `amount_too_large` if Stripe charges no such amount, with any card.
    """

    code: str
    intent_id: str | None = None


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """The money was taken."""

    intent_id: str
    amount_minor: int
    currency: str
    charge_id: str | None = None


class Voided(msgspec.Struct, frozen=True, kw_only=True):
    """The intent is canceled: nothing was taken nor is held, and nothing can be any more."""

    intent_id: str


class Impossible(msgspec.Struct, frozen=True, kw_only=True):
    """The money can never be captured: a *retrieved* intent is canceled."""

    intent_id: str


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """The intent is not what was asked for. Never complete an order on it; void or refund it."""

    intent_id: str
    what: str
    """Which field, what was expected, what was got."""
    taken_minor: int = 0
    """What of it was captured, in *currency*: this has to go back."""
    currency: str = ""


class NotSent(msgspec.Struct, frozen=True, kw_only=True):
    """No connection came about, so *this* call certainly had no effect.

    It says nothing of an earlier call for the same attempt whose outcome got lost, for instance
    in a crash.
    """

    reason: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """It cannot be told whether the call had an effect.

    Ask again with the same arguments; if *stored*, this answer is kept under the idempotency key
    for 24 hours and is all that the key will give: retrieve (or find) the intent first, and if the
    effect is absent call again with the next *round*.
    """

    reason: str
    """Short and stable, for logs and metrics: `http_502`, `TimeoutError`, `status_processing`."""
    stored: bool = False


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """The provider has no such intent."""

    intent_id: str


class Refunded(msgspec.Struct, frozen=True, kw_only=True):
    """The money is on its way back; the provider has no doubt of it (any more)."""

    refund_id: str


class RefundPending(msgspec.Struct, frozen=True, kw_only=True):
    """A refund was made, and the provider does not know yet whether it succeeds."""

    refund_id: str


class RefundFailed(msgspec.Struct, frozen=True, kw_only=True):
    """Certainly no money goes back by this refund: a person has to see to it."""

    why: str
    """Short and stable: Stripe's failure reason, or the code it refuses a refund with."""
    refund_id: str | None = None


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """An event: something happened to an intent of ours, or to a refund of it."""

    intent_id: str
    order_id: str
    status: str
    """As Stripe named it when it happened: of the intent, or of the refund."""
    type: str
    created: datetime
    is_refund: bool = False


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """An intent as the provider holds it now."""

    id: str
    status: str
    """As Stripe names it: `requires_capture`, `succeeded`, `canceled`, ..."""
    amount_minor: int
    amount_capturable_minor: int
    amount_received_minor: int
    currency: str
    livemode: bool
    order_id: str | None = None
    attempt: int | None = None
    charge_id: str | None = None
    decline_code: str | None = None
    client_secret: str | None = None

    def __repr__(self) -> str:
        return f"Intent(id={self.id!r}, status={self.status!r})"  # The secret is for no log.


Authorisation: TypeAlias = (
    Authorised | ActionRequired | Declined | Captured | Voided | Mismatch | NotSent | Unknown
)
"""`Captured` and `Voided` only where an earlier call of the same attempt came that far."""

Capture: TypeAlias = Captured | Impossible | Mismatch | Unknown
Void: TypeAlias = Voided | Captured | Unknown
"""`Captured`: too late, the money was taken and has to be refunded."""
Refund: TypeAlias = Refunded | RefundPending | RefundFailed | Unknown
