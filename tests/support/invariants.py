"""What must be true of a marketplace at rest, whatever happened to it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, get_type_hints

import msgspec
from msgspec.structs import replace

from actors import Ref, State
from actors.memory import JournalEntry, MemoryDatabase
from tests.support.simulated_provider import Provider
from tests.support.simulated_world import Tables
from ticketing.orders.state import CancelReason, OrderStatus
from ticketing.payments.state import PaymentState, PaymentStatus
from ticketing.tickets.state import (
    ReleaseReason,
    TicketFact,
    TicketListed,
    TicketReleased,
    TicketReserved,
    TicketSold,
    TicketStatus,
    TicketUnsold,
    TicketWithdrawn,
)
from ticketing.values import OrderId

__all__ = ["Holding", "check", "facts_of"]


class Market(Tables):
    """What is looked at."""

    provider: Provider
    consumed: Mapping[str, int]
    acknowledged: Iterable[tuple[Ref, int]]
    """Versions that somebody was told of."""
    cancels_asked: set[OrderId]
    allowance = timedelta()
    """What the clocks of two nodes may differ by."""


Turns = list[tuple[JournalEntry, Any]]


def check(market: Market) -> None:
    """Look at everything.

    Raises:
        AssertionError: something is not as it must be; the message says what.

    """
    histories = read_journal(market.database)
    for ref, turns in histories.items():
        check_versions(ref, turns)
        check_fold(market.database, ref, turns)
        if ref.kind == "ticket":
            check_holders(market, turns)
    assert set(histories) == set(market.database.states), "a row without a journal"
    check_sales(market)
    check_money(market)
    check_deliveries(market)


def read_journal(database: MemoryDatabase) -> dict[Ref, Turns]:
    histories: dict[Ref, Turns] = defaultdict(list)
    for line in database.journal:
        facts: Any = facts_of(database.state_types[line.ref.kind])
        histories[line.ref].append((line, msgspec.json.decode(line.data, type=facts)))
    return histories


def facts_of(kind: type[State]) -> Any:
    return get_type_hints(kind.apply)["fact"]


def check_versions(ref: Ref, turns: Turns) -> None:
    expected = 0
    for line, _ in turns:
        if line.seq == 0:
            expected += 1
        assert line.version == expected, f"{ref} has a gap or a fork at version {line.version}"


def check_fold(database: MemoryDatabase, ref: Ref, turns: Turns) -> None:
    folded = database.state_types[ref.kind](id=ref.key)
    for line, fact in turns:
        folded = replace(folded.apply(fact), version=line.version)
    assert folded == database.state(ref), f"{ref} is not what its journal says"


class Holding:
    """Who holds one ticket, fact by fact.

    It is reserved when it is free, and its holder's until it is let go of or sold. *allowance* is
    what the clocks of two nodes may differ by.
    """

    def __init__(self, allowance: timedelta = timedelta()) -> None:
        self._allowance = allowance
        self.holder: TicketReserved | None = None
        self._is_sold = self._is_withdrawn = False
        self._starts_at: datetime | None = None

    def take(self, fact: TicketFact) -> None:
        """Go on with *fact*.

        Raises:
            AssertionError: it cannot be so.

        """
        holder = self.holder
        match fact:
            case TicketListed():
                self._starts_at = None if fact.event is None else fact.event.starts_at
            case TicketReserved():
                assert holder is None, f"two hold it: {holder} and {fact}"
                assert not self._is_withdrawn, f"reserved after it was withdrawn: {fact}"
                assert self._starts_at is None or fact.at < self._starts_at, f"too late: {fact}"
                self.holder = fact
            case TicketReleased():
                assert holder is not None, "nobody holds it"
                assert not self._is_sold, "released though it is sold"
                assert fact.order_id == holder.order_id, "let go of by somebody else"
                earliest = holder.until - self._allowance
                is_early = fact.reason is ReleaseReason.LAPSED and fact.at < earliest
                assert not is_early, f"lapsed {holder.until - fact.at} early: {holder}"
                self.holder = None
            case TicketSold():
                assert holder is not None, "sold to nobody"
                assert fact.order_id == holder.order_id, "sold to somebody else"
                assert not self._is_sold, "sold twice"
                self._is_sold = True
            case TicketUnsold():
                assert self._is_sold, "unsold though it was not sold"
                assert holder is not None
                assert fact.order_id == holder.order_id, "unsold by somebody else"
                self.holder, self._is_sold = None, False
            case TicketWithdrawn():
                assert holder is None, f"withdrawn from under {holder}"
                self._is_withdrawn = True
            case _:
                pass


def check_holders(market: Market, turns: Turns) -> None:
    """A ticket is its holder's, and what ends that is what the order of the holder came to."""
    holding = Holding(market.allowance)
    for _, fact in turns:
        held = holding.holder
        holding.take(fact)
        if isinstance(fact, TicketReleased) and held is not None:
            check_release(market, held, fact)
        elif isinstance(fact, TicketUnsold):
            check_unsold(market, fact)


