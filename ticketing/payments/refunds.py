"""Refunds at Stripe: money goes back once, whatever gets lost on the way.

Source: https://docs.stripe.com/refunds. An idempotency key is kept for a day and a refund may be
asked about for weeks, so what has been given back is looked up before any is given back.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from ticketing.payments import outcomes
from ticketing.payments.outcomes import Refunded, RefundFailed, RefundPending, Unknown
from ticketing.payments.stripe_client import Failure, StripeApi
from ticketing.payments.stripe_shapes import Refund

__all__ = ["Refunds"]

T = TypeVar("T")

# One by us, and a few by people at the provider's own pages.
REFUNDS_MAX: Final = 100


class Call(Protocol):
    """Makes a network call, under a name for those who watch."""

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]], /) -> T: ...


class Refunds:
    """The refunds of intents."""

    def __init__(self, api: StripeApi, call: Call) -> None:
        self._api = api
        self._call = call

    async def give_back(
        self, *, intent_id: str, order_id: str, amount_minor: int, round_: int, key: str
    ) -> outcomes.Refund:
        """See `StripeTransport.give_back`."""
        before = await self._decided(intent_id, amount_minor, round_)
        if not isinstance(before, int):
            return before
        params: dict[str, Any] = {
            "payment_intent": intent_id,
            "amount": before,
            "metadata": {"order_id": order_id, "round": str(round_)},
        }
        got = await self._call("refund", functools.partial(self._api.refund, params, key))
        if isinstance(got, Failure):
            return await self._refused(got, intent_id, amount_minor, round_)
        if got.replayed:
            return await self.look(got.value.id)
        return _standing(got.value)

    async def look(self, refund_id: str) -> outcomes.Refund:
        """What became of a refund."""
        retrieve = functools.partial(self._api.retrieve_refund, refund_id)
        got = await self._call("retrieve_refund", retrieve)
        return Unknown(reason=got.reason) if isinstance(got, Failure) else _standing(got.value)

    async def _refused(
        self, failure: Failure, intent_id: str, amount_minor: int, round_: int
    ) -> outcomes.Refund:
        if not failure.was_refused:
            return Unknown(reason=failure.reason, stored=failure.stored)
        # Somebody else may have given the money back since we looked.
        after = await self._decided(intent_id, amount_minor, round_)
        return RefundFailed(why=failure.reason) if isinstance(after, int) else after

    async def _decided(
        self, intent_id: str, amount_minor: int, round_: int
    ) -> outcomes.Refund | int:
        """What the refunds that there are come to, or how much is still to be given back."""
        listed = functools.partial(self._api.refunds, intent_id, REFUNDS_MAX)
        page = await self._call("find_refunds", listed)
        if isinstance(page, Failure):
            return Unknown(reason=page.reason)
        if page.has_more:
            return Unknown(reason="too_many_refunds")
        live = [refund for refund in page.data if not refund.is_dead]
        missing = amount_minor - sum(refund.amount for refund in live)
        if missing <= 0:
            return _together(live)
        dead = [refund for refund in page.data if refund.is_dead and refund.round == str(round_)]
        return _standing(dead[0]) if dead else missing


def _together(refunds: Sequence[Refund]) -> outcomes.Refund:
    """The standing of all, newest first: that of the newest that is not certain yet, if any."""
    standings = [_standing(refund) for refund in refunds]
    open_ = [each for each in standings if not isinstance(each, Refunded)]
    return [*open_, *standings][0]


def _standing(refund: Refund) -> outcomes.Refund:
    match refund.status:
        case "succeeded":
            return Refunded(refund_id=refund.id)
        case "pending" | "requires_action":
            return RefundPending(refund_id=refund.id)
        case "failed" | "canceled":
            why = refund.failure_reason or refund.status
            return RefundFailed(why=why, refund_id=refund.id)
        case status:
            return Unknown(reason=f"refund_{status}")
