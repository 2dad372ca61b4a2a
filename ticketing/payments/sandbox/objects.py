"""The other objects as Stripe's JSON: refunds, charges, confirmation tokens, events.

As in `shapes`, the fields are those of the SDK's own types.
"""

from typing import Final

from ticketing.payments.sandbox.cards import TEST_MONTH, TEST_YEAR, Card
from ticketing.payments.sandbox.events import Event
from ticketing.payments.sandbox.intents import Intent, Status
from ticketing.payments.sandbox.refunds import Refund
from ticketing.payments.sandbox.shapes import Json, error_of, intent_shape
from ticketing.payments.sandbox.tokens import ConfirmationToken

__all__ = [
    "API_VERSION",
    "charge_shape",
    "event_shape",
    "held_shape",
    "refund_shape",
    "token_shape",
]

API_VERSION: Final = "2026-10-28.endive"
"""The version that the SDK speaks: https://docs.stripe.com/changelog; tests compare the two."""

# What these can have and ours never have: null there, so null here.
_NO_REFUND: Final = [
    "balance_transaction",
    "customer",
    "customer_account",
    "description",
    "failure_balance_transaction",
    "instructions_email",
    "next_action",
    "payment_method",
    "presentment_details",
    "receipt_number",
    "source_transfer_reversal",
    "transfer_reversal",
]
_NO_CHARGE: Final = [
    "application",
    "application_fee",
    "application_fee_amount",
    "authorization_code",
    "balance_transaction",
    "calculated_statement_descriptor",
    "customer",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "level3",
    "on_behalf_of",
    "outcome",
    "presentment_details",
    "receipt_email",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer",
    "transfer_data",
    "transfer_group",
]
_NO_TOKEN: Final = [
    "mandate_data",
    "payment_method_options",
    "setup_future_usage",
    "setup_intent",
    "shipping",
]
_NO_PAID_CARD: Final = [
    "amount_authorized",
    "authorization_code",
    "checks",
    "extended_authorization",
    "fingerprint",
    "incremental_authorization",
    "installments",
    "mandate",
    "multicapture",
    "network",
    "network_token",
    "network_transaction_id",
    "overcapture",
    "regulated_status",
    "three_d_secure",
    "wallet",
]
_NOBODY: Final[Json] = {
    "address": dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state")),
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}


def refund_shape(refund: Refund) -> Json:
    """A refund; `charge` and `payment_intent` are ids."""
    return {
        **dict.fromkeys(_NO_REFUND),
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": refund.charge,
        "created": refund.created,
        "currency": refund.currency,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "failure_reason": refund.failure_reason,
        "metadata": refund.metadata,
        "payment_intent": refund.payment_intent,
        "pending_reason": "processing" if refund.status == "pending" else None,
        "reason": refund.reason,
        "status": refund.status.value,
    }


def charge_shape(intent: Intent) -> Json:
    """The charge that paid *intent*."""
    taken = intent.amount_received
    return {
        **dict.fromkeys(_NO_CHARGE),
        "id": intent.latest_charge,
        "object": "charge",
        "amount": intent.amount,
        "amount_captured": taken,
        "amount_refunded": intent.amount_refunded,
        "billing_details": _NOBODY,
        "captured": intent.status is Status.SUCCEEDED,
        "created": intent.created,
        "currency": intent.currency,
        "description": intent.description,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent.metadata,
        "paid": True,
        "payment_intent": intent.id,
        "payment_method": intent.payment_method,
        "payment_method_details": _paid_with(intent.card),
        "radar_options": {},
        "refunded": taken > 0 and intent.amount_refunded == taken,
        "refunds": None,
        "status": "succeeded",
    }


def token_shape(token: ConfirmationToken) -> Json:
    """A confirmation token. Of the card it tells what a receipt would."""
    card = {
        **_card(token.card),
        "exp_month": token.exp_month,
        "exp_year": token.exp_year,
        "checks": dict.fromkeys(("address_line1_check", "address_postal_code_check", "cvc_check")),
        "display_brand": token.card.brand,
        "fingerprint": None,
        "generated_from": None,
        "networks": {"available": [token.card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return {
        **dict.fromkeys(_NO_TOKEN),
        "id": token.id,
        "object": "confirmation_token",
        "created": token.created,
        "expires_at": token.expires_at,
        "livemode": False,
        "metadata": None,
        "payment_intent": token.payment_intent,
        "payment_method_preview": {
            "billing_details": _NOBODY,
            "card": card,
            "customer": None,
            "type": "card",
        },
        "return_url": token.return_url,
        "use_stripe_sdk": True,
    }


def event_shape(event: Event, *, pending: bool) -> Json:
    """An event with its snapshot; *pending* while a webhook endpoint has not got it."""
    data: Json = {"object": _subject(event)}
    if event.what.previous is not None:
        data["previous_attributes"] = event.what.previous
    return {
        "id": event.id,
        "object": "event",
        "api_version": API_VERSION,
        "created": event.created,
        "data": data,
        "livemode": False,
        "pending_webhooks": int(pending),
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
        "type": event.what.type,
    }


def held_shape(intent: Intent, refunds: list[Refund]) -> Json:
    """What the sandbox's own listing tells of an intent: what one reconciles with, no secrets."""
    error = error_of(intent)
    return {
        "id": intent.id,
        "status": intent.status.value,
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_received": intent.amount_received,
        "amount_refunded": intent.amount_refunded,
        "currency": intent.currency,
        "metadata": intent.metadata,
        "created": intent.created,
        "idempotency_key": intent.idempotency_key,
        "error": error and {name: error.get(name) for name in ("code", "decline_code", "message")},
        "card": None if intent.card is None else _card(intent.card),
        "refunds": [_held_refund(refund) for refund in refunds],
    }


def _held_refund(refund: Refund) -> Json:
    return {
        "id": refund.id,
        "amount": refund.amount,
        "status": refund.status.value,
        "reason": refund.reason,
        "metadata": refund.metadata,
        "created": refund.created,
        "idempotency_key": refund.idempotency_key,
    }


def _subject(event: Event) -> Json:
    what = event.what
    if what.refund is not None:
        return refund_shape(what.refund)
    if what.charge is not None:
        return charge_shape(what.charge)
    assert what.intent is not None
    return intent_shape(what.intent)


def _paid_with(card: Card | None) -> Json | None:
    if card is None:
        return None
    expiry = {"exp_month": TEST_MONTH, "exp_year": TEST_YEAR}
    return {"card": {**dict.fromkeys(_NO_PAID_CARD), **_card(card), **expiry}, "type": "card"}


def _card(card: Card) -> Json:
    return {"brand": card.brand, "country": "US", "funding": "credit", "last4": card.last4}
