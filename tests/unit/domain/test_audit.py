"""The audit log: what was written is found unchanged, and what was changed is found."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from msgspec.structs import replace

from ticketing import audit
from ticketing.audit import AuditState, Entry, verify_chain
from ticketing.audit.entry import chained
from ticketing.audit.state import EntryAdded
from ticketing.values import UserId

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def note(number: int) -> audit.Note:
    return audit.Note(
        at=AT + timedelta(microseconds=number),
        by=UserId("ada"),
        action="order.refund",
        subject=f"order:{number}",
        reason="Ground flooded, 取消",
        before={"payment": "captured"},
        after={"relist": True, "payment": "refunding", "attempt": number, "why": None},
    )


def log(length: int) -> tuple[list[Entry], AuditState]:
    entries: list[Entry] = []
    end = AuditState(id="log")
    for number in range(length):
        entries.append(chained(note(number), end))
        end = end.apply(EntryAdded(at=AT, hash=entries[-1].hash))
    return entries, end


def test_what_was_written_holds() -> None:
    entries, end = log(5)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    assert entries[0].previous == ""
    assert list(verify_chain(entries, end)) == []
    assert list(verify_chain([], AuditState(id="log"))) == []


def test_an_entry_reads_the_same_in_another_order_and_time_zone() -> None:
    entries, end = log(1)
    entry = entries[0]
    stored = replace(
        entry,
        at=entry.at.astimezone(timezone(timedelta(hours=9))),
        after=dict(reversed(list(entry.after.items()))),
    )
    assert list(verify_chain([stored], end)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("at", AT + timedelta(microseconds=7)),
        ("by", "eve"),
        ("action", "order.nothing"),
        ("subject", "order:9"),
        ("reason", ""),
        ("before", {}),
        ("after", {"relist": False}),
        ("hash", "0" * 64),
    ],
)
def test_an_edited_entry_is_pointed_at(name: str, value: object) -> None:
    entries, end = log(5)
    fields = {each: getattr(entries[2], each) for each in entries[2].__struct_fields__}
    entries[2] = msgspec.convert(fields | {name: value}, Entry)
    assert next(verify_chain(entries, end)).seq == 3


def test_an_entry_that_was_made_anew_breaks_the_next_one() -> None:
    entries, end = log(5)
    forged = replace(note(2), by=UserId("eve"))
    entries[2] = chained(forged, AuditState(id="log", count=2, head=entries[1].hash))
    assert [each.seq for each in verify_chain(entries, end)] == [4]


@pytest.mark.parametrize("missing", [0, 2, 4])
def test_a_removed_entry_is_missed(missing: int) -> None:
    entries, end = log(5)
    del entries[missing]
    assert list(verify_chain(entries, end))
    # The last one is missed by the keeper alone.
    assert bool(list(verify_chain(entries))) == (missing != 4)
