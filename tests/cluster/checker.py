"""Holds what clients were told against each other and against the journal. Pure.

| rule | what it says |
|---|---|
| `lost` | what was acknowledged is in the journal, in the version that was told |
| `gap` | the versions of every actor are 1, 2, 3 and so on |
| `owners` | a partition has one node an epoch, and no commit comes after one of a later epoch |
| `two holders` | by the journal, nobody reserves what another order has |
| `both told` | by their answers alone, no two orders have one ticket at one instant |
| `stale` | no answer is older than one that had come before it was asked for |
| `untrue` | a ticket of which somebody was told that it is taken was so when they asked |
| `twice` | a command has its effect once, however often it was sent |
| `refused` | what was refused, and nothing else was answered, has no effect |
| `broke` | no answer is a failure of the program, or makes no sense |
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from tests.cluster.evidence import Evidence, Fact, order_of
from tests.cluster.history import Call, History

__all__ = ["Found", "check"]

# Of clocks of one machine, and for an instant that was rounded.
SLACK_SECONDS: Final = 0.5

_LISTED: Final = ("ticket.listed", "ticket.edited")
_LISTING: Final = frozenset({"list", "offer", "edit", "same"})
_TAKEN: Final = frozenset({"ticket_unavailable", "ticket_reserved", "ticket_sold"})

_EXPECTED: Final = {
    "list": {201},
    "offer": {201},
    "edit": {200, 409},
    "same": {200, 409},
    "reserve": {200, 201, 409},
    "again": {200, 201, 409},
    "peek": {200, 201, 409},
    "cancel": {204, 409},
    "pay": {201, 202, 402, 409},
    "look": {200, 404},  # Not found is the oldest that there is: `stale` sees to it.
    "follow": {200, 404},
}


class Found(NamedTuple):
    """A violation."""

    rule: str
    subject: str
    detail: str


def check(history: History, evidence: Evidence, *, unix_less_monotonic: float) -> list[Found]:
    """Every violation there is.

    *unix_less_monotonic* is what to add to the times of *history* to get those of *evidence*.
    """
    return [
        *_broke(history),
        *_lost(history, evidence),
        *_gaps(evidence),
        *_owners(evidence),
        *_two_holders(evidence),
        *_both_told(history, unix_less_monotonic),
        *_stale(history, evidence),
        *_untrue(history, evidence, unix_less_monotonic),
        *_twice(history, evidence),
        *_refused(history, evidence),
    ]


def _broke(history: History) -> Iterator[Found]:
    for call in history.calls:
        if any(each.status == 500 for each in call.tries):
            yield Found("broke", _name(call), "500")
        if call.is_answered and call.status not in _EXPECTED[call.what]:
            yield Found("broke", _name(call), f"{call.status} {call.answer}")


def _lost(history: History, evidence: Evidence) -> Iterator[Found]:
    for call in history.answered():
        if call.status in {200, 201, 202, 204} and (why := _missing(call, evidence)):
            yield Found("lost", _name(call), why)


def _missing(call: Call, evidence: Evidence) -> str | None:
    """What the journal should have after *call*, and has not."""
    answer = call.answer
    match call.what:
        case "list" | "offer" | "edit":
            versions = {each.version for each in evidence.by_title[call.body["title"]]}
            told = answer["version"]
            return None if told in versions else f"told {told}, in the journal {versions}"
        case "reserve" | "again" | "peek":
            placed = evidence.has("order", answer["id"], "order.placed")
            held = _reserved(evidence, answer["ticket"]["id"], answer["id"])
            return None if placed and held else f"order {answer['id']} is not in the journal"
        case "cancel":
            cancelled = evidence.has("order", call.subject, "order.cancelled")
            return None if cancelled else f"order {call.subject} was not cancelled"
        case "pay" if call.status == 201:
            completed = evidence.has("order", call.subject, "order.completed")
            return None if completed else f"order {call.subject} was not completed"
        case _:
            return None


def _reserved(evidence: Evidence, ticket: str, order: str) -> Fact | None:
    return next(
        (
            each
            for each in evidence.of.get(("ticket", ticket), ())
            if each.fact == "ticket.reserved" and each.data["order_id"] == order
        ),
        None,
    )


def _gaps(evidence: Evidence) -> Iterator[Found]:
    for (kind, key), facts in evidence.of.items():
        versions = sorted({each.version for each in facts})
        if versions != list(range(1, len(versions) + 1)):
            yield Found("gap", f"{kind} {key}", f"versions {versions}")


def _owners(evidence: Evidence) -> Iterator[Found]:
    nodes: dict[tuple[int, int], set[str]] = defaultdict(set)
    for fact in evidence.facts:
        nodes[fact.partition, fact.epoch].add(fact.node)
    for (partition, epoch), who in nodes.items():
        if len(who) > 1:
            yield Found("owners", f"partition {partition}", f"in epoch {epoch}: {sorted(who)}")
    for (kind, key), facts in evidence.of.items():
        epochs = [each.epoch for each in facts]
        if epochs != sorted(epochs):
            yield Found("owners", f"{kind} {key}", f"epochs {epochs}")
    newest: dict[int, Fact] = {}
    for fact in sorted(evidence.facts, key=lambda each: each.xid):
        last = newest.setdefault(fact.partition, fact)
        if fact.epoch < last.epoch:
            what = f"{fact.kind} {fact.key} {fact.version} of epoch {fact.epoch}"
            yield Found("owners", f"partition {fact.partition}", f"{what} after {last.epoch}")
        else:
            newest[fact.partition] = fact


def _two_holders(evidence: Evidence) -> Iterator[Found]:
    for ticket, facts in evidence.tickets():
        holder = None
        for fact in facts:
            order = fact.data.get("order_id")
            if fact.fact == "ticket.reserved":
                if holder is not None:
                    yield Found("two holders", ticket, f"{holder} and {order} in {fact.version}")
                holder = order
            elif fact.fact in {"ticket.released", "ticket.sold", "ticket.unsold"}:
                if holder != order:
                    yield Found("two holders", ticket, f"{fact.fact} for {order}, has {holder}")
                holder = order if fact.fact == "ticket.sold" else None


class _Hold(NamedTuple):
    """When an order had its ticket for certain, by what its buyer was told."""

    began: float
    ended: float
    order: str


def _both_told(history: History, unix_less_monotonic: float) -> Iterator[Found]:
    for ticket, holds in _holds(history, unix_less_monotonic).items():
        last: _Hold | None = None
        for hold in sorted(holds):
            if last is not None and hold.began < last.ended and hold.order != last.order:
                yield Found("both told", ticket, f"{last} and {hold}")
            if last is None or hold.ended > last.ended:
                last = hold


def _holds(history: History, unix_less_monotonic: float) -> dict[str, list[_Hold]]:
    """For each ticket, one certain hold an order."""
    let_go: dict[str, float] = {}
    for call in history.calls:
        if call.what == "cancel":
            let_go[call.subject] = min(call.began, let_go.get(call.subject, call.began))
    paid = {call.subject: call.ended for call in history.answered("pay") if call.status == 201}
    holds: dict[str, list[_Hold]] = defaultdict(list)
    told: set[str] = set()
    for call in history.answered("reserve", "again", "peek"):
        if call.status not in {200, 201} or call.answer["id"] in told:
            continue
        order, ticket = call.answer["id"], call.answer["ticket"]["id"]
        told.add(order)
        until = _unix(call.answer["expiresAt"]) - unix_less_monotonic - SLACK_SECONDS
        until = min(until, let_go.get(order, until))
        if until > call.ended and call.answer["status"] == "created":
            holds[ticket].append(_Hold(call.ended, until, order))
        if order in paid:
            holds[ticket].append(_Hold(paid[order], float("inf"), order))
    return holds


def _unix(instant: str) -> float:
    return datetime.fromisoformat(instant).timestamp()


class _Sight(NamedTuple):
    """An actor as somebody was told of it."""

    began: float
    """What was known by then must show in it."""
    ended: float
    version: int
    call: Call
    is_read: bool
    """False: it says what is true, but not that it is the latest."""


def _stale(history: History, evidence: Evidence) -> Iterator[Found]:
    sights: dict[tuple[str, str], list[_Sight]] = defaultdict(list)
    for call in history.answered():
        for kind, key, sight in _sights(call, evidence):
            sights[kind, key].append(sight)
    for (kind, key), seen in sights.items():
        known, who = 0, ""
        by_end = iter(sorted(seen, key=lambda each: each.ended))
        following = next(by_end, None)
        for sight in sorted(seen, key=lambda each: each.began):
            while following is not None and following.ended < sight.began:
                if following.version > known:
                    known, who = following.version, _name(following.call)
                following = next(by_end, None)
            if sight.is_read and sight.version < known:
                detail = f"{_name(sight.call)} was told {sight.version}, after {known} by {who}"
                yield Found("stale", f"{kind} {key}", detail)


def _sights(call: Call, evidence: Evidence) -> Iterator[tuple[str, str, _Sight]]:
    answer, began, ended = call.answer, call.began, call.ended
    if call.method == "GET":
        # The last request is the one that was answered; those before it have no effect to tell of.
        began = call.tries[-1].began
        version = answer["version"] if call.status == 200 else 0
        kind = "ticket" if call.what == "look" else "order"
        yield kind, call.subject, _Sight(began, ended, version, call, is_read=True)
    elif call.status in {200, 201} and call.what in _LISTING:
        yield "ticket", answer["id"], _Sight(began, ended, answer["version"], call, is_read=True)
    elif call.status in {200, 201} and call.what in {"reserve", "again", "peek"}:
        yield "order", answer["id"], _Sight(began, ended, answer["version"], call, is_read=True)
        # The snapshot is that of the reservation, however long ago.
        snapshot = answer["ticket"]
        sight = _Sight(began, ended, snapshot["version"], call, is_read=False)
        yield "ticket", snapshot["id"], sight
    elif call.what in {"cancel", "pay"} and call.status in {201, 204}:
        name = "order.cancelled" if call.what == "cancel" else "order.completed"
        if (fact := evidence.has("order", call.subject, name)) is not None:
            yield "order", call.subject, _Sight(began, ended, fact.version, call, is_read=False)
        # The ticket has let go before the order says so, or is sold to it.
        for change in evidence.of_order.get(call.subject, ()):
            if change.fact != "ticket.unsold":
                sight = _Sight(began, ended, change.version, call, is_read=False)
                yield "ticket", change.key, sight


def _untrue(history: History, evidence: Evidence, unix_less_monotonic: float) -> Iterator[Found]:
    known: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for call in history.answered():
        for kind, key, sight in _sights(call, evidence):
            if kind == "ticket":
                known[key].append((sight.ended, sight.version))
    for call in history.answered("edit", "same", "reserve", "again", "peek"):
        if call.status != 409 or call.answer.get("code") not in _TAKEN:
            continue
        last = call.tries[-1]
        least = max((version for at, version in known[call.subject] if at < last.began), default=0)
        if not _was_taken(evidence, call, least, last.ended + unix_less_monotonic):
            yield Found("untrue", _name(call), f"{call.subject} was not taken since {least}")


def _was_taken(evidence: Evidence, call: Call, least: int, until: float) -> bool:
    """Whether the ticket was taken in a version from *least* on that was there *until* then.

    If the answer says until when, it is by that reservation and no other.
    """
    told = call.answer.get("availableAt")
    is_taken = False
    for fact in evidence.of.get(("ticket", call.subject), ()):
        if fact.version > least and is_taken:
            return True
        if fact.at > until + SLACK_SECONDS:
            return False
        if fact.fact == "ticket.reserved":
            is_taken = told is None or _is_same(told, fact.data["until"])
        elif fact.fact in {"ticket.sold", "ticket.withdrawn"}:
            is_taken = told is None
        elif fact.fact in {"ticket.released", "ticket.unsold"}:
            is_taken = False
    return is_taken


def _is_same(told: str, until: str) -> bool:
    """Whether both are one instant; answers are rounded to milliseconds."""
    return abs(_unix(told) - _unix(until)) < 0.002


def _twice(history: History, evidence: Evidence) -> Iterator[Found]:
    asked = Counter(call.body["title"] for call in history.calls if call.what in _LISTING)
    for title, facts in evidence.by_title.items():
        if len(facts) > asked[title]:
            versions = [each.version for each in facts]
            yield Found("twice", title, f"asked for {asked[title]} times, in {versions}")
    counts = Counter(
        (fact.fact, fact.data["order_id"] if fact.kind == "ticket" else fact.key)
        for fact in evidence.facts
        if fact.fact not in {*_LISTED, "ticket.withdrawn"} and fact.kind != "payment"
    )
    # Not `ticket.reserved`: an order that has not been placed may reserve again after a lapse.
    once = {"ticket.sold", "order.placed", "order.cancelled", "order.completed"}
    for (name, order), count in counts.items():
        if name in once and count > 1:
            yield Found("twice", f"order {order}", f"{name} {count} times")


def _refused(history: History, evidence: Evidence) -> Iterator[Found]:
    titles = Counter(call.body["title"] for call in history.calls if call.what in _LISTING)
    for call in history.calls:
        if not _was_surely_refused(call):
            continue
        match call.what:
            case "edit" | "list" | "offer" if titles[call.body["title"]] == 1:
                if found := evidence.by_title.get(call.body["title"]):
                    yield Found("refused", _name(call), f"is in version {found[0].version}")
            case "reserve" | "again":
                if evidence.has("order", order_of(call), "order.placed"):
                    yield Found("refused", _name(call), f"made order {order_of(call)}")
            case _:
                pass


def _was_surely_refused(call: Call) -> bool:
    """Whether every request was answered, each with a no."""
    return bool(call.tries) and all(each.said == "no" for each in call.tries)


def _name(call: Call) -> str:
    return f"{call.what} {call.number} of {call.who} at {call.began:.3f}"
