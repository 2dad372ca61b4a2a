"""This process as a node of the cluster, in SQL: leases, the dead, and who owns which partition.

Only the database's clock is written or compared. Dead is final. A node touches its own row in
`node` at each heartbeat and `partition` only when ownership changes, because every commit locks it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from actors.store import Beat, Member, Members, Owner

__all__ = [
    "beat",
    "bury",
    "declare_dead",
    "drain",
    "hand_over",
    "leave",
    "members",
    "register",
    "take",
]

# Long enough to be found in a journal entry's `node` by somebody who looks into yesterday.
DEAD_KEPT: Final = timedelta(days=1)


async def register(connection: Any, node: str, services: Sequence[str], lease: timedelta) -> None:
    """Add *node*, alive."""
    await connection.execute(_REGISTER, node, list(services), lease)


async def beat(connection: Any, node: str, lease: timedelta) -> Beat | None:
    """Renew the lease; None if *node* has been declared dead."""
    row = await connection.fetchrow(_BEAT, node, lease)
    return None if row is None else Beat(row["now"], row["incarnation"])


async def members(connection: Any) -> Members:
    """Who is there, and who owns what, at one moment."""
    nodes, owners = await connection.fetchrow(_MEMBERS)
    return Members(
        tuple(Member(node, tuple(services), state) for node, services, state in nodes),
        {partition: Owner(node, epoch) for partition, node, epoch in owners},
    )


async def bury(connection: Any, node: str, lease: timedelta, *, exclusive: bool) -> list[str]:
    """Declare dead whose lease has ended - all others, if *exclusive* - and end their sessions.

    A dead node's statement in flight would hold the fence, so its sessions end at the database.
    """
    dead = [row["id"] for row in await connection.fetch(_BURY, node, exclusive, lease)]
    if dead:
        await connection.execute(_END_SESSIONS, dead)
        await connection.execute(_FORGET, DEAD_KEPT)
    return dead


async def declare_dead(connection: Any, node: str) -> None:
    """Declare *node* dead, and end its sessions."""
    await leave(connection, node)
    await connection.execute(_END_SESSIONS, [node])


async def take(connection: Any, node: str, partitions: Sequence[int]) -> dict[int, int]:
    """Own those of *partitions* that nobody alive owns; their new epochs."""
    async with connection.transaction():
        # In the order in which commits lock them, so that nobody waits in a ring.
        await connection.execute(_LOCK, list(partitions))
        rows = await connection.fetch(_TAKE, node, list(partitions))
    return {row["id"]: row["epoch"] for row in rows}


async def hand_over(connection: Any, node: str, moves: Mapping[int, str]) -> dict[int, int]:
    """Give what is still *node*'s of *moves* to nodes that are up; the new epochs."""
    partitions = sorted(moves)
    async with connection.transaction():
        await connection.execute(_LOCK, partitions)
        rows = await connection.fetch(
            _HAND_OVER, node, partitions, [moves[each] for each in partitions]
        )
    return {row["id"]: row["epoch"] for row in rows}


async def drain(connection: Any, node: str) -> None:
    """*node* is about to leave."""
    await connection.execute(
        "update node set state = 'draining' where id = $1 and state = 'up'", node
    )


async def leave(connection: Any, node: str) -> None:
    """End the lease: whoever comes next need not wait for it."""
    await connection.execute("update node set state = 'dead' where id = $1", node)


_REGISTER = """
insert into node (id, state, services, lease_until)
values ($1, 'up', $2, clock_timestamp() + $3::interval)
"""

# The timeline tells one primary from the next, the start time one life of a server from the next.
_BEAT = """
update node set lease_until = clock_timestamp() + $2::interval
where id = $1 and state <> 'dead'
returning clock_timestamp() as now,
    left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || ' ' || pg_postmaster_start_time()
        as incarnation
"""

_MEMBERS = """
select
    coalesce((select array_agg((id::text, services, state) order by id) from node
        where state <> 'dead'), '{}') as nodes,
    coalesce((select array_agg((id, owner::text, epoch)) from partition
        where owner is not null), '{}') as owners
"""

# While the server was away nobody could renew a lease: everybody gets the time for it.
_BURY = """
update node set state = 'dead'
where state <> 'dead' and id <> $1 and ($2 or (lease_until < clock_timestamp()
    and pg_postmaster_start_time() < clock_timestamp() - $3::interval))
returning id::text
"""

_END_SESSIONS = """
select pg_terminate_backend(a.pid) from pg_stat_activity a
join unnest($1::text[]) as dead (id) on a.application_name like 'ticketing:' || dead.id || '%'
"""

_FORGET = """
delete from node n
where state = 'dead' and lease_until < clock_timestamp() - $1::interval
    and not exists (select from partition p where p.owner = n.id)
"""

_LOCK = "select from partition where id = any($1::int[]) order by id for update"

# A node that has been declared dead meanwhile takes nothing any more.
_TAKE = """
update partition p set owner = $1, epoch = epoch + 1
where p.id = any($2::int[])
    and (p.owner is null or not exists (
        select from node n where n.id = p.owner and n.state <> 'dead'))
    and exists (select from node n where n.id = $1 and n.state <> 'dead')
returning p.id, p.epoch
"""

_HAND_OVER = """
update partition p set owner = m.node, epoch = p.epoch + 1
from unnest($2::int[], $3::uuid[]) as m (id, node)
where p.id = m.id and p.owner = $1
    and exists (select from node n where n.id = m.node and n.state = 'up')
    and exists (select from node n where n.id = $1 and n.state <> 'dead')
returning p.id, p.epoch
"""
