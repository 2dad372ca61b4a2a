"""The sandbox's idempotency keys and the file that keeps them."""

import asyncio
from pathlib import Path

import pytest

from ticketing.payments.sandbox.books import Books, BooksError, Entry
from ticketing.payments.sandbox.idempotency import (
    KEEP_SECONDS,
    KEY_LENGTH_MAX,
    Kept,
    Keys,
    fingerprint,
)
from ticketing.payments.sandbox.intents import Intent
from ticketing.payments.sandbox.refusals import Refusal


def kept(key: str = "k", *, asked: str = "f", at: float = 0.0) -> Kept:
    return Kept(key=key, fingerprint=asked, at=at, request_id="req_1", status=200, body="{}")


def intent(intent_id: str = "pi_1", amount: int = 2000) -> Intent:
    return Intent(
        id=intent_id,
        client_secret="s",
        created=1,
        amount=amount,
        currency="usd",
        capture_method="manual",
    )


def test_the_first_answer_is_the_answer() -> None:
    keys = Keys()
    assert keys.begin("k", "f", 0.0) is None
    keys.keep(kept())
    keys.end("k")

    assert keys.begin("k", "f", 1.0) == kept()


def test_other_parameters_are_refused() -> None:
    keys = Keys()
    keys.keep(kept())

    with pytest.raises(Refusal) as refused:
        keys.begin("k", "other", 1.0)
    assert (refused.value.status, refused.value.kind) == (400, "idempotency_error")


def test_a_key_in_use_is_refused_until_it_is_let_go() -> None:
    keys = Keys()
    assert keys.begin("k", "f", 0.0) is None

    with pytest.raises(Refusal) as refused:
        keys.begin("k", "f", 0.0)
    assert (refused.value.status, refused.value.code) == (409, "idempotency_key_in_use")

    keys.end("k")
    assert keys.begin("k", "f", 0.0) is None


def test_a_key_is_forgotten_after_a_day() -> None:
    keys = Keys()
    keys.keep(kept(at=100.0))

    assert keys.begin("k", "f", 99.0 + KEEP_SECONDS) is not None
    assert keys.begin("k", "other", 100.0 + KEEP_SECONDS) is None


def test_old_keys_do_not_pile_up() -> None:
    keys = Keys()
    for number in range(10):
        keys.keep(kept(str(number), at=number * KEEP_SECONDS / 2))

    assert [each.key for each in keys.all()] == ["8", "9"]


@pytest.mark.parametrize("key", ["", "x" * (KEY_LENGTH_MAX + 1)])
def test_keys_have_a_length(key: str) -> None:
    with pytest.raises(Refusal):
        Keys().begin(key, "f", 0.0)


def test_parameters_are_the_same_in_any_order() -> None:
    one = fingerprint("/v1/payment_intents", [("a", "1"), ("b", "2")])

    assert one == fingerprint("/v1/payment_intents", [("b", "2"), ("a", "1")])
    assert one != fingerprint("/v1/payment_intents", [("a", "1"), ("b", "3")])
    assert one != fingerprint("/v1/payment_intents/pi_1/confirm", [("a", "1"), ("b", "2")])


async def test_the_books_are_there_again(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.write(Entry(intent=intent("pi_1"), kept=kept()))
    books.write(Entry(intent=intent("pi_2")))
    books.write(Entry(intent=intent("pi_1", amount=1)))
    await books.flush()
    books.close()

    again = Books(tmp_path)
    assert [(each.id, each.amount) for each in again.intents()] == [("pi_2", 2000), ("pi_1", 1)]
    assert again.keys.begin("k", "f", 1.0) == kept()
    again.close()


async def test_a_line_that_was_cut_short_never_happened(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.write(Entry(intent=intent("pi_1")))
    books.close()
    file = tmp_path / "sandbox.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])

    again = Books(tmp_path)
    again.write(Entry(intent=intent("pi_2")))
    again.close()

    assert file.read_bytes().startswith(whole)
    third = Books(tmp_path)
    assert {each.id for each in third.intents()} == {"pi_1", "pi_2"}
    third.close()


async def test_a_folder_has_one_sandbox(tmp_path: Path) -> None:
    books = Books(tmp_path)

    with pytest.raises(BooksError, match="in use"):
        Books(tmp_path)
    books.close()


async def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sandbox.jsonl").write_text("hello\n")

    with pytest.raises(BooksError, match=r"sandbox\.jsonl:1 cannot be read"):
        Books(tmp_path)


async def test_waiting_requests_share_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    books = Books(tmp_path)
    for number in range(10):
        books.write(Entry(intent=intent(f"pi_{number}")))

    await asyncio.gather(*(books.flush() for _ in range(10)))

    assert len(synced) == 1
    books.close()
