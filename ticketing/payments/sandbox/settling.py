"""What banks do later: refunds that fail or succeed some time after they were made."""

import asyncio
import contextlib

from actors.clock import Clock
from ticketing.payments.sandbox import refunds
from ticketing.payments.sandbox.books import Books, BooksError, Entry
from ticketing.payments.sandbox.operations import numbered, told
from ticketing.payments.sandbox.refunds import Refund
from ticketing.payments.sandbox.webhooks import Courier

__all__ = ["Settling"]


class Settling:
    """Settles each refund that has to be settled, those of an earlier run included."""

    def __init__(self, books: Books, clock: Clock, courier: Courier) -> None:
        self._books = books
        self._clock = clock
        self._courier = courier
        self._expected: asyncio.Queue[Refund] = asyncio.Queue()
        for refund in reversed(books.refunds()):
            self.expect(refund)

    def expect(self, refund: Refund | None) -> None:
        """Settle *refund* when its time has come, if it ever has."""
        if refund is not None and refund.settles_at is not None:
            self._expected.put_nowait(refund)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                refund = await self._expected.get()
                tasks.create_task(self._settle(refund))

    async def _settle(self, refund: Refund) -> None:
        assert refund.settles_at is not None
        await self._clock.sleep(max(0.0, refund.settles_at - self._clock.now().timestamp()))
        # Only this changes a refund; its intent may have been given back more of meanwhile.
        intent = self._books.intent(refund.payment_intent)
        assert intent is not None
        after, intent = refunds.settle(refund, intent)
        now = int(self._clock.now().timestamp())
        effect = Entry(intent=intent, refund=after)
        happened = tuple(numbered(told(self._books, effect), now, awaited=self._courier.awaited))
        # If the disk is full the refund is settled after the next start instead.
        with contextlib.suppress(BooksError):
            self._books.write(Entry(intent=intent, refund=after, events=happened))
            self._courier.send(happened)
