"""The payment sandbox: a stand-in for Stripe that speaks the part of its HTTP API that we use.

The product talks to it through the same SDK and the same code as to Stripe; only the base address
differs. It is a company of its own: its own process and folder, and nothing of the product's that
it imports but the clock.

Layout, in reading order:

- `cards`        the test cards, payment methods and tokens
- `intents`      a PaymentIntent and its status machine: pure
- `refusals`     Stripe's errors
- `form`         parameters as they come
- `shapes`       answers as they go
- `operations`   what each call does
- `idempotency`  the first answer under a key, kept 24 hours
- `books`        what it remembers: one append-only file
- `faults`       what goes wrong, by script
- `wire`         HTTP: API keys, answers, connections cut short
- `app`          routes; the order in which a request passes all this
- `server`       running it, in a test or beside the server
- `__main__`     the command

What it speaks: PaymentIntents - create (also `confirm=true`), retrieve, list, confirm, capture,
cancel; `POST /_sandbox/faults` sets the fault script, `GET /_sandbox/intents` tells what it holds.

What it does not have yet, and where that will live: 3-D Secure (a status and two transitions in
`intents`, test cards in `cards`), confirmation tokens and the `v3.js` that makes them (`elements`),
refunds (`refunds`), events and signed webhooks (`events`, `webhooks`), faults of webhooks
(`faults`). What it will never have: customers, Connect, subscriptions.
"""

from ticketing.payments.sandbox.books import BooksError
from ticketing.payments.sandbox.faults import Fault
from ticketing.payments.sandbox.server import LiveKeyError, running_sandbox

__all__ = ["BooksError", "Fault", "LiveKeyError", "running_sandbox"]
