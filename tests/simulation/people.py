"""Those who come: sellers, buyers, administrators. Each visit has dice of its own."""

from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any, Final

from actors import ActorError, Message, Ref, RefusalError
from actors.mailbox import AskId
from tests.simulation.judge import Asked
from tests.simulation.plan import Visit
from tests.support.live_world import ticket_id
from ticketing.errors import (
    CooldownError,
    EventStartedError,
    OrderCompleteError,
    OrderExpiredError,
    PaymentInProgressError,
    TicketReservedError,
    TicketUnavailableError,
)
from ticketing.events import messages as events
from ticketing.orders import messages as orders
from ticketing.orders.state import CancelReason
from ticketing.payments import messages as payments
from ticketing.tickets import messages as tickets
from ticketing.tickets.state import TicketStatus
from ticketing.values import EventId, OrderId, TicketId, UserId

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Visitor"]

ADMIN: Final = UserId("admin")
SELLERS: Final = tuple(UserId(f"seller-{number}") for number in range(3))
BUYERS: Final = tuple(UserId(f"buyer-{number}") for number in range(12))
PRICE_MINOR: Final = 2500

# Tries of one command, each at another node: together longer than a take-over takes.
TRIES_MAX: Final = 14
TRY_SECONDS: Final = 2.0

# The share of commands that are sent with a key, and may so be sent again.
KEYED: Final = 0.6


