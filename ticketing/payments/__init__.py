"""Payments: money moves once, or not at all.

Layout, in reading order:

- `messages`    what may be said to a payment, its teller and the reconciler
- `facts`       what can happen to a payment
- `state`       what a payment is, as its facts made it
- `actor`       who decides; `steps` is what several decisions share
- `worker`      the teller, who talks to the payment provider: `authorising` and `refunds` are what
                it does with care, `judgement` is what an intent means, `alarm` what it cries for
- `transport`   Stripe, tamed: certain answers, or "unknown" (`outcomes`). Below it `stripe_client`,
                the SDK; `stripe_http`, its network; `stripe_shapes` and `stripe_events`, what comes
- `webhooks`    who may say that something happened
- `reconciler`  looks for what no webhook said; `sweep` is how
- `ledger`      the double-entry rows that go with money that moved; `balances` adds them up
- `queries`     the reads behind pages
- `sandbox/`    a stand-in for Stripe that speaks its HTTP API
"""

from ticketing.payments.facts import PaymentFact
from ticketing.payments.messages import (
    PAYMENT,
    RECONCILER,
    TELLER,
    Abandon,
    ActionRequired,
    Authorise,
    Authorised,
    Capture,
    Captured,
    CaptureImpossible,
    Confirm,
    Declined,
    FoundSold,
    GiveBack,
    Look,
    LookAround,
    LookAtRefund,
    NotSent,
    Pay,
    Refund,
    Refunded,
    RefundFailed,
    Sweep,
    Swept,
    TakenAnyway,
    Touch,
    TouchRefund,
    Void,
    Voided,
    payment,
    teller,
)
from ticketing.payments.state import Attempt, AttemptStatus, PaymentState, PaymentStatus

__all__ = [
    "PAYMENT",
    "RECONCILER",
    "TELLER",
    "Abandon",
    "ActionRequired",
    "Attempt",
    "AttemptStatus",
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
    "PaymentFact",
    "PaymentState",
    "PaymentStatus",
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
    "teller",
]
