"""Intents, lists and errors as the JSON that Stripe answers with.

The fields are those of the SDK's own types (`stripe.PaymentIntent`, `stripe.ErrorObject`), which
are generated from Stripe's OpenAPI description; tests/contract compares the two.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal

__all__ = ["Json", "decline_shape", "held_shape", "intent_shape", "list_shape", "refusal_shape"]

Json: TypeAlias = dict[str, Any]

_DOCUMENTS: Final = "https://stripe.com/docs/error-codes/"

# What an intent can have and ours never has: null there, so null here.
_ABSENT: Final = [
    "allowed_payment_method_types",
    "application",
    "application_fee_amount",
    "automatic_payment_methods",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "hooks",
    "managed_payments",
    "next_action",
    "on_behalf_of",
    "payment_details",
    "payment_method_configuration_details",
    "payment_record",
    "presentment_details",
    "processing",
    "receipt_email",
    "review",
    "setup_future_usage",
    "shipping",
    "source",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
]


def intent_shape(intent: Intent) -> Json:
    """A PaymentIntent. `latest_charge` and `payment_method` are ids: nothing is expanded."""
    error = None if intent.decline is None else decline_shape(intent, nested=True)
    return {
        **dict.fromkeys(_ABSENT),
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_details": {"tip": {}},
        "amount_received": intent.amount_received,
        "canceled_at": intent.canceled_at,
        "cancellation_reason": intent.cancellation_reason,
        "capture_method": intent.capture_method,
        "client_secret": intent.client_secret,
        "confirmation_method": "automatic",
        "created": intent.created,
        "currency": intent.currency,
        "description": intent.description,
        "last_payment_error": error,
        "latest_charge": intent.latest_charge,
        "livemode": False,
        "metadata": intent.metadata,
        "payment_method": intent.payment_method,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "status": intent.status.value,
    }


def held_shape(intent: Intent) -> Json:
    """What the sandbox's own listing tells of an intent: what one reconciles with, no secrets."""
    return {
        "id": intent.id,
        "status": intent.status.value,
        "amount": intent.amount,
        "amount_capturable": intent.amount_capturable,
        "amount_received": intent.amount_received,
        "currency": intent.currency,
        "metadata": intent.metadata,
        "created": intent.created,
        "idempotency_key": intent.idempotency_key,
    }


def list_shape(intents: Sequence[Intent], *, has_more: bool) -> Json:
    return {
        "object": "list",
        "url": "/v1/payment_intents",
        "has_more": has_more,
        "data": [intent_shape(intent) for intent in intents],
    }


def decline_shape(intent: Intent, *, nested: bool = False) -> Json:
    """The bank's no: as `last_payment_error` inside the intent, or as the answer around it."""
    decline = intent.decline
    assert decline is not None
    error: Json = {
        "charge": intent.latest_charge,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": _document(decline.code),
        "message": decline.message,
        "type": "card_error",
    }
    return error if nested else {"error": {**error, "payment_intent": intent_shape(intent)}}


def refusal_shape(refusal: Refusal, intent: Intent | None = None) -> Json:
    """An error answer; fields that say nothing are left out, as Stripe leaves them out."""
    error: Json = {"message": refusal.message, "type": refusal.kind}
    if refusal.code is not None:
        error |= {"code": refusal.code, "doc_url": _document(refusal.code)}
    if refusal.param is not None:
        error["param"] = refusal.param
    if intent is not None:
        error["payment_intent"] = intent_shape(intent)
    return {"error": error}


def _document(code: str) -> str:
    return _DOCUMENTS + code.replace("_", "-")
