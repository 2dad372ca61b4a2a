"""The payment provider of the simulated market, and the teller that talks to it.

It keeps its word under an idempotency key, and does what a real one does to us: answers late or not
at all, asks for the card holder, cancels an authorisation, takes money that nobody asked it to
take, gives it back and then does not.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Final

from actors import Clock, Effect, Message, NotYetError, Ref, Worker, handle
from ticketing.payments import messages as payments
from ticketing.values import OrderId

__all__ = ["FakeTeller", "Intent", "Provider"]

ENDED: Final = frozenset({"canceled", "succeeded"})


@dataclass
class Intent:
    """What is held for one attempt, in the provider's words. Amounts are minor units."""

    order_id: str
    number: int
    amount: int
    status: str = "requires_capture"
    refunded: int = 0
    refunds: dict[int, bool] = field(default_factory=dict)
    """By round: whether it succeeded."""

    @property
    def id(self) -> str:
        return f"{self.order_id}/{self.number}"


@dataclass
class Provider:
    """Every intent, and what the next answer will be."""

    dice: Random
    intents: dict[str, Intent] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    """How often the rarer things have come about."""

    async def answer(self, clock: Clock) -> None:
        """An answer takes its time, and may not come at all."""
        await clock.sleep(self.dice.choice((0.0, 0.1, 0.7, 2.5)))
        if self.dice.random() < 0.1:
            raise NotYetError

    def create(self, order_id: str, number: int, amount: int) -> Intent:
        """The first answer under the key is the answer."""
        intent = Intent(order_id, number, amount)
        if intent.id not in self.intents:
            intent.status = self.dice.choices(
                ("requires_capture", "requires_action", "requires_payment_method", "succeeded"),
                (50, 25, 24, 1),
            )[0]
            self.intents[intent.id] = intent
        return self.intents[intent.id]

    def cancel(self, intent: Intent) -> None:
        if intent.status not in ENDED:
            intent.status = "canceled"

    def capture(self, intent: Intent) -> None:
        if intent.status == "requires_capture":
            # A bank may take its promise back; an operator may press a button.
            lost = self.dice.random() < 0.08
            intent.status = "canceled" if lost else "succeeded"
            self.note("lost" if lost else "captured")

    def act(self, intent: Intent) -> None:
        """The card holder says who they are, or fails to."""
        if intent.status == "requires_action":
            passed = self.dice.random() < 0.7
            intent.status = "requires_capture" if passed else "requires_payment_method"
            self.note("passed" if passed else "failed")

    def refund(self, intent: Intent, amount: int, key_round: int) -> bool:
        """Whether the refund of that round succeeded; it is decided once."""
        if key_round not in intent.refunds:
            assert intent.refunded + amount <= intent.amount, f"refunded twice: {intent}"
            # The second one goes through: somebody has seen to it.
            intent.refunds[key_round] = key_round > 1 or self.dice.random() < 0.8
            intent.refunded += amount if intent.refunds[key_round] else 0
            self.note("refunded" if intent.refunds[key_round] else "refund_failed")
        return intent.refunds[key_round]

    def waiting(self, order_id: str) -> list[Intent]:
        """Those of an order that ask for the card holder."""
        ours = [each for each in self.intents.values() if each.order_id == order_id]
        return [each for each in ours if each.status == "requires_action"]

    def note(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1


class FakeTeller(Worker):
    """Stands in for the teller: any outcome may come, also late or twice."""

    kind, service, concurrency, queue_size_max = payments.TELLER, "payments", 10, 0
    parks = False

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock

    @handle
    async def authorise(self, message: payments.Authorise, effect: Effect) -> None:
        if message.replaces is not None:
            assert message.replaces_number is not None
            await self._drop(effect, message.replaces, message.replaces_number)
        if self._provider.dice.random() < 0.1:
            if effect.may_be_repeat:
                raise NotYetError
            self._tell(effect, payments.NotSent(number=message.number))
            return
        intent = self._provider.create(effect.key, message.number, message.amount_minor)
        await self._provider.answer(self._clock)
        self._tell(effect, *self._verdict(intent, asked=True))

    @handle
    async def look(self, message: payments.Look, effect: Effect) -> None:
        await self._provider.answer(self._clock)
        intent = self._provider.intents[message.intent_id]
        self._tell(effect, *self._verdict(intent, asked=message.asked))

    @handle
    async def capture(self, message: payments.Capture, effect: Effect) -> None:
        intent = self._provider.intents[message.intent_id]
        self._provider.capture(intent)
        await self._provider.answer(self._clock)
        if intent.status == "canceled":
            self._tell(effect, payments.CaptureImpossible(number=message.number))
        else:
            self._tell(effect, payments.Captured(number=message.number))

    @handle
    async def void(self, message: payments.Void, effect: Effect) -> None:
        await self._drop(effect, message.intent_id, message.number)

    @handle
    async def give_back(self, message: payments.GiveBack, effect: Effect) -> None:
        intent = self._provider.intents[message.intent_id]
        done = self._provider.refund(intent, message.amount_minor, message.key_round)
        await self._provider.answer(self._clock)
        number, refund_id = message.number, f"re_{message.key_round}"
        if done or self._provider.dice.random() < 0.5:
            self._tell(effect, payments.Refunded(number=number, refund_id=refund_id))
        if not done:  # At once, or after it had seemed to be done.
            self._tell(effect, payments.RefundFailed(number=number, why="expired_card"))

    @handle
    async def look_at_refund(self, message: payments.LookAtRefund, effect: Effect) -> None:
        pass

    @handle
    async def sweep(self, message: payments.Sweep, effect: Effect) -> None:  # noqa: ARG002
        """Say of every intent what it is: as webhooks would, and far more often than they."""
        for intent in self._provider.intents.values():
            if self._provider.dice.random() < 0.5:
                continue
            touch = payments.Touch(intent_id=intent.id, status=intent.status)
            effect.tell(_payment(intent.order_id), touch, name=f"touch:{intent.id}")
        effect.tell(payments.reconciler(), payments.Swept(until=effect.now, touched=0))

    async def _drop(self, effect: Effect, intent_id: str, number: int) -> None:
        intent = self._provider.intents[intent_id]
        self._provider.cancel(intent)
        await self._provider.answer(self._clock)
        if intent.status == "canceled":
            self._tell(effect, payments.Voided(number=number))
        else:
            self._tell(effect, _taken(intent, number))

    def _verdict(self, intent: Intent, *, asked: bool) -> list[Message[None]]:
        number = intent.number
        match intent.status:
            case "requires_capture":
                return [payments.Authorised(number=number, intent_id=intent.id)]
            case "requires_action" if asked:
                return [payments.ActionRequired(number=number, intent_id=intent.id, secret="s")]
            case "requires_action":
                return []
            case "succeeded":
                authorised = payments.Authorised(number=number, intent_id=intent.id)
                return [payments.Captured(number=number), authorised]
            case "canceled":
                code = "canceled"
            case _:
                code = "card_declined"
        return [payments.Declined(number=number, decline_code=code, intent_id=intent.id)]

    def _tell(self, effect: Effect, *outcomes: Message[None]) -> None:
        """Once, or twice: a webhook may say the same."""
        for outcome in outcomes:
            for _ in range(self._provider.dice.choice((1, 1, 1, 2))):
                effect.tell(_payment(effect.key), outcome)


def _payment(order_id: str) -> Ref:
    return payments.payment(OrderId(order_id))


def _taken(intent: Intent, number: int) -> payments.TakenAnyway:
    return payments.TakenAnyway(
        number=number,
        intent_id=intent.id,
        amount_minor=intent.amount,
        currency="usd",
        why="taken by the provider",
    )
