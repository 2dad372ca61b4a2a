"""What a marketplace is for, from beginning to end, for a server that may die in between."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.crash.people import Person
from tests.crash.world import World

Play: TypeAlias = Callable[[Person, Person], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """A play for a seller and a buyer; whoever *signs_up* in it has no account before."""

    play: Play
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.play.__name__

    async def run(self, world: World, number: int) -> None:
        """Play it with new people, and hold the server to what it has answered."""
        seller = Person(world, f"seller{number}@{self.name}.test", seed=2 * number)
        buyer = Person(world, f"buyer{number}@{self.name}.test", seed=2 * number + 1)
        await seller.signs_up()
        await buyer.signs_up()
        await self.play(seller, buyer)
        for person in (seller, buyer):
            await person.holds_them_to_their_word()
        await world.rest()


async def purchase(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Purchase")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    paid = await buyer.pays(ordered.body, "tok_visa")
    assert (paid.status, paid.body["status"]) == (201, "captured"), paid
    await buyer.waits_for(f"/api/orders/{ordered.body['id']}", status="complete")
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status="sold")


async def lapse(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Lapse")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    path = f"/api/orders/{ordered.body['id']}"
    await buyer.waits_for(path, status="cancelled", cancelReason="expired")
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status="available")


async def cancel(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Cancel")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    cancelled = await buyer.cancels(ordered.body)
    assert cancelled.status == 204, cancelled
    path = f"/api/orders/{ordered.body['id']}"
    await buyer.waits_for(path, status="cancelled", cancelReason="user")
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status="available")


async def decline(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Decline")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    declined = await buyer.pays(ordered.body, "tok_chargeDeclined")
    assert (declined.status, declined.body["attemptsLeft"]) == (402, 4), declined
    paid = await buyer.pays(ordered.body, "tok_visa")
    assert paid.status == 201, paid
    await buyer.waits_for(f"/api/orders/{ordered.body['id']}", status="complete")


async def give_up(seller: Person, buyer: Person) -> None:
    ticket = await seller.lists("Give up")
    ordered = await buyer.orders(ticket)
    assert ordered.status == 201, ordered
    declined = await buyer.pays(ordered.body, "tok_chargeDeclined")
    assert (declined.status, declined.body["attemptsLeft"]) == (402, 0), declined
    path = f"/api/orders/{ordered.body['id']}"
    await buyer.waits_for(path, status="cancelled", cancelReason="payment_failed")
    await seller.waits_for(f"/api/tickets/{ticket['id']}", status="available")


PURCHASE: Final = Scenario(purchase)

SCENARIOS: Final = (
    PURCHASE,
    Scenario(lapse, {"TICKETING_RESERVATION_SECONDS": "1"}),
    Scenario(cancel),
    Scenario(decline),
    Scenario(give_up, {"TICKETING_PAYMENT_ATTEMPTS": "1"}),
)
