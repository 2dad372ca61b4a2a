# ruff: noqa: ARG002 - it takes what the real one takes
"""The payment provider of the simulation: the real teller talks to it, and it is never at ease.

It keeps its word under an idempotency key, and does what a real one does to us: it answers late or
not at all, before or after it has done what was asked; it declines, asks for the card holder, loses
an authorisation, takes money unasked, gives it back and then does not. What happens it also says by
webhooks, which come late, twice, out of order or never; all of it is in its list of events.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from actors import Clock
from actors.simulation import SimulatedClock
from tests.simulation.faults import Faults
from ticketing.payments import messages as payments
from ticketing.payments import outcomes
from ticketing.payments.state import Attempt
from ticketing.payments.transport import StripeTransport
from ticketing.values import OrderId

__all__ = ["Sandbox", "SimulatedReads", "SimulatedStripe"]

ENDED: Final = frozenset({"canceled", "succeeded"})

Told = Callable[[OrderId, payments.Touch, float], None]
"""Is called with each webhook, and after how many seconds it comes."""


@dataclass
class Held:
    """An intent, in the provider's words. Amounts are minor units."""

    order_id: str
    number: int
    amount: int
    status: str = "requires_capture"
    decline_code: str | None = None
    refunded: int = 0
    refunds: dict[str, bool] = field(default_factory=dict)
    """By id: whether it succeeded."""

    @property
    def id(self) -> str:
        return f"pi_{self.order_id}_{self.number}"

    @property
    def shown(self) -> outcomes.Intent:
        return outcomes.Intent(
            id=self.id,
            status=self.status,
            amount_minor=self.amount,
            amount_capturable_minor=self.amount if self.status == "requires_capture" else 0,
            amount_received_minor=self.amount if self.status == "succeeded" else 0,
            currency="usd",
            livemode=False,
            order_id=self.order_id,
            attempt=self.number,
            decline_code=self.decline_code,
            client_secret="secret",
        )


class Sandbox:
    """Every intent there is, and what happened to them."""

    def __init__(self, faults: Faults, told: Told) -> None:
        self.intents: dict[str, Held] = {}
        self.events: list[outcomes.Happened] = []
        """Newest first."""
        self.faults = faults
        self._told = told
        self._clock = SimulatedClock()

    def create(self, order_id: str, number: int, amount: int) -> Held:
        """The first answer under the key is the answer."""
        held = Held(order_id, number, amount)
        if held.id in self.intents:
            return self.intents[held.id]
        if self.faults.strikes("card_declined"):
            held.status, held.decline_code = "requires_payment_method", "card_declined"
        elif self.faults.strikes("taken_unasked"):
            held.status = "succeeded"
        elif self.faults.dice.random() < 0.3:
            held.status = "requires_action"
        self.intents[held.id] = held
        self._happened(held)
        return held

    def capture(self, held: Held) -> None:
        if held.status == "requires_capture":
            # A bank may take its promise back; an operator may press a button.
            self._become(held, "canceled" if self.faults.strikes("capture_lost") else "succeeded")

    def cancel(self, held: Held) -> None:
        if held.status not in ENDED:
            self._become(held, "canceled")

    def act(self, held: Held) -> None:
        """The card holder says who they are, or fails to."""
        if held.status == "requires_action":
            if self.faults.dice.random() < 0.7:
                self._become(held, "requires_capture")
            else:
                held.decline_code = "authentication_failed"
                self._become(held, "requires_payment_method")

    def refund(self, held: Held, amount: int, key_round: int) -> str:
        """The id of the refund of that round; whether it succeeded is decided once."""
        refund_id = f"re_{held.id}_{key_round}"
        if refund_id not in held.refunds:
            assert held.refunded + amount <= held.amount, f"refunded twice: {held}"
            # The second one goes through: somebody has seen to it.
            fails = key_round == 1 and self.faults.strikes("refund_failed")
            held.refunds[refund_id] = not fails
            held.refunded += 0 if fails else amount
        return refund_id

    def waiting(self, order_id: str) -> list[Held]:
        """Those of an order that ask for the card holder."""
        ours = [each for each in self.intents.values() if each.order_id == order_id]
        return [each for each in ours if each.status == "requires_action"]

    def _become(self, held: Held, status: str) -> None:
        before, held.status = held.status, status
        self._happened(held)
        if self.faults.strikes("webhook_stale"):
            self._say(held, before, self.faults.dice.uniform(0.5, 4))

    def _happened(self, held: Held) -> None:
        now = self._clock.now()
        self.events.insert(
            0,
            outcomes.Happened(
                intent_id=held.id, order_id=held.order_id, status=held.status,
                type="payment_intent", created=now,
            ),
        )  # fmt: skip
        if self.faults.strikes("webhook_lost"):
            return
        late = self.faults.strikes("webhook_late")
        self._say(held, held.status, self.faults.dice.uniform(1, 9) if late else 0.05)
        if self.faults.strikes("webhook_doubled"):
            self._say(held, held.status, self.faults.dice.uniform(0, 3))

    def _say(self, held: Held, status: str, seconds: float) -> None:
        touch = payments.Touch(intent_id=held.id, status=status)
        self._told(OrderId(held.order_id), touch, seconds)


