"""Each kind of violation is found when it is planted, and nothing is found in what is sound."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from actors.clock import derived_id
from tests.cluster.checker import check
from tests.cluster.evidence import Evidence, Fact
from tests.cluster.history import Call, History, Try

TICKET = "t1"
SELLER = "seller"
ORDERS = "/api/orders"


class Story:
    """A history and a journal that are told side by side; the unit of time is a second."""

    def __init__(self) -> None:
        self.history = History()
        self.facts: list[Fact] = []
        self.node = "a"
        self.epoch = 1
        self.xid = 0

    def fact(self, kind: str, key: str, version: int, fact: str, **data: Any) -> None:
        at = data.pop("at", 0.0)
        partition = 1 if kind == "ticket" else 2
        self.xid += 1
        self.facts.append(
            Fact(kind, key, version, 0, fact, data, at, partition, self.epoch, self.node, self.xid)
        )

    def call(
        self,
        what: str,
        method: str,
        path: str,
        *times_and_answer: Any,
        **more: Any,
    ) -> Call:
        """A call that began, ended, and was answered with a status and perhaps a body."""
        began, ended, status, *rest = times_and_answer
        answer = rest[0] if rest else None
        call = self.history.begin(
            began,
            who=more.get("who", "ann"),
            user_id=more.get("who", "ann"),
            what=what,
            method=method,
            path=path,
            body=more.get("body"),
            key=more.get("key"),
            subject=more.get("subject", TICKET),
        )
        said = more.get("said", "no" if (status or 0) >= 400 else "")
        call.tries.append(Try("node1", began, ended, status, said))
        if status is not None:
            call.status, call.answer, call.ended = status, answer, ended
        return call

    def lists(self, began: float = 0.0) -> None:
        self.fact("ticket", TICKET, 1, "ticket.listed", title="first")
        self.call(
            "list", "POST", "/api/tickets", began, began + 1, 201,
            {"id": TICKET, "version": 1}, body={"title": "first"}, key="k", subject="",
        )  # fmt: skip

    def edits(self, title: str, version: int, began: float, *, told: int | None = None) -> None:
        self.fact("ticket", TICKET, version, "ticket.edited", title=title)
        self.told(title, told or version, began)

    def told(self, title: str, version: int, began: float, what: str = "edit") -> None:
        self.call(
            what, "PUT", f"/api/tickets/{TICKET}", began, began + 1, 200,
            {"id": TICKET, "version": version}, body={"title": title}, key=title,
        )  # fmt: skip

    def looks(self, version: int, began: float) -> None:
        answer = {"id": TICKET, "version": version}
        self.call("look", "GET", f"/api/tickets/{TICKET}", began, began + 1, 200, answer)

    def reserves(
        self, key: str, who: str, version: int, began: float, *, is_placed: bool = True
    ) -> str:
        order = derived_id(who, ORDERS, key)
        self.fact("ticket", TICKET, version, "ticket.reserved", order_id=order, at=began)
        if is_placed:
            self.fact("order", order, 1, "order.placed", at=began)
        expires = datetime.fromtimestamp(began + 60, UTC).isoformat()
        answer = {
            "id": order, "version": 1, "status": "created", "expiresAt": expires,
            "ticket": {"id": TICKET, "version": version},
        }  # fmt: skip
        self.call("reserve", "POST", ORDERS, began, began + 1, 201, answer, key=key, who=who)
        return order

    def cancels(self, order: str, who: str, version: int, began: float) -> None:
        self.fact("ticket", TICKET, version, "ticket.released", order_id=order, at=began)
        self.fact("order", order, 2, "order.cancelled", at=began)
        self.call(
            "cancel", "DELETE", f"{ORDERS}/{order}", began, began + 1, 204,
            subject=order, key="c", who=who,
        )  # fmt: skip

    def rules(self) -> set[str]:
        evidence = Evidence(self.facts)
        return {each.rule for each in check(self.history, evidence, unix_less_monotonic=0.0)}


def a_sound_one() -> Story:
    story = Story()
    story.lists()
    story.edits("second", 2, 2.0)
    story.looks(2, 4.0)
    order = story.reserves("r1", "ann", 3, 6.0)
    story.cancels(order, "ann", 4, 8.0)
    story.reserves("r2", "bob", 5, 10.0)
    return story


def test_nothing_is_found_in_what_is_sound() -> None:
    assert a_sound_one().rules() == set()


def test_who_looks_while_something_changes_may_see_either() -> None:
    story = a_sound_one()
    story.looks(1, 2.5)
    story.looks(2, 2.5)
    assert story.rules() == set()


def an_acknowledged_edit_that_is_not_in_the_journal(story: Story) -> None:
    story.told("third", 6, 20.0)


def an_order_that_is_not_in_the_journal(story: Story) -> None:
    order = story.reserves("r3", "cid", 7, 30.0, is_placed=False)
    story.fact("ticket", TICKET, 6, "ticket.released", order_id=derived_id("bob", ORDERS, "r2"))
    story.facts.sort(key=lambda fact: fact.version)
    del order


def a_cancellation_that_is_not_in_the_journal(story: Story) -> None:
    order = derived_id("bob", ORDERS, "r2")
    story.call("cancel", "DELETE", ORDERS, 20.0, 21.0, 204, subject=order, key="c2", who="bob")


def a_version_that_is_missing(story: Story) -> None:
    story.fact("ticket", "t2", 1, "ticket.listed", title="other")
    story.fact("ticket", "t2", 3, "ticket.sold", order_id="o9")


def two_nodes_in_one_epoch(story: Story) -> None:
    story.node = "b"
    story.fact("ticket", TICKET, 6, "ticket.withdrawn")


def an_epoch_that_falls(story: Story) -> None:
    story.epoch = 0
    story.fact("ticket", TICKET, 6, "ticket.withdrawn")


def a_commit_after_a_take_over(story: Story) -> None:
    story.node, story.epoch = "b", 2
    story.fact("ticket", TICKET, 6, "ticket.withdrawn")
    story.node, story.epoch = "a", 1
    story.fact("ticket", "t2", 1, "ticket.listed", title="other")


def a_ticket_reserved_for_two(story: Story) -> None:
    story.fact("ticket", TICKET, 6, "ticket.reserved", order_id="o9", at=70.0)


def a_ticket_sold_to_who_does_not_hold_it(story: Story) -> None:
    story.fact("ticket", TICKET, 6, "ticket.sold", order_id="o9")


def two_who_are_told_that_they_hold_it(story: Story) -> None:
    order = derived_id("bob", ORDERS, "r2")
    story.fact("ticket", TICKET, 6, "ticket.released", order_id=order)
    story.reserves("r3", "cid", 7, 13.0)


def a_look_at_what_was(story: Story) -> None:
    story.looks(1, 4.0)


def a_look_at_nothing(story: Story) -> None:
    story.call("look", "GET", f"/api/tickets/{TICKET}", 4.0, 5.0, 404, {})


def a_memory_of_what_was(story: Story) -> None:
    story.told("first", 1, 5.0, "same")


def a_refusal_without_a_reason(story: Story) -> None:
    story.call(
        "edit", "PUT", "", 4.0, 4.5, 409, {"code": "ticket_reserved"},
        body={"title": "refused"}, key="k",
    )  # fmt: skip


def an_edit_that_was_made_twice(story: Story) -> None:
    story.fact("ticket", TICKET, 6, "ticket.edited", title="second")


def an_order_that_is_cancelled_twice(story: Story) -> None:
    order = derived_id("ann", ORDERS, "r1")
    story.fact("order", order, 3, "order.cancelled")


def a_refused_edit_that_was_made(story: Story) -> None:
    story.fact("ticket", TICKET, 6, "ticket.edited", title="refused")
    story.call(
        "edit", "PUT", "", 20.0, 21.0, 409, {"code": "ticket_reserved"},
        body={"title": "refused"}, key="k",
    )  # fmt: skip


def a_refused_order_that_was_placed(story: Story) -> None:
    story.fact("order", derived_id("cid", ORDERS, "r3"), 1, "order.placed")
    story.call("reserve", "POST", ORDERS, 20.0, 21.0, 409, {}, key="r3", who="cid")


def a_failure_of_the_program(story: Story) -> None:
    call = story.call("look", "GET", "", 20.0, 21.0, 200, {"id": TICKET, "version": 5})
    call.tries.insert(0, Try("node1", 20.0, 20.5, 500, "unknown"))


def an_answer_that_makes_no_sense(story: Story) -> None:
    story.call("edit", "PUT", "", 20.0, 21.0, 401, {}, body={"title": "x"}, key="k")


PLANTED: tuple[tuple[Callable[[Story], None], str], ...] = (
    (an_acknowledged_edit_that_is_not_in_the_journal, "lost"),
    (an_order_that_is_not_in_the_journal, "lost"),
    (a_cancellation_that_is_not_in_the_journal, "lost"),
    (a_version_that_is_missing, "gap"),
    (two_nodes_in_one_epoch, "owners"),
    (an_epoch_that_falls, "owners"),
    (a_commit_after_a_take_over, "owners"),
    (a_ticket_reserved_for_two, "two holders"),
    (a_ticket_sold_to_who_does_not_hold_it, "two holders"),
    (two_who_are_told_that_they_hold_it, "both told"),
    (a_look_at_what_was, "stale"),
    (a_look_at_nothing, "stale"),
    (a_memory_of_what_was, "stale"),
    (a_refusal_without_a_reason, "untrue"),
    (an_edit_that_was_made_twice, "twice"),
    (an_order_that_is_cancelled_twice, "twice"),
    (a_refused_edit_that_was_made, "refused"),
    (a_refused_order_that_was_placed, "refused"),
    (a_failure_of_the_program, "broke"),
    (an_answer_that_makes_no_sense, "broke"),
)


@pytest.mark.parametrize(
    ("plant", "rule"), PLANTED, ids=lambda each: getattr(each, "__name__", each)
)
def test_what_is_planted_is_found(plant: Callable[[Story], None], rule: str) -> None:
    story = a_sound_one()
    plant(story)
    assert rule in story.rules()


def test_who_was_refused_after_a_request_without_an_answer_may_have_had_an_effect() -> None:
    story = a_sound_one()
    story.fact("ticket", TICKET, 6, "ticket.edited", title="late")
    call = story.call(
        "edit", "PUT", "", 20.0, 21.0, 409, {"code": "ticket_reserved"},
        body={"title": "late"}, key="k",
    )  # fmt: skip
    call.tries.insert(0, Try("node1", 20.0, 20.5, None, "unknown"))
    assert story.rules() == set()


def test_what_was_never_answered_proves_nothing() -> None:
    story = a_sound_one()
    story.call("edit", "PUT", "", 20.0, 21.0, None, body={"title": "x"}, key="k", said="unknown")
    assert story.rules() == set()