class Visitor:
    """Somebody, from coming to leaving."""

    def __init__(self, world: "World", visit: Visit) -> None:
        self._world = world
        self._visit = visit
        self._dice: Random = world.plan.dice(f"visit {visit.number}")
        self._asked = 0

    async def come(self) -> None:
        """Do what one came for; a "no", or nobody there, is the end of the visit."""
        await self._world.clock.sleep(self._visit.at)
        try:
            match self._visit.who:
                case "seller":
                    await self._sell()
                case "editor":
                    await self._edit()
                case "admin":
                    await self._refund()
                case "hoarder":
                    await self._hoard()
                case _:
                    await self._buy()
        except (RefusalError, ActorError):
            pass

    # Selling ----------------------------------------------------------------------------------

    async def _sell(self) -> None:
        number = self._visit.number
        seller = self._dice.choice(SELLERS)
        event_id = await self._announce(seller) if self._dice.random() < 0.4 else None
        offer = tickets.List(
            seller_id=seller, title="A seat", price_minor=PRICE_MINOR, currency="usd",
            event_id=event_id,
        )  # fmt: skip
        ticket = ticket_id(number)
        await self.ask(tickets.ticket(ticket), offer, seller)
        self._world.offered.append(ticket)
        for _ in range(self._dice.randrange(5)):
            await self._pause(0.1, 4)
            await self._change(ticket, seller)
        if self._dice.random() < 0.15:
            await self.ask(tickets.ticket(ticket), tickets.Withdraw(seller_id=seller), seller)

    async def _announce(self, seller: UserId) -> EventId:
        event_id = EventId(f"e0000000-0000-7000-8000-{self._visit.number:012d}")
        add = events.Add(
            user_id=seller, post_id=event_id, name=f"Night {self._visit.number}",
            category=events.Category.OTHER, venue="Hall", city="Oslo",
            starts_at=self._world.clock.now() + timedelta(seconds=self._dice.uniform(3, 25)),
            time_zone="UTC",
        )  # fmt: skip
        await self.ask(events.event(event_id), add, seller)
        return event_id

    async def _edit(self) -> None:
        for _ in range(5):
            offered = self._world.tickets_of("available")
            if not offered:
                return
            ticket = self._dice.choice(offered)
            try:
                await self._change(ticket.id, ticket.seller_id)
            except TicketReservedError:
                self._world.judge.note("a seller could not change what somebody holds")

    async def _change(self, ticket: TicketId, seller: UserId) -> None:
        title = self._dice.choice(("A seat", "A good seat", "The best seat"))
        edit = tickets.Edit(seller_id=seller, title=title, price_minor=PRICE_MINOR)
        await self.ask(tickets.ticket(ticket), edit, seller)

    # Buying -----------------------------------------------------------------------------------

    async def _buy(self) -> None:
        buyer = self._dice.choice(BUYERS)
        for attempt in range(5):
            offered = self._world.offered[-12:]
            if offered:
                order_id = OrderId(f"{self._visit.number}-{attempt}")
                try:
                    held = await self._place(order_id, self._dice.choice(offered), buyer)
                except EventStartedError:
                    self._world.judge.note("too late for the event")
                    continue
                except RefusalError:
                    continue
                if held is not None:
                    await self._go_on(held, buyer)
                    return
            await self._pause(0.05, 1)

    async def _hoard(self) -> None:
        """Reserve one ticket again and again, and never pay."""
        buyer, world = self._dice.choice(BUYERS), self._world
        ticket = self._dice.choice(world.offered[-12:] or [ticket_id(0)])
        for attempt in range(9):
            order_id = OrderId(f"{self._visit.number}-{attempt}")
            try:
                await self._place(order_id, ticket, buyer)
            except CooldownError:
                world.judge.note("a buyer who let it lapse too often had to wait")
                return
            except TicketUnavailableError:
                pass
            await self._pause(2, world.window.total_seconds() + 1)

    async def _place(self, order_id: OrderId, ticket: TicketId, buyer: UserId) -> OrderId | None:
        place = orders.Place(ticket_id=ticket, buyer_id=buyer)
        placed = await self.ask(orders.order(order_id), place, buyer)
        if placed.held is None:
            return order_id
        self._world.judge.note("a buyer came back to a ticket that they held already")
        adopt = orders.Adopt(reservation=placed.held)
        await self.ask(orders.order(placed.held.order_id), adopt, buyer)
        return placed.held.order_id if self._dice.random() < 0.5 else None

    async def _go_on(self, order_id: OrderId, buyer: UserId) -> None:
        """Pay, cancel, both, or let it lapse."""
        window = self._world.window.total_seconds()
        await self._pause(0, self._dice.choice((0.1, 2, window)))
        match self._dice.choices(("cancel", "pay", "twice", "regret", "forget"), (1, 4, 3, 2, 1))[
            0
        ]:
            case "cancel":
                await self._cancel(order_id, buyer)
            case "pay":
                await self._pay(order_id, buyer)
            case "twice":
                await self._pay(order_id, buyer)
                await self._pause(0.1, 3)  # Another card, after a decline or instead of the bank.
                await self._pay(order_id, buyer)
            case "regret":
                await self._pay(order_id, buyer)
                await self._pause(0, 1.5)
                await self._cancel(order_id, buyer)
            case _:
                pass

    async def _pay(self, order_id: OrderId, buyer: UserId) -> None:
        payment = payments.payment(order_id)
        try:
            await self.ask(payment, payments.Pay(buyer_id=buyer, token="tok_visa"), buyer)
        except OrderExpiredError:
            self._world.judge.note("a buyer came too late to pay")
            return
        except (PaymentInProgressError, OrderCompleteError):
            return
        await self._pause(0.05, 2)
        if self._world.provider.waiting(order_id) and self._dice.random() < 0.8:
            for intent in self._world.provider.waiting(order_id):
                self._world.provider.act(intent)
            if self._dice.random() < 0.7:
                await self.ask(payment, payments.Confirm(buyer_id=buyer), buyer)

    async def _cancel(self, order_id: OrderId, buyer: UserId) -> None:
        self._world.cancels_asked.add(order_id)
        cancel = orders.Cancel(buyer_id=buyer, reason=CancelReason.USER)
        try:
            await self.ask(orders.order(order_id), cancel, buyer)
        except PaymentInProgressError:
            self._world.judge.note("a buyer wanted to cancel what was being paid")

    # Administering ----------------------------------------------------------------------------

    async def _refund(self) -> None:
        sold = [each for each in self._world.tickets() if each.status is TicketStatus.SOLD]
        if not sold:
            return
        order_id = self._dice.choice(sold).order_id
        assert order_id is not None
        await self.refund(order_id)

    async def refund(self, order_id: OrderId) -> None:
        """Give the money of *order_id* back."""
        refund = payments.Refund(by=ADMIN, reason="asked", relist=self._dice.random() < 0.5)
        await self.ask(payments.payment(order_id), refund, ADMIN)
        self._world.judge.note("an administrator gave money back")

    # Asking -----------------------------------------------------------------------------------

    async def ask(self, ref: Ref, message: Message[Any], by: UserId) -> Any:
        """Ask as a client does: under one id, at one node after another, until there is an answer.

        Raises:
            RefusalError: what the actor decided.
            ActorError: nobody knows, after many tries.

        """
        world, judge = self._world, self._world.judge
        self._asked += 1
        world.commands += 1
        ask_id = None
        if self._dice.random() < KEYED:
            ask_id = AskId(f"ask {self._visit.number}-{self._asked}", "digest")
        asked = Asked(ref, message, by, ask_id, judge.version(ref), world.clock.now())
        if ask_id is not None and world.faults.strikes("request_doubled"):
            asked.may_be_done = True
            world.go_on(self._ask_as_well(asked))
        for _ in range(TRIES_MAX if ask_id is not None else 1):
            try:
                return await self._try(asked)
            except ActorError as error:
                last = error
                await self._pause(0.05, 1.5)
        raise last

    async def _ask_as_well(self, asked: Asked) -> None:
        """The same at another node: a second click, or a proxy that lost patience."""
        await self._pause(0, 0.01)
        with suppress(RefusalError, ActorError):
            await self._try(asked)

    async def _try(self, asked: Asked) -> Any:
        judge = self._world.judge
        try:
            reply = await self._dice.choice(self._world.nodes).ask(
                asked.ref, asked.message, by=asked.by, ask_id=asked.ask_id, seconds=TRY_SECONDS
            )
        except RefusalError as refusal:
            judge.refused(asked, refusal)
            raise
        except ActorError as error:
            judge.failed(asked, error)
            raise
        judge.replied(asked, reply)
        return reply

    async def _pause(self, least: float, most: float) -> None:
        await self._world.clock.sleep(self._dice.uniform(least, most))
