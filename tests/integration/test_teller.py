"""What the teller tells of cards: only what is certain, and nothing that is for no eye but one."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from actors import NotYetError
from tests.support.sandbox import ASKS, EVERY_TRY, HandClock, held, script
from tests.support.teller import Desk, asked_for, at_desk, look, statuses, taken
from ticketing.payments.messages import (
    ActionRequired,
    Authorise,
    Authorised,
    Captured,
    Declined,
    Look,
    NotSent,
    Void,
    Voided,
)
from ticketing.payments.sandbox import running_sandbox


async def test_the_client_secret_is_sealed(desk: Desk) -> None:
    told = await asked_for(desk)

    secret = desk.vault.open(told.secret)
    assert secret.startswith(f"{told.intent_id}_secret_")
    assert secret not in str(told)


async def test_tokens_and_secrets_are_in_no_log(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fault = {"operation": "any", "kind": "status", "status": 502, "times": EVERY_TRY}
    with capture_logs() as lines:
        told = await asked_for(desk)
        await script(desk.base_url, fault)
        with pytest.raises(NotYetError) as raised:
            await desk.told(desk.authorise("tok_visa", 2))
        await script(desk.base_url, fault)
        with pytest.raises(NotYetError):
            await desk.told(look(told.intent_id, asked=True))

    written = f"{lines} {caplog.text} {raised.value!r}"
    assert "http_502" in written
    for secret in ("tok_visa", ASKS, "_secret_", told.secret):
        assert secret not in written


async def test_a_decline_names_its_intent(desk: Desk) -> None:
    [told] = await desk.told(desk.authorise("tok_chargeDeclined"))

    [intent] = await held(desk.base_url)
    assert told == Declined(number=1, decline_code="generic_decline", intent_id=intent["id"])


@pytest.mark.parametrize(
    ("outcome", "status"),
    [("fail", "canceled"), ("pass", "canceled"), (None, "canceled")],
)
async def test_another_card_voids_the_attempt_that_waits_first(
    desk: Desk, outcome: str | None, status: str
) -> None:
    first = await asked_for(desk)
    if outcome is not None:
        await desk.card_holder(desk.vault.open(first.secret), outcome)

    voided, told = await desk.told(
        desk.authorise("tok_visa", 2, replaces=first.intent_id, replaces_number=1)
    )

    assert voided == Voided(number=1, intent_id=first.intent_id)
    assert isinstance(told, Authorised)
    assert told.number == 2
    assert await statuses(desk) == [status, "requires_capture"]


async def test_an_attempt_that_makes_way_and_was_captured(desk: Desk) -> None:
    intent_id = await desk.captured()

    first, second = await desk.told(
        desk.authorise("tok_visa", 2, replaces=intent_id, replaces_number=1)
    )

    assert first == taken(intent_id)
    assert isinstance(second, Authorised)


async def test_no_other_card_is_tried_until_the_first_is_known_to_be_void(desk: Desk) -> None:
    first = await asked_for(desk)
    again = desk.authorise("tok_visa", 2, replaces=first.intent_id, replaces_number=1)
    fault = {"operation": "cancel", "kind": "drop_after", "times": EVERY_TRY}
    await script(desk.base_url, fault)

    with pytest.raises(NotYetError):
        await desk.told(again)
    assert await statuses(desk) == ["canceled"]

    voided, told = await desk.told(again, is_repeat=True)
    assert voided == Voided(number=1, intent_id=first.intent_id)
    assert isinstance(told, Authorised)


async def test_nothing_was_sent_only_if_nothing_ever_was() -> None:
    async with at_desk("http://127.0.0.1:9") as desk:
        message = desk.authorise()

        assert await desk.told(message) == [NotSent(number=1)]
        with pytest.raises(NotYetError):
            await desk.told(message, is_repeat=True)


async def test_a_stored_500_is_followed_by_what_it_left(desk: Desk) -> None:
    fault = {"operation": "create", "kind": "status", "status": 500, "effect": True}
    await script(desk.base_url, fault)

    with pytest.raises(NotYetError):
        await desk.told(desk.authorise())
    later = desk.now + timedelta(hours=5)
    [told] = await desk.told(desk.authorise(), now=later, is_repeat=True)

    [intent] = await held(desk.base_url)
    assert told == Authorised(number=1, intent_id=intent["id"])


async def test_a_stored_500_that_left_nothing_is_followed_by_another_try(desk: Desk) -> None:
    await script(desk.base_url, {"operation": "create", "kind": "status", "status": 500})

    with pytest.raises(NotYetError):
        await desk.told(desk.authorise())
    [told] = await desk.told(desk.authorise(), is_repeat=True)

    assert isinstance(told, Authorised)
    assert await statuses(desk) == ["requires_capture"]


@pytest.mark.parametrize("token", ["tok_visa", "tok_chargeDeclined", None])
async def test_after_a_day_what_is_there_is_looked_up_and_nothing_posted(
    desk: Desk, token: str | None
) -> None:
    first = [] if token is None else await desk.told(desk.authorise(token))
    message = desk.authorise("tok_mastercard")

    later = desk.now + timedelta(hours=23, minutes=1)
    told = await desk.told(message, now=later, is_repeat=True)

    assert told == (first or [NotSent(number=1)])
    assert len(await held(desk.base_url)) == len(first)


async def test_after_a_day_nothing_is_assumed_while_nobody_answers(desk: Desk) -> None:
    await script(
        desk.base_url, {"operation": "list", "kind": "status", "status": 502, "times": EVERY_TRY}
    )

    with pytest.raises(NotYetError):
        await desk.told(desk.authorise(), now=desk.now + timedelta(days=2), is_repeat=True)
    assert await held(desk.base_url) == []


async def test_two_intents_of_one_attempt_are_one_in_the_end(tmp_path: Path) -> None:
    clock = HandClock()
    async with running_sandbox(tmp_path, clock=clock) as base_url, at_desk(base_url) as desk:
        await desk.authorised()
        clock.advance(timedelta(hours=25))  # The key is forgotten, and that is not noticed.
        second = await desk.authorised()
        message = desk.authorise()

        told = await desk.told(message, now=desk.now + timedelta(days=2), is_repeat=True)

        assert told == [Authorised(number=1, intent_id=second)]
        assert sorted(await statuses(desk)) == ["canceled", "requires_capture"]


async def test_an_attempt_from_before_there_were_starts(desk: Desk) -> None:
    old = Authorise(number=1, amount_minor=2000, currency="usd", token="tok_visa")

    assert await desk.told(old, is_repeat=True) == [NotSent(number=1)]


async def test_a_look_while_the_card_holder_is_asked(desk: Desk) -> None:
    first = await asked_for(desk)

    assert await desk.told(look(first.intent_id)) == []
    [told] = await desk.told(look(first.intent_id, asked=True))

    assert isinstance(told, ActionRequired)
    assert desk.vault.open(told.secret) == desk.vault.open(first.secret)


@pytest.mark.parametrize("asked", [True, False])
async def test_a_look_after_the_card_holder_has_acted(desk: Desk, *, asked: bool) -> None:
    one, other = await asked_for(desk), await asked_for(desk, 2)
    await desk.card_holder(desk.vault.open(one.secret), "pass")
    await desk.card_holder(desk.vault.open(other.secret), "fail")

    assert await desk.told(look(one.intent_id, asked=asked)) == [
        Authorised(number=1, intent_id=one.intent_id)
    ]
    [told] = await desk.told(look(other.intent_id, 2, asked=asked))
    assert told == Declined(
        number=2,
        decline_code="payment_intent_authentication_failure",
        intent_id=other.intent_id,
    )


async def test_a_look_at_what_is_over(desk: Desk) -> None:
    captured, voided = await desk.captured(), await desk.authorised("tok_visa", 2)
    await desk.told(Void(number=2, intent_id=voided))

    # One of the two fits: it was settled, or it is still hoped for.
    assert await desk.told(look(captured)) == [
        Captured(number=1, intent_id=captured),
        Authorised(number=1, intent_id=captured),
    ]
    assert await desk.told(look(voided, 2)) == [
        Declined(number=2, decline_code="canceled", intent_id=voided)
    ]


async def test_a_look_at_an_intent_of_an_earlier_attempt_is_told_that_one(desk: Desk) -> None:
    first = await desk.captured()

    assert await desk.told(look(first, number=3)) == [
        Captured(number=1, intent_id=first),
        Authorised(number=1, intent_id=first),
    ]


async def test_a_look_at_nothing(desk: Desk) -> None:
    assert await desk.told(look("pi_nobodys", asked=True)) == []
    await script(
        desk.base_url,
        {"operation": "retrieve", "kind": "status", "status": 502, "times": EVERY_TRY},
    )
    with pytest.raises(NotYetError):
        await desk.told(look("pi_nobodys"))


@pytest.mark.parametrize("is_captured", [True, False])
async def test_an_intent_that_holds_something_else_is_undone(
    desk: Desk, *, is_captured: bool
) -> None:
    intent_id = await desk.captured() if is_captured else await desk.authorised()
    for wrong in (
        Look(number=1, intent_id=intent_id, amount_minor=2001, currency="usd"),
        Look(number=1, intent_id=intent_id, amount_minor=2000, currency="eur"),
    ):
        told = await desk.told(wrong)

        if is_captured:
            assert told == [taken(intent_id, why="mismatch")]
        else:
            declined = Declined(number=1, decline_code="mismatch", intent_id=intent_id)
            assert told == [declined]
            assert await statuses(desk) == ["canceled"]


async def test_an_intent_of_another_order_is_undone(desk: Desk) -> None:
    intent_id = await desk.authorised()

    assert await desk.told(look(intent_id), key="o2") == [
        Declined(number=1, decline_code="mismatch", intent_id=intent_id)
    ]


async def test_an_intent_of_another_order_that_no_attempt_made_is_left_alone(desk: Desk) -> None:
    intent_id = await desk.authorised()
    hint = Look(number=1, intent_id=intent_id, amount_minor=2000, currency="usd", is_own=False)

    assert await desk.told(hint, key="o2") == []
    assert await statuses(desk) == ["requires_capture"]
