"""The sweep: what no webhook told is found among the provider's events."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from actors import Effect, NotYetError
from tests.support.sandbox import EVERY_TRY, script
from tests.support.teller import Desk, at_desk
from ticketing.payments import queries, sweep, transport
from ticketing.payments.messages import (
    ActionRequired,
    Sweep,
    Swept,
    Touch,
    Void,
    payment,
    reconciler,
)
from ticketing.payments.sandbox import running_sandbox
from ticketing.payments.state import Attempt, AttemptStatus, Happening
from ticketing.reads import Reads
from ticketing.values import OrderId


@pytest_asyncio.fixture
async def desk(
    tmp_path: Path, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Desk]:
    monkeypatch.setattr(sweep, "FRESH", timedelta(0))
    async with running_sandbox(tmp_path) as base_url, at_desk(base_url, postgres_dsn) as made:
        yield made


async def remember(
    dsn: str, order_id: str, *attempts: Attempt, status: str = "processing", age: int = 0
) -> None:
    """A payment as its actor would have left it *age* seconds ago."""
    connection = await asyncpg.connect(dsn)
    try:
        now = await connection.fetchval("select clock_timestamp()")
        at = now - timedelta(seconds=age)
        timeline = [Happening(at=at, what=each.status.value) for each in attempts]
        await connection.execute(
            """
            insert into payments (id, version, partition, buyer_id, seller_id, amount_minor,
                currency, status, attempts_left, created_at, attempts, timeline)
            values ($1, 1, 0, 'b', 's', 2000, 'usd', $2, 3, $3, $4, $5)
            """,
            order_id,
            status,
            at,
            msgspec.json.encode(attempts).decode(),
            msgspec.json.encode(timeline).decode(),
        )
    finally:
        await connection.close()


def attempt(status: AttemptStatus, intent_id: str) -> Attempt:
    return Attempt(number=1, status=status, intent_id=intent_id)


async def swept(desk: Desk, since: datetime | None = None) -> Effect:
    """What comes of a look shortly after everything that happened."""
    now = desk.now + timedelta(minutes=1)
    return await desk.effect(Sweep(since=since or desk.now), key="stripe", now=now)


async def test_a_card_holder_whose_browser_died(desk: Desk, postgres_dsn: str) -> None:
    [told] = await desk.told(desk.authorise("pm_card_authenticationRequired"))
    assert isinstance(told, ActionRequired)
    await remember(postgres_dsn, "o1", attempt(AttemptStatus.ACTION_REQUIRED, told.intent_id))

    nothing = await swept(desk)
    await desk.card_holder(desk.vault.open(told.secret), "pass")
    something = await swept(desk)

    until = desk.now + timedelta(minutes=1)
    assert [send.message for send in nothing.sends] == [Swept(until=until, touched=0)]
    [touch, end] = something.sends
    assert (touch.ref, touch.name) == (payment(OrderId("o1")), f"touch:{told.intent_id}")
    assert touch.message == Touch(intent_id=told.intent_id, status="requires_capture")
    assert (end.ref, end.message) == (reconciler(), Swept(until=until, touched=1))


async def test_payments_that_fit_and_intents_of_others_are_left_alone(
    desk: Desk, postgres_dsn: str
) -> None:
    captured = await desk.captured()
    await remember(postgres_dsn, "o1", attempt(AttemptStatus.CAPTURED, captured), status="captured")
    [other] = await desk.told(desk.authorise(), key="o2")
    voided = other.intent_id  # type: ignore[attr-defined] # it is authorised
    await desk.told(Void(number=1, intent_id=voided), key="o2")
    await remember(postgres_dsn, "o2", attempt(AttemptStatus.VOIDED, voided), status="voided")
    await desk.told(desk.authorise(), key="somebody else's")

    effect = await swept(desk)

    [end] = [send.message for send in effect.sends]
    assert isinstance(end, Swept)
    assert end.touched == 0


async def test_what_has_only_just_happened_is_left_to_the_next_look(
    desk: Desk, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "FRESH", timedelta(minutes=2))
    intent_id = await desk.authorised()
    await remember(postgres_dsn, "o1", attempt(AttemptStatus.DECLINED, intent_id))

    early = await swept(desk)
    monkeypatch.setattr(sweep, "FRESH", timedelta(0))
    [end] = [send.message for send in early.sends]
    assert isinstance(end, Swept)
    later = await swept(desk, end.until)

    assert len(later.sends) == 2


async def test_nothing_is_swept_while_nobody_answers(desk: Desk) -> None:
    fault = {"operation": "events", "kind": "status", "status": 502, "times": EVERY_TRY}
    await script(desk.base_url, fault)

    with pytest.raises(NotYetError):
        await swept(desk)


async def test_too_much_at_once_is_read_in_parts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1, 5):
        await desk.authorised("tok_visa", number)
    monkeypatch.setattr(transport, "PAGE", 1)
    monkeypatch.setattr(transport, "EVENT_PAGES_MAX", 3)

    # All of it happened in the last minute of three days.
    since = desk.now - timedelta(days=3)
    part = await swept(desk, since)

    [end] = [send.message for send in part.sends]
    assert end == Swept(until=since + (desk.now + timedelta(minutes=1) - since) / 2, touched=0)
    monkeypatch.setattr(transport, "EVENT_PAGES_MAX", 0)
    with pytest.raises(NotYetError):
        await swept(desk)


async def test_captures_that_stay_unknown_are_counted(desk: Desk, postgres_dsn: str) -> None:
    settled = attempt(AttemptStatus.SETTLED, "pi_1")
    await remember(postgres_dsn, "old", settled, age=130)
    await remember(postgres_dsn, "older", settled, age=1000)
    await remember(postgres_dsn, "young", settled, age=100)
    await remember(postgres_dsn, "open", attempt(AttemptStatus.STARTED, "pi_2"), age=500)
    await remember(
        postgres_dsn, "paid", attempt(AttemptStatus.CAPTURED, "pi_3"), status="captured", age=500
    )
    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=1) as pool:
        unknown = await queries.unknown_captures(Reads(pool))
    assert unknown == queries.UnknownCaptures(2, ("older", "old"))

    fault = {"operation": "events", "kind": "status", "status": 502, "times": EVERY_TRY}
    await script(desk.base_url, fault)
    with capture_logs() as lines, pytest.raises(NotYetError):
        await swept(desk)  # It is measured while the provider is down, above all.
    assert [line["count"] for line in lines if line["log_level"] == "error"] == [2]
    [measured] = next(iter(desk.teller.alarm.gauge.collect())).samples
    assert measured.value == 2


async def test_the_attempts_of_many_payments(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_KEYS_MAX", 2)
    for number in range(5):
        voided = attempt(AttemptStatus.VOIDED, f"pi_{number}")
        await remember(postgres_dsn, f"o{number}", voided, status="voided")

    async with asyncpg.create_pool(postgres_dsn, min_size=0, max_size=1) as pool:
        found = await queries.attempts_of(Reads(pool), {*(f"o{n}" for n in range(5)), "nobody's"})

    assert {order: each[0].intent_id for order, each in found.items()} == {
        OrderId(f"o{number}"): f"pi_{number}" for number in range(5)
    }
