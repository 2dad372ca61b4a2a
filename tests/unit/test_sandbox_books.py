"""The sandbox's file: what older sandboxes wrote, and what must be in one line."""

import json
from pathlib import Path

from ticketing.payments.sandbox import operations
from ticketing.payments.sandbox.books import Books, Entry
from ticketing.payments.sandbox.call import Call
from ticketing.payments.sandbox.form import Form
from ticketing.payments.sandbox.intents import Status

# As the first sandbox wrote it: every field, no events, a card of two fields.
OLD_LINE = {
    "intent": {
        "id": "pi_1",
        "client_secret": "pi_1_secret_1",
        "created": 1700000000,
        "amount": 2000,
        "currency": "usd",
        "capture_method": "manual",
        "status": "succeeded",
        "amount_received": 2000,
        "metadata": {"order_id": "o1", "attempt": "1"},
        "description": None,
        "payment_method": "pm_1",
        "card": {"brand": "visa", "decline": None},
        "latest_charge": "ch_1",
        "decline": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "idempotency_key": "order:o1:a1:authorise",
    },
    "kept": {
        "key": "intent:pi_1:capture",
        "fingerprint": "f",
        "at": 1700000000.5,
        "request_id": "req_1",
        "status": 200,
        "body": "{}",
    },
}
OLD_DECLINE = {
    "intent": OLD_LINE["intent"]
    | {
        "id": "pi_2",
        "status": "requires_payment_method",
        "amount_received": 0,
        "card": None,
        "decline": {"code": "card_declined", "decline_code": "lost_card", "message": "No."},
    }
}


def old_books(folder: Path) -> Books:
    lines = "".join(json.dumps(line) + "\n" for line in (OLD_LINE, OLD_DECLINE))
    (folder / "sandbox.jsonl").write_text(lines)
    return Books(folder)


def call(**fields: str) -> Call:
    return Call(form=Form(fields.items()), now=1700000001, request_id="req_2", key="k")


async def test_old_books_are_read_and_go_on(tmp_path: Path) -> None:
    books = old_books(tmp_path)
    paid, declined = books.intent("pi_1"), books.intent("pi_2")
    assert paid is not None
    assert declined is not None
    assert (paid.status, paid.amount_refunded) == (Status.SUCCEEDED, 0)
    assert declined.decline is not None
    assert declined.decline.kind == "card_error"
    assert books.keys.begin("intent:pi_1:capture", "f", 1700000001.0) is not None

    change = operations.CHANGES["refund"]
    outcome = operations.run(change, books, call(payment_intent="pi_1"), awaited=True)
    books.write(outcome.effect)
    books.close()

    again = Books(tmp_path)
    after = again.intent("pi_1")
    assert after is not None
    assert after.amount_refunded == 2000
    assert [event.what.type for event in again.undelivered()] == [
        "refund.created",
        "charge.refunded",
    ]
    again.write(Entry(delivered=again.undelivered()[0].id))
    again.close()
    third = Books(tmp_path)
    assert [event.what.type for event in third.undelivered()] == ["charge.refunded"]
    assert len(third.events()) == 2
    third.close()


async def test_an_effect_its_events_and_its_token_are_one_line(tmp_path: Path) -> None:
    books = Books(tmp_path)
    helper = operations.CHANGES["test_confirmation_token"]
    made = operations.run(helper, books, call(payment_method="pm_card_visa"), awaited=True)
    books.write(made.effect)
    paying = call(amount="2000", currency="usd", confirm="true", confirmation_token=made.body["id"])

    paid = operations.run(operations.CHANGES["create"], books, paying, awaited=True)
    books.write(paid.effect)
    books.close()

    lines = (tmp_path / "sandbox.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1]).keys() == {"intent", "token", "events"}
    # Without its last line nothing of it has happened, the token is unused.
    (tmp_path / "sandbox.jsonl").write_text(lines[0] + "\n" + lines[1][:-1])
    torn = Books(tmp_path)
    token = torn.token(made.body["id"])
    assert token is not None
    assert token.payment_intent is None
    assert (torn.intents(), torn.events()) == ((), ())
    torn.close()
