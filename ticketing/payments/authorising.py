"""Authorising once: what an earlier try may have left at the provider comes before the next.

An idempotency key gives the first answer again, which makes a second authorisation impossible, as
long as the provider keeps it: a day. An answer that is kept may also be an error of the
provider's, and then it says nothing of what was done. In both cases what is there is looked up.
"""

from datetime import timedelta
from typing import Final

from actors import Effect
from ticketing.payments import outcomes
from ticketing.payments.messages import Authorise
from ticketing.payments.outcomes import Intent, NotSent, Unknown
from ticketing.payments.transport import StripeTransport

__all__ = ["authorise"]

# A key whose stored answer is an error is followed by the next one; after a few there is no point
# in asking again at once.
ROUNDS_MAX: Final = 3

# Stripe keeps a key for 24 hours at least; the clocks may differ, and a call takes its time.
KEY_TRUSTED: Final = timedelta(hours=23)

# The provider's clock may be behind ours when we look for what an attempt left there.
CLOCK_SLACK: Final = timedelta(minutes=10)

# A message of before attempts had a start: none of those is older.
FIND_MAX: Final = timedelta(days=8)

# What an attempt left half done, with no card holder to wait for: it is no use to anybody.
_HALF_DONE: Final = frozenset({"requires_confirmation", "requires_payment_method"})

# Of several intents of one attempt the one that has come furthest is the attempt's.
_FURTHEST: Final = ("succeeded", "requires_capture", "requires_action", "processing")


async def authorise(
    transport: StripeTransport, message: Authorise, effect: Effect
) -> outcomes.Authorisation:
    """Authorise, or find what came of it.

    `NotSent` is certain: neither this call nor an earlier one for the attempt has left anything.
    """
    if effect.now - message.started_at > KEY_TRUSTED:
        left_there = await _left_there(transport, message, effect)
        return NotSent(reason="too_old") if left_there is None else left_there
    for key_round in range(1, ROUNDS_MAX + 1):
        outcome = await transport.authorise(
            order_id=effect.key,
            attempt=message.number,
            amount_minor=message.amount_minor,
            currency=message.currency,
            token=message.token,
            key_round=key_round,
        )
        if isinstance(outcome, NotSent) and effect.may_be_repeat:
            return Unknown(reason=outcome.reason)
        if not (isinstance(outcome, Unknown) and outcome.stored):
            return outcome
        left_there = await _left_there(transport, message, effect)
        if left_there is not None:
            return left_there
    return Unknown(reason="too_many_rounds")


async def _left_there(
    transport: StripeTransport, message: Authorise, effect: Effect
) -> outcomes.Authorisation | None:
    """What the attempt has come to at the provider; None if there is certainly nothing of it."""
    since = max(message.started_at, effect.now - FIND_MAX) - CLOCK_SLACK
    found = await transport.find(order_id=effect.key, attempt=message.number, since=since)
    if isinstance(found, Unknown):
        return found
    if not found:
        return None
    first, *others = sorted(found, key=_distance)
    for other in others:
        if (left := await _void(transport, other)) is not None:
            return left
    if first.status in _HALF_DONE and first.decline_code is None:
        return await transport.void(intent_id=first.id)
    return transport.standing(
        first,
        order_id=effect.key,
        amount_minor=message.amount_minor,
        currency=message.currency,
    )


async def _void(transport: StripeTransport, intent: Intent) -> Unknown | None:
    """Drop an intent that there should not be; Unknown if nobody knows that it is void."""
    if intent.status in ("canceled", "succeeded"):
        return None  # What was taken by mistake is told by its event.
    outcome = await transport.void(intent_id=intent.id)
    return outcome if isinstance(outcome, Unknown) else None


def _distance(intent: Intent) -> int:
    """How far from money it is."""
    return _FURTHEST.index(intent.status) if intent.status in _FURTHEST else len(_FURTHEST)
