"""The mailbox: two lanes, one bound."""

import asyncio
from datetime import UTC, datetime

import pytest

from actors import OverloadedError
from actors.mailbox import Envelope, Mailbox
from actors.message import encode
from actors.store import InboxRow
from tests.support.counter import Add, counter


def asked(number: int) -> Envelope:
    return Envelope(counter("a"), Add(amount=number))


def due(number: int) -> Envelope:
    message = Add(amount=number)
    row = InboxRow(
        id=str(number),
        partition=0,
        kind="counter",
        key="a",
        message="counter.add",
        body=encode(message),
        due_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    return Envelope(counter("a"), message, row=row)


def everything(mailbox: Mailbox) -> list[int]:
    return [mailbox.take().message.amount for _ in range(len(mailbox))]


def test_what_is_due_goes_before_what_is_asked_each_first_in_first_out() -> None:
    mailbox = Mailbox(10)
    for envelope in (asked(1), due(2), asked(3), due(4)):
        mailbox.put(envelope)
    assert len(mailbox) == 4
    assert everything(mailbox) == [2, 4, 1, 3]
    assert len(mailbox) == 0


def test_a_full_mailbox_refuses_what_is_asked_at_once() -> None:
    mailbox = Mailbox(2)
    mailbox.put(asked(1))
    mailbox.put(asked(2))
    with pytest.raises(OverloadedError) as caught:
        mailbox.put(asked(3))
    assert (caught.value.executed, caught.value.retry_after) == ("no", 1.0)
    assert everything(mailbox) == [1, 2]


def test_a_full_mailbox_takes_what_is_durable_because_it_waits_in_the_table_anyway() -> None:
    mailbox = Mailbox(1)
    mailbox.put(asked(1))
    mailbox.put(due(2))
    mailbox.put(due(3))
    assert everything(mailbox) == [2, 3, 1]


def test_what_is_due_takes_no_place_from_what_is_asked() -> None:
    mailbox = Mailbox(1)
    mailbox.put(due(1))
    mailbox.put(asked(2))
    assert everything(mailbox) == [1, 2]


async def test_an_answer_to_somebody_who_has_gone_is_dropped() -> None:
    reply: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    envelope = Envelope(counter("a"), Add(), reply=reply)
    reply.cancel()
    envelope.answer(1)
    envelope.fail(ValueError())
    assert reply.cancelled()