def check_release(market: Market, held: TicketReserved, fact: TicketReleased) -> None:
    """A reservation that did not end by its time ended because its order wanted it so."""
    if fact.reason is ReleaseReason.LAPSED:
        return
    order = market.order(held.order_id)
    assert order is not None, f"cancelled by an order that never was: {held}"
    wanted = {CancelReason.USER, CancelReason.PAYMENT_FAILED}
    assert order.cancel_reason in wanted | {CancelReason.EXPIRED}, f"taken from {order}"
    if order.cancel_reason is CancelReason.EXPIRED:
        # The order asked for the release, failed to commit, and had expired when it tried again.
        payment = market.database.state(Ref("payment", order.id))
        is_declined = isinstance(payment, PaymentState) and payment.status is PaymentStatus.DECLINED
        assert is_declined or order.id in market.cancels_asked, f"taken from {order}"


def check_unsold(market: Market, fact: TicketUnsold) -> None:
    """A sale is undone because the money came back, or never came."""
    order = market.order(fact.order_id)
    assert order is not None
    wanted = {CancelReason.REFUNDED, CancelReason.PAYMENT_FAILED}
    assert order.cancel_reason in wanted, f"taken from {order}"


def check_sales(market: Market) -> None:
    sold = {each.order_id: each for each in market.tickets() if each.status is TicketStatus.SOLD}
    for ticket in market.tickets():
        assert ticket.status is not TicketStatus.RESERVED, f"still reserved: {ticket}"
        if ticket.status is TicketStatus.AVAILABLE:
            assert ticket.event_starts_at is None, f"for sale after its event: {ticket}"
    for order in market.orders():
        assert not order.is_live, f"an order that never ends: {order}"
        assert order.status in {OrderStatus.COMPLETE, OrderStatus.CANCELLED}, f"stuck: {order}"
        if order.status is OrderStatus.COMPLETE:
            assert order.id in sold, f"complete, but its ticket is not sold to it: {order}"
            assert sold[order.id].id == order.ticket_id
            assert order.settled_at is not None
    complete = {each.id for each in market.orders() if each.status is OrderStatus.COMPLETE}
    assert set(sold) == complete, "sold without a complete order"


def check_money(market: Market) -> None:
    complete = {each.id for each in market.orders() if each.status is OrderStatus.COMPLETE}
    refunded = {each.id for each in market.orders() if each.cancel_reason is CancelReason.REFUNDED}
    captured = set()
    for payment in payments(market.database):
        assert payment.status is not PaymentStatus.PROCESSING, f"stuck: {payment}"
        assert payment.status is not PaymentStatus.REQUIRES_ACTION, f"left waiting: {payment}"
        sales = [each for each in payment.attempts if each.is_sale]
        assert len(sales) <= 1, f"sold twice: {payment}"
        if payment.status is PaymentStatus.CAPTURED:
            captured.add(payment.id)
        assert (payment.id in refunded) == (
            bool(sales) and payment.status is PaymentStatus.REFUNDED
        ), f"{payment} does not fit its order"
    assert captured == complete, "paid without an order, or the other way round"
    kept: dict[str, int] = defaultdict(int)
    for intent in market.provider.intents.values():
        assert intent.status not in {"requires_capture", "requires_action"}, f"left open: {intent}"
        if intent.status == "succeeded" and intent.refunded == 0:
            kept[intent.order_id] += 1
        assert intent.refunded in {0, intent.amount}, f"refunded in part: {intent}"
    assert kept == dict.fromkeys(complete, 1), "the provider holds money for something else"
    check_books(market, complete)


def check_books(market: Market, complete: set[OrderId]) -> None:
    sums: dict[str, int] = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    movements = set()
    for table, row in market.database.rows:
        if table != "ledger":
            continue
        movement = (row["order_id"], row["cause"], row["account"])
        assert movement not in movements, f"booked twice: {movement}"
        movements.add(movement)
        sums[row["order_id"]] += row["delta_minor"]
        if row["account"] == "provider":
            held[row["order_id"]] += row["delta_minor"]
    assert not any(sums.values()), "the books do not balance"
    with_money = {order_id: minor for order_id, minor in held.items() if minor}
    assert with_money == dict.fromkeys(complete, 2500), "the books hold money for something else"


def payments(database: MemoryDatabase) -> Iterator[PaymentState]:
    for ref in database.states:
        if ref.kind == "payment":
            state = database.state(ref)
            assert isinstance(state, PaymentState)
            yield state


def check_deliveries(market: Market) -> None:
    twice = [row_id for row_id, times in market.consumed.items() if times > 1]
    assert not twice, f"consumed more than once: {twice}"
    assert not market.database.parked, f"parked: {market.database.parked}"
    written = {(line.ref, line.version) for line in market.database.journal}
    lost = [each for each in market.acknowledged if each not in written]
    assert not lost, f"acknowledged and lost: {lost}"
