"""Intents, pages and errors as the JSON that Stripe answers with.

The fields are those of the SDK's own types (`stripe.PaymentIntent`, `stripe.ErrorObject`), which
are generated from Stripe's OpenAPI description; tests/contract compares the two.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal

__all__ = [
    "Json",
    "decline_shape",
    "error_of",
    "intent_shape",
    "list_shape",
    "publishable_shape",
    "refusal_shape",
]

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


# What a publishable key and the client secret let see.
_PUBLISHABLE: Final = [
    "id",
    "object",
    "amount",
    "amount_details",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "processing",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "source",
    "status",
]


def intent_shape(intent: Intent) -> Json:
    """A PaymentIntent. `latest_charge` and `payment_method` are ids: nothing is expanded."""
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
        "last_payment_error": error_of(intent),
        "latest_charge": intent.latest_charge,
        "livemode": False,
        "metadata": intent.metadata,
        "next_action": _next_action(intent),
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


def publishable_shape(intent: Intent) -> Json:
    """A PaymentIntent as a browser gets it: without metadata and charges."""
    whole = intent_shape(intent)
    return {name: whole[name] for name in _PUBLISHABLE}


def list_shape(url: str, data: Sequence[Json], *, has_more: bool) -> Json:
    return {"object": "list", "url": url, "has_more": has_more, "data": list(data)}


def error_of(intent: Intent) -> Json | None:
    """`last_payment_error`: the bank's no, or that the card holder did not authenticate."""
    decline = intent.decline
    if decline is None:
        return None
    error: Json = {
        "code": decline.code,
        "doc_url": _document(decline.code),
        "message": decline.message,
        "type": decline.kind,
    }
    if decline.kind == "card_error":
        error["charge"] = intent.latest_charge
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    return error


def decline_shape(intent: Intent) -> Json:
    """The answer to a confirmation that the bank said no to."""
    return {"error": {**(error_of(intent) or {}), "payment_intent": intent_shape(intent)}}


def refusal_shape(refusal: Refusal, intent: Intent | None = None) -> Json:
    """An error answer; fields that say nothing are left out, as Stripe leaves them out."""
    error: Json = {"message": refusal.message, "type": refusal.kind}
    if refusal.code is not None:
        error |= {"code": refusal.code, "doc_url": _document(refusal.code)}
    if refusal.decline_code is not None:
        error["decline_code"] = refusal.decline_code
    if refusal.param is not None:
        error["param"] = refusal.param
    if intent is not None:
        error["payment_intent"] = intent_shape(intent)
    return {"error": error}


def _next_action(intent: Intent) -> Json | None:
    """What the card holder has to do: an affair of the SDK in the browser, and of nobody else."""
    if intent.action is None:
        return None
    return {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": intent.action},
    }


def _document(code: str) -> str:
    return _DOCUMENTS + code.replace("_", "-")
