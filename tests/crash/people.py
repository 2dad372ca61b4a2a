"""Who buys and sells, and remembers what was promised.

Every request carries an Idempotency-Key and is repeated with it until it is answered. What was
answered is a promise: it is held against the server when everything is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from tests.crash.world import Answer, World, dice
from tests.support.wait import until

PASSWORD: Final = "correct horse battery"

# Other answers are decided afresh: asking again could be a new purchase.
EFFECTS: Final = (201, 204)

ASKED: Final = "requires_action"

SETTLED: Final = ("captured", "declined", "voided")


@dataclass(frozen=True)
class Promise:
    """A request and what was answered to it."""

    key: str
    method: str
    path: str
    body: Any
    answer: Answer


@dataclass
class Person:
    """Somebody with an account, who makes requests one at a time."""

    world: World
    email: str
    seed: int = 0
    token: str = ""
    promises: list[Promise] = field(default_factory=list)
    _keys: Any = None

    async def signs_up(self) -> None:
        said = {"email": self.email, "password": PASSWORD}
        signed_up = await self.world.call("POST", "/api/users/signup", body=said)
        # Signing up has no key: whoever got no answer finds the account there, or not.
        assert signed_up.status in {201, 409}, signed_up
        token = await self.world.call("POST", "/api/users/token", body=said)
        assert token.status == 200, token
        self.token = token.body["accessToken"]

    async def asks(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask once, as often as it takes."""
        if self._keys is None:
            self._keys = dice(self.seed)
        key = str(UUID(int=self._keys.getrandbits(128)))
        answer = await self._ask(key, method, path, body)
        self.promises.append(Promise(key, method, path, body, answer))
        return answer

    async def sees(self, path: str) -> dict[str, Any]:
        answer = await self.world.call("GET", path, headers=self._credential)
        assert answer.status == 200, (path, answer)
        found: dict[str, Any] = answer.body
        return found

    async def lists(self, title: str, price: str = "25.00") -> dict[str, Any]:
        made = await self.asks("POST", "/api/tickets", {"title": title, "price": price})
        assert made.status == 201, made
        ticket: dict[str, Any] = made.body
        return ticket

    async def orders(self, ticket: Mapping[str, Any]) -> Answer:
        return await self.asks("POST", "/api/orders", {"ticketId": ticket["id"]})

    async def pays(self, order: Mapping[str, Any], card: str) -> Answer:
        """Pay, and if it takes long look until it is known what came of it."""
        body = {"orderId": order["id"], "token": card}
        return await self._asks_until_known(order, "/api/payments", body)

    async def confirms(self, order: Mapping[str, Any]) -> Answer:
        """Come back from 3-D Secure, and look as after paying."""
        return await self._asks_until_known(order, f"/api/payments/{order['id']}/confirm", None)

    async def _asks_until_known(self, order: Mapping[str, Any], path: str, body: Any) -> Answer:
        answer = await self.asks("POST", path, body)
        if answer.status != 202:
            return answer
        unknown = self.promises.pop()  # That the bank asks is true for a moment only.
        if answer.body["status"] == ASKED:
            return answer

        async def is_known() -> bool:
            return (await self.sees(f"/api/payments/{order['id']}"))["status"] in (*SETTLED, ASKED)

        await until(is_known, "what came of a payment")
        answer = await self._ask(unknown.key, "POST", path, body)
        if answer.status != 202:
            self.promises.append(Promise(unknown.key, "POST", path, body, answer))
        return answer

    async def cancels(self, order: Mapping[str, Any]) -> Answer:
        return await self.asks("DELETE", f"/api/orders/{order['id']}")

    async def waits_for(self, path: str, **wanted: Any) -> dict[str, Any]:
        """What is at *path* once it has the fields *wanted*."""

        async def found() -> dict[str, Any] | None:
            seen = await self.sees(path)
            return seen if wanted.items() <= seen.items() else None

        return await until(found, f"{path} has {wanted}") or {}

    async def holds_them_to_their_word(self) -> None:
        """Every promise is still true, and what had an effect is answered as it was before."""
        for promise in self.promises:
            await self._still_true(promise)
            if promise.answer.status in EFFECTS:
                again = await self._ask(promise.key, promise.method, promise.path, promise.body)
                assert again == promise.answer, (promise, again)

    async def _still_true(self, promise: Promise) -> None:
        status, said = promise.answer.status, promise.answer.body
        match promise.method, promise.path, status:
            case "POST", "/api/tickets", 201:
                seen = await self.sees(f"/api/tickets/{said['id']}")
                _same(said, seen, "id", "title", "price", "currency", "userId", "createdAt")
            case "POST", "/api/orders", 200 | 201:
                seen = await self.sees(f"/api/orders/{said['id']}")
                _same(said, seen, "id", "userId", "ticket", "createdAt", "expiresAt")
            case "POST", path, 201 if path.startswith("/api/payments"):
                payment = await self.sees(f"/api/payments/{said['id']}")
                order = await self.sees(f"/api/orders/{said['orderId']}")
                assert (payment["status"], order["status"]) == ("captured", "complete")
            case "POST", path, 402:
                payment = await self.sees(_payment_of(promise))
                assert payment["attemptsLeft"] <= said["attemptsLeft"], (promise, payment)
            case "DELETE", path, 204:
                assert (await self.sees(path))["status"] == "cancelled"
            case _:
                assert 400 <= status < 500, promise

    async def _ask(self, key: str, method: str, path: str, body: Any) -> Answer:
        headers = {**self._credential, "Idempotency-Key": key}
        return await self.world.call(method, path, headers=headers, body=body)

    @property
    def _credential(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


def _payment_of(promise: Promise) -> str:
    """The path of the payment that was asked for, or confirmed."""
    if promise.body is None:
        return promise.path.removesuffix("/confirm")
    return f"/api/payments/{promise.body['orderId']}"


def _same(said: Mapping[str, Any], seen: Mapping[str, Any], *fields: str) -> None:
    """What was said is what is seen, in these fields; and the version never goes back."""
    assert [said[name] for name in fields] == [seen[name] for name in fields], (said, seen)
    assert seen["version"] >= said["version"], (said, seen)