class SimulatedStripe(StripeTransport):
    """What the teller calls; each call may fail before or after it has had its effect."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self._live = False
        self._sandbox = sandbox
        self._clock = clock

    async def _before(self) -> outcomes.Unknown | None:
        faults = self._sandbox.faults
        slow = faults.strikes("provider_slow")
        await self._clock.sleep(faults.dice.uniform(1, 5) if slow else faults.dice.uniform(0, 0.3))
        return (
            outcomes.Unknown(reason="TimeoutError") if faults.strikes("provider_silent") else None
        )

    async def _after(self) -> outcomes.Unknown | None:
        faults = self._sandbox.faults
        await self._clock.sleep(faults.dice.uniform(0, 0.1))
        is_lost = faults.strikes("provider_answer_lost")
        return outcomes.Unknown(reason="connection_lost") if is_lost else None

    async def authorise(
        self, *, order_id: str, attempt: int, amount_minor: int, currency: str, token: str,
        key_round: int = 1,
    ) -> outcomes.Authorisation:  # fmt: skip
        if self._sandbox.faults.strikes("provider_unreachable"):
            return outcomes.NotSent(reason="connection_refused")
        if (unknown := await self._before()) is not None:
            return unknown
        held = self._sandbox.create(order_id, attempt, amount_minor)
        if (unknown := await self._after()) is not None:
            return unknown
        return self.standing(
            held.shown, order_id=order_id, amount_minor=amount_minor, currency=currency
        )

    async def retrieve(
        self, intent_id: str
    ) -> outcomes.Intent | outcomes.Missing | outcomes.Unknown:
        if (unknown := await self._before()) is not None:
            return unknown
        held = self._sandbox.intents.get(intent_id)
        return outcomes.Missing(intent_id=intent_id) if held is None else held.shown

    async def capture(
        self, *, intent_id: str, amount_minor: int, key_round: int = 1
    ) -> outcomes.Capture:
        if (unknown := await self._before()) is not None:
            return unknown
        held = self._sandbox.intents[intent_id]
        self._sandbox.capture(held)
        if (unknown := await self._after()) is not None:
            return unknown
        if held.status == "canceled":
            return outcomes.Impossible(intent_id=intent_id)
        return self._captured(held.shown, amount_minor)

    async def void(self, *, intent_id: str, key_round: int = 1) -> outcomes.Void:
        if (unknown := await self._before()) is not None:
            return unknown
        held = self._sandbox.intents[intent_id]
        self._sandbox.cancel(held)
        if (unknown := await self._after()) is not None:
            return unknown
        if held.status == "canceled":
            return outcomes.Voided(intent_id=intent_id)
        return outcomes.Captured(intent_id=intent_id, amount_minor=held.amount, currency="usd")

    async def give_back(
        self, *, intent_id: str, order_id: str, amount_minor: int, refund_round: int = 1,
        key_round: int = 1,
    ) -> outcomes.Refund:  # fmt: skip
        if (unknown := await self._before()) is not None:
            return unknown
        held = self._sandbox.intents[intent_id]
        refund_id = self._sandbox.refund(held, amount_minor, refund_round)
        if (unknown := await self._after()) is not None:
            return unknown
        return _refund(held, refund_id)

    async def refund(self, refund_id: str) -> outcomes.Refund:
        if (unknown := await self._before()) is not None:
            return unknown
        held = next(each for each in self._sandbox.intents.values() if refund_id in each.refunds)
        return _refund(held, refund_id)

    async def find(
        self, *, order_id: str, attempt: int, since: datetime
    ) -> tuple[outcomes.Intent, ...] | outcomes.Unknown:
        if (unknown := await self._before()) is not None:
            return unknown
        found = self._sandbox.intents.values()
        return tuple(
            each.shown for each in found if (each.order_id, each.number) == (order_id, attempt)
        )

    async def events(
        self, *, since: datetime, until: datetime
    ) -> tuple[outcomes.Happened, ...] | outcomes.Unknown:
        if (unknown := await self._before()) is not None:
            return unknown
        return tuple(each for each in self._sandbox.events if since <= each.created < until)

    async def close(self) -> None:
        pass


def _refund(held: Held, refund_id: str) -> outcomes.Refund:
    if held.refunds[refund_id]:
        return outcomes.Refunded(refund_id=refund_id)
    return outcomes.RefundFailed(why="expired_card", refund_id=refund_id)


class SimulatedReads:
    """The two reads that the teller makes."""

    def __init__(self, attempts: Callable[[str], Sequence[Attempt]]) -> None:
        self._attempts = attempts

    async def rows(self, query: str, ids: Sequence[str]) -> list[Mapping[str, Any]]:
        """The attempts of each payment of *ids*."""
        assert "attempts::text" in query
        return [
            {"id": each, "attempts": msgspec.json.encode(self._attempts(each)).decode()}
            for each in ids
            if self._attempts(each)
        ]

    async def row(self, query: str) -> Mapping[str, Any]:
        """How many captures nobody knows the outcome of; the alarm is tested elsewhere."""
        assert "count(*)" in query
        return {"count": 0, "oldest": []}
