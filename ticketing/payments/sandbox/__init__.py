"""The payment sandbox: a stand-in for Stripe that speaks the part of its HTTP API that we use.

The product talks to it through the same SDK and the same code as to Stripe; only the base address
differs. It is a company of its own: its own process and folder, and nothing of the product's that
it imports but the clock.

Layout, in reading order:

- `cards`        the test cards: numbers, payment methods, tokens, what their banks say
- `intents`      a PaymentIntent and its status machine, 3-D Secure included: pure
- `tokens`       confirmation tokens: a card that was given once
- `refunds`      money on its way back
- `events`       what happened, with the object as it was then
- `refusals`     Stripe's errors
- `form`         parameters as they come
- `shapes`, `objects`    answers as they go: intents and errors; everything else
- `names`        ids
- `books`        what it remembers: one append-only file
- `call`, `operations`   a request that changes something, and what each of them does:
                 `intent_operations`, `refund_operations`, `token_operations`
- `reads`        what each request does that only looks
- `idempotency`  the first answer under a key, kept 24 hours
- `faults`, `weather`    what goes wrong, by script and by dice
- `webhooks`     events on their way to an endpoint: signed, tried again, faulty on demand
- `settling`     refunds that fail or succeed later
- `doors`, `wire`        HTTP: API keys; answers, connections cut short
- `control`      its own addresses, for tests and people
- `browser`      what browsers load: `v3.js`, card fields, the 3-D Secure dialogue
- `app`          routes; the order in which a request passes all this
- `server`       running it, in a test or beside the server
- `__main__`     the command

What it speaks: PaymentIntents (create, retrieve, list, confirm, capture, cancel), confirmation
tokens (create, retrieve, the test helper), refunds (create, retrieve, list), events (list,
retrieve) and webhooks. Besides, `POST /_sandbox/authenticate` is the card holder's answer to 3-D
Secure, `/_sandbox/faults`, `/_sandbox/weather` and `/_sandbox/webhooks` set what they are called,
and `GET /_sandbox/intents` tells what it holds.

What it will never have: customers, Connect, subscriptions, disputes.
"""

from ticketing.payments.sandbox.books import BooksError
from ticketing.payments.sandbox.faults import Fault
from ticketing.payments.sandbox.server import LiveKeyError, running_sandbox
from ticketing.payments.sandbox.webhooks import Webhooks

__all__ = ["BooksError", "Fault", "LiveKeyError", "Webhooks", "running_sandbox"]
