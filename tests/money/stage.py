"""One running site on which many purchases go wrong at the same time, each in its own way.

All orders are made first and the sandbox is given one script for all of them, each fault for its
own order. Then everybody plays, and when everything is at rest both sides' books are compared.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg

from tests.functional import running_site
from tests.functional.provider import answers_bank, intent_of
from tests.functional.running_site import Answer, Program, Site
from tests.money.judge import ORDERS, STUCK, compare
from tests.money.world import BUSY
from tests.support import sandbox
from tests.support.sandbox import ASKS, INTENTS, Said, Wire
from tests.support.wait import until
from ticketing.fsck import Violation, check
from ticketing.payments import messages as payments
from ticketing.values import ADMIN

GOOD: Final = "pm_card_visa"
DECLINED: Final = "pm_card_visa_chargeDeclined"

Fault: TypeAlias = Mapping[str, object]
Play: TypeAlias = Callable[["Sale"], Awaitable[None]]


@dataclass(frozen=True)
class End:
    """What is seen when it is over, by the buyer and by everybody."""

    order: str
    reason: str | None
    payment: str | None
    ticket: str


SOLD: Final = End("complete", None, "captured", "sold")
CANCELLED: Final = End("cancelled", "user", "voided", "available")
EXPIRED: Final = End("cancelled", "expired", "voided", "available")
UNDONE: Final = End("cancelled", "payment_failed", "voided", "available")
TOO_LATE: Final = End("cancelled", "expired", "refunded", "available")
TAKEN_BACK: Final = End("cancelled", "refunded", "refunded", "withdrawn")


@dataclass(frozen=True)
class Case:
    """A purchase, what goes wrong about it, and how it ends all the same."""

    name: str
    play: Play
    end: End
    faults: Sequence[Fault] = ()


@dataclass
class Sale:
    """One order, and who pays for it."""

    site: Site
    wire: Wire
    buyer: Program
    ticket: dict[str, Any]
    order: dict[str, Any]

    async def another(self) -> "Sale":
        """Somebody else's on the same site."""
        return await open_sale(self.site, self.wire)

    async def pays(self, card: str = GOOD, key: str | None = None) -> Answer:
        """Pay, and look at the payment until it is known what came of it."""
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = await self.buyer.pays(self.order, card, headers=headers)
        if answer.status != 202 or answer.body["status"] != "processing":
            return answer
        return Answer(200, {}, await self.payment_once("captured", "declined", "voided"))

    async def sells(self, card: str = GOOD) -> None:
        """Pay, and hear that it was taken."""
        paid = await self.pays(card)
        assert (paid.status in {200, 201}, paid.body["status"]) == (True, "captured"), paid

    async def is_asked(self) -> str:
        """Pay with a card whose bank wants to hear from its holder; the client secret for it."""
        asked = await self.pays(ASKS)
        assert (asked.status, asked.body["status"]) == (202, "requires_action"), asked
        secret: str = asked.body["clientSecret"]
        return secret

    async def passes(self) -> str:
        """Pay with such a card, and tell the bank that it is oneself; the intent."""
        secret = await self.is_asked()
        await answers_bank(self.site, secret)
        return intent_of(secret)

    async def confirms(self) -> Answer:
        """Come back from the bank's page."""
        return await self.buyer.call("POST", f"/api/payments/{self.order['id']}/confirm")

    async def gives_up(self) -> Answer:
        """Cancel the order."""
        return await self.buyer.call("DELETE", f"/api/orders/{self.order['id']}")

    async def is_refunded(self) -> Answer:
        """Have an administrator give the money back."""
        admin = self.site.program(roles=(ADMIN,))
        path = f"/api/admin/orders/{self.order['id']}/refund"
        return await admin.call("POST", path, json={"reason": "Ground flooded"})

    async def order_once(self, *statuses: str) -> dict[str, Any]:
        """The order as the buyer sees it, once it has one of *statuses*."""
        return await self._once("orders", self.order, *statuses)

    async def payment_once(self, *statuses: str) -> dict[str, Any]:
        return await self._once("payments", self.order, *statuses)

    async def ticket_once(self, *statuses: str) -> dict[str, Any]:
        return await self._once("tickets", self.ticket, *statuses)

    async def held(self) -> list[dict[str, Any]]:
        """The intents of this order, oldest first."""
        found = await sandbox.held(self.site.sandbox)
        return [each for each in found if each["metadata"].get("order_id") == self.order["id"]]

    async def held_once(self, status: str) -> dict[str, Any]:
        """An intent of this order, once there is one with *status*."""

        async def look() -> dict[str, Any] | None:
            held = await self.held()
            return next((each for each in held if each["status"] == status), None)

        return await until(look, f"an intent is {status}") or {}

    async def at_provider(self, intent: str, what: str) -> Said:
        """Have somebody else do something about *intent*, behind our back."""
        return await self.wire.post(f"{INTENTS}/{intent}/{what}")

    async def seen(self) -> End:
        """What there is to see of it now."""
        order = await self._sees("orders", self.order)
        payment = await self._sees("payments", self.order)
        ticket = await self._sees("tickets", self.ticket)
        return End(
            order["status"], order.get("cancelReason"), payment.get("status"), ticket["status"]
        )

    async def nudges(self) -> None:
        """Have the reconciler look around now, and not in some seconds."""
        await self.site.gateway.runtime.tell(
            payments.reconciler(), payments.LookAround(), name="look"
        )

    async def _once(self, what: str, thing: Mapping[str, Any], *statuses: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = await self._sees(what, thing)
            return found if found.get("status") in statuses else None

        return await until(look, f"the one of {what} is {' or '.join(statuses)}") or {}

    async def _sees(self, what: str, thing: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.buyer.call("GET", f"/api/{what}/{thing['id']}")
        found: dict[str, Any] = answer.body
        return found


async def open_sale(site: Site, wire: Wire) -> Sale:
    """A new buyer's order for a new ticket."""
    ticket = await site.program().sells(price="25.00")
    buyer = site.program()
    return Sale(site, wire, buyer, ticket, await buyer.buys(ticket))


@dataclass
class Stage:
    """A site, what was played on it, and what came of it."""

    site: Site
    wire: Wire
    dsn: str
    sales: dict[str, Sale] = field(default_factory=dict)
    failures: dict[str, BaseException] = field(default_factory=dict)

    async def plays(self, cases: Sequence[Case]) -> None:
        """All *cases* at once; those that fail are remembered, and the others go on."""
        for case in cases:
            self.sales[case.name] = await self.opens()
        await self.script(cases)
        results = await asyncio.gather(
            *(case.play(self.sales[case.name]) for case in cases), return_exceptions=True
        )
        for case, result in zip(cases, results, strict=True):
            if result is not None:
                self.failures[case.name] = result
        await self.settles()

    async def opens(self) -> Sale:
        """A new buyer's order for a new ticket."""
        return await open_sale(self.site, self.wire)

    async def script(self, cases: Sequence[Case]) -> None:
        """What goes wrong: for each case's own order, what the case says."""
        lines = [
            {**fault, "order": self.sales[case.name].order["id"]}
            for case in cases
            for fault in case.faults
        ]
        await sandbox.script(self.site.sandbox, *lines)

    async def settles(self) -> None:
        """Until orders and payments have come to their ends, and nobody has more to say."""

        async def is_settled() -> bool:
            return not await self.site.gateway.reads.value(BUSY)

        await until(is_settled, "everything has come to its end", every=0.02)

    async def judges(self, case: Case) -> None:
        """Raise what went wrong in *case*, or whatever its end should not be."""
        if case.name in self.failures:
            raise self.failures[case.name]
        assert await self.sales[case.name].seen() == case.end

    async def compares(self) -> None:
        """Both sides' books agree, and no ticket is stuck."""
        reads = self.site.gateway.reads
        orders = [dict(row) for row in await reads.rows(ORDERS)]
        assert len(orders) >= len(self.sales)
        compare(orders, await sandbox.held(self.site.sandbox))
        assert await reads.rows(STUCK) == []
        assert await self.violations() == []

    async def violations(self) -> list[Violation]:
        """What `fsck` says of it all."""
        connection = await asyncpg.connect(self.dsn)
        try:
            held = await sandbox.held(self.site.sandbox)
            return await check(connection, sandbox_intents=held, at_rest=True)
        finally:
            await connection.close()


@asynccontextmanager
async def running(dsn: str, folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """A stage in *folder*, on the database at *dsn*."""
    async with (
        running_site.running(dsn, folder, rate_limits=False, **settings) as site,
        sandbox.wire_to(site.sandbox) as wire,
    ):
        yield Stage(site, wire, dsn)
