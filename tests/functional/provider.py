"""The payment provider's part: events signed by hand, and card holders who answer their bank."""

import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

from tests.functional.running_site import Answer, Program, Site, call
from tests.support.sandbox import ASKS
from ticketing.payments.webhooks import WEBHOOKS


def event(
    order: dict[str, Any],
    *,
    intent: str = "pi_1",
    status: str = "requires_capture",
    kind: str = "payment_intent.amount_capturable_updated",
    **changes: Any,
) -> bytes:
    """An event of an intent of *order*, as Stripe writes them."""
    about = {
        "id": intent,
        "object": "payment_intent",
        "status": status,
        "metadata": {"order_id": order["id"], "attempt": "1"},
    }
    plain = {"id": f"evt_{uuid4().hex}", "object": "event", "type": kind, "created": 1_772_366_400}
    said = plain | {"livemode": False, "data": {"object": about}} | changes
    return json.dumps(said).encode()


def signature(site: Site, body: bytes, *, late: float = 0, secret: str | None = None) -> str:
    """The signature of *body*, made *late* seconds ago, with the site's *secret* or another."""
    key = (secret or site.gateway.settings.stripe_webhook_secrets[0]).encode()
    at = int(site.gateway.runtime.clock.now().timestamp() - late)
    signed = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={signed}"


async def deliver(site: Site, body: bytes, header: str | None = None, **options: Any) -> Answer:
    """Post *body* as Stripe does, signed unless there is another *header*."""
    signed = signature(site, body) if header is None else header
    headers = {"Content-Type": "application/json", "Stripe-Signature": signed}
    headers |= options.pop("headers", {})
    return await site.call("POST", WEBHOOKS, data=body, headers=headers, **options)


async def is_asked(buyer: Program, card: str = ASKS, **sale: Any) -> tuple[dict[str, Any], str]:
    """An order of *buyer*'s whose card holder has to act, and the client secret for that."""
    order = await buyer.buys(await buyer.site.program().sells(**sale))
    asked = await buyer.pays(order, card)
    assert (asked.status, asked.body["status"]) == (202, "requires_action"), asked.body
    return order, asked.body["clientSecret"]


async def answers_bank(site: Site, secret: str, outcome: str = "pass") -> None:
    """The card holder, in the bank's window."""
    said = {"client_secret": secret, "outcome": outcome}
    answer = await call(site.http, site.sandbox, "POST", "/_sandbox/authenticate", data=said)
    assert answer.status == 200, answer.body


def intent_of(secret: str) -> str:
    """The intent that a client secret belongs to."""
    return secret.partition("_secret_")[0]
