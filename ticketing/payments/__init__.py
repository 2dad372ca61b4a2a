"""Payments: money moves once, or not at all.

Layout, in reading order:

- `messages`   what may be said to a payment and its teller
- `state`      what a payment is, as its facts made it
- `actor`      who decides
- `worker`     the teller, who talks to the payment provider
- `transport`  the Stripe SDK, tamed: certain answers, or "unknown" (`outcomes`); `stripe_client`
               is the SDK itself
- `ledger`     the double-entry rows that go with a capture
- `queries`    the reads behind pages
- `sandbox/`   a stand-in for Stripe that speaks its HTTP API
"""

from ticketing.payments.messages import (
    PAYMENT,
    TELLER,
    Authorise,
    Authorised,
    Capture,
    Captured,
    Declined,
    NotSent,
    Pay,
    Void,
    Voided,
    payment,
    teller,
)
from ticketing.payments.state import (
    Attempt,
    AttemptStatus,
    PaymentFact,
    PaymentState,
    PaymentStatus,
)

__all__ = [
    "PAYMENT",
    "TELLER",
    "Attempt",
    "AttemptStatus",
    "Authorise",
    "Authorised",
    "Capture",
    "Captured",
    "Declined",
    "NotSent",
    "Pay",
    "PaymentFact",
    "PaymentState",
    "PaymentStatus",
    "Void",
    "Voided",
    "payment",
    "teller",
]
