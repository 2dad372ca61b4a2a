"""`ticketing fsck`: says nothing of a healthy market, and just what is wrong with a broken one."""

from typing import Final

import pytest

from tests.support import breaks, breaks_journal
from tests.support.breaks import Break
from tests.support.fsck import Case, found, is_named
from tests.support.market import Market, Meddler
from ticketing.fsck import history, parallel, run

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_healthy_market_is_clean(
    healthy: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await found(healthy) == []
    assert await found(healthy, at_rest=True) == []
    assert await run(healthy.dsn) == 0
    assert capsys.readouterr().out == ""


async def test_the_command_prints_a_line_for_each_violation(
    meddler: Meddler, capsys: pytest.CaptureFixture[str]
) -> None:
    await meddler.sql("update tickets set title = 'Forged' where id in ('t-free', 't-sold')")
    assert await run(meddler.market.dsn) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "fold: ticket t-free: title is 'Forged', the facts make it 'A seat'",
        "fold: ticket t-sold: title is 'Forged', the facts make it 'A seat'",
    ]


async def test_several_processes_find_what_one_finds(
    meddler: Meddler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await meddler.sql("update tickets set title = 'Forged'")
    await meddler.sql("delete from orders")
    monkeypatch.setattr(history, "PAGE_ACTORS", 2)
    alone = sorted(map(str, await found(meddler.market, [])))
    monkeypatch.setattr(parallel, "ACTORS_A_PROCESS_MIN", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert await run(meddler.market.dsn) == 1
    told = set(capsys.readouterr().out.splitlines())
    assert told == {line for line in alone if not line.startswith("intent")}
    assert len(told) > 10


BREAKS: Final[list[Case]] = [
    (
        breaks.lose_the_order_of_a_reservation,
        {"reserved"},
        "ticket t-reserved: reserved for order o-live, which does not exist",
    ),
    (
        breaks.cancel_the_order_of_a_reservation,
        {"reserved"},
        "ticket t-reserved: reserved for order o-live, which is cancelled (user)",
    ),
    (
        breaks.release_the_ticket_of_a_live_order,
        {"live"},
        "order o-live: created, but ticket t-reserved is available",
    ),
    (
        breaks.sell_to_an_order_that_is_not_settled,
        {"sold"},
        "ticket t-reserved: sold to order o-live, which is created and not settled",
    ),
    (
        breaks.take_the_ticket_from_a_complete_order,
        {"settled"},
        "order o-complete: complete and settled, but ticket t-sold is available (order none)",
    ),
    (
        breaks.sell_twice,
        {"one-sale"},
        "ticket t-back: 2 complete orders: o-cancelled, o-second",
    ),
    (breaks.miss_a_deadline, {"deadline"}, "ticket t-reserved: reserved until "),
    (breaks.lose_the_timer_of_a_ticket, {"timer"}, "ticket t-reserved: reserved until "),
    (breaks.park_the_timer_of_an_order, {"timer"}, "order o-live: created until "),
    (breaks.lose_the_timer_of_an_event, {"timer"}, "ticket t-listed: available, and no timer"),
    (
        breaks.start_an_event_and_tell_nobody,
        {"deadline"},
        "ticket t-listed: available, but event e-night started 01:00:0",
    ),
    (
        breaks.lose_an_event,
        {"event"},
        "ticket t-listed: for event e-night, which does not exist",
    ),
    (
        breaks.change_the_price_after_the_reservation,
        {"snapshot"},
        'order o-live: holds 1 usd, title "A seat", seller seller, buyer buyer',
    ),
    (
        breaks_journal.misplace_a_message,
        {"inbox"},
        "orders.expire to order o-live: it is in partition 0, expected",
    ),
    (breaks_journal.write_to_nobody, {"inbox"}, "to bookmaker 0: there is no such kind"),
    (
        breaks_journal.garble_a_message,
        {"inbox"},
        "watch 0: it cannot be read: expected one",
    ),
    (
        breaks_journal.garble_a_fact,
        {"journal"},
        "ticket t-edited: ticket.edited in version 2 cannot be read",
    ),
    (
        breaks_journal.rename_a_fact,
        {"journal"},
        "version 2 is called ticket.listed, but holds ticket.edited",
    ),
    (breaks_journal.invent_a_kind, {"journal"}, "kind bookmaker: 1 facts of an unknown kind"),
    (
        breaks_journal.lose_a_version,
        {"versions"},
        "ticket t-edited: fact 3.0 follows, expected 1.1 or 2.0",
    ),
    (
        breaks_journal.lose_the_last_version,
        {"versions"},
        "ticket t-edited: the row has version 3, the last fact 2",
    ),
    (
        breaks_journal.start_counting_at_one,
        {"versions"},
        "ticket t-edited: fact 3.1 follows, expected 2.1 or 3.0",
    ),
    (breaks_journal.change_a_row, {"fold"}, "ticket t-free: seat is '12', the facts make it None"),
    (breaks_journal.lose_a_row, {"fold"}, "ticket t-free: has facts up to version 1, but no row"),
    (breaks_journal.make_a_row_up, {"fold"}, "ticket t-free: has a row, but no facts"),
    (breaks_journal.misplace_a_row, {"partition"}, "ticket t-free: belongs to partition "),
    (
        breaks_journal.write_without_the_fence,
        {"epoch"},
        "ticket t-edited: version 3 is of epoch 0, after one of 1",
    ),
]


@pytest.mark.parametrize(("do", "rules", "line"), BREAKS, ids=[do.__name__ for do, _, _ in BREAKS])
async def test_what_is_broken_is_named(
    meddler: Meddler, do: Break, rules: set[str], line: str
) -> None:
    await is_named(meddler, do, rules, line)
