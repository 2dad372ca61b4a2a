"""Who should own what: everybody computes the same, evenly, and little moves."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.placement import SLOTS
from actors.rendezvous import wanted
from actors.store import Member

SERVICES = ("auth", "tickets")
ALL = range(len(SERVICES) * SLOTS)


def service(partition: int) -> str:
    return SERVICES[partition // SLOTS]


def member(name: str, *runs: str) -> Member:
    return Member(name, runs or SERVICES, "up")


members = st.lists(st.uuids().map(str), unique=True, max_size=6).map(
    lambda names: [member(name) for name in names]
)


@given(members)
def test_every_partition_has_one_node_if_there_is_any(nodes: list[Member]) -> None:
    shares = wanted(ALL, service, nodes)
    assert set(shares) == (set(ALL) if nodes else set())
    assert set(shares.values()) <= {each.id for each in nodes}


@given(members, st.randoms())
def test_the_order_of_the_nodes_does_not_matter(nodes: list[Member], dice: Random) -> None:
    shuffled = list(nodes)
    dice.shuffle(shuffled)
    assert wanted(ALL, service, shuffled) == wanted(ALL, service, nodes)


@given(members, st.uuids().map(str))
def test_who_comes_takes_a_share_and_nothing_else_moves(nodes: list[Member], name: str) -> None:
    before = wanted(ALL, service, nodes)
    after = wanted(ALL, service, [*nodes, member(name)])
    moved = {each for each in ALL if before.get(each) != after[each]}
    assert {after[each] for each in moved} <= {name}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_shares_are_about_equal(count: int) -> None:
    shares = wanted(ALL, service, [member(f"node-{number}") for number in range(count)])
    sizes = Counter(shares.values())
    assert min(sizes.values()) > len(ALL) / count * 0.7


def test_a_node_gets_only_what_it_runs_and_nothing_while_it_leaves() -> None:
    nodes = [member("a", "auth"), member("b"), Member("c", SERVICES, "draining")]
    shares = wanted(ALL, service, nodes)
    assert {shares[each] for each in ALL if service(each) == "tickets"} == {"b"}
    assert {shares[each] for each in ALL if service(each) == "auth"} == {"a", "b"}
    assert wanted(ALL, service, nodes[2:]) == {}
