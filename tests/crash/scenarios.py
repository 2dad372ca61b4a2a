"""What a marketplace is for, from beginning to end, for a server that may die in between."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.crash.people import Person
from tests.crash.world import World

Play: TypeAlias = Callable[[Person, Person], Awaitable[None]]
Fault: TypeAlias = Mapping[str, object]

SILENCE: Final[Fault] = {"operation": "webhook", "kind": "lose", "times": 1000}
"""No webhook is delivered."""


@dataclass(frozen=True)
class Scenario:
    """A play for a seller and a buyer; whoever *signs_up* in it has no account before."""

    play: Play
    settings: dict[str, str] = field(default_factory=dict)
    faults: Sequence[Fault] = (SILENCE,)
    """What goes wrong at the payment sandbox, until it dies with its server. Webhooks come at any
    time, and the places that a play passes should be the same each time."""

    @property
    def name(self) -> str:
        return self.play.__name__

    async def run(self, world: World, number: int) -> None:
        """Play it with new people, and hold the server to what it has answered."""
        seller = Person(world, f"seller{number}@{self.name}.test", seed=2 * number)
        buyer = Person(world, f"buyer{number}@{self.name}.test", seed=2 * number + 1)
        await seller.signs_up()
        await buyer.signs_up()
        assert await world.at_sandbox("/_sandbox/faults", json=[*self.faults]) == 200
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
