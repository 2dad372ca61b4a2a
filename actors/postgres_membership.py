"""This process as a node of the cluster, in SQL: leases, the dead, and who owns which partition.

Only the database's clock is written or compared. Dead is final. A node touches its own row in
`node` at each heartbeat and `partition` only when ownership changes, because every commit locks it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from actors.store import Joined

__all__ = ["LEASE", "beat", "bury", "leave", "register", "take"]

# A lease outlives two lost heartbeats and is short enough that a crash is over in seconds.
LEASE: Final = timedelta(seconds=6)

# Long enough to be found in a journal entry's `node` by somebody who looks into yesterday.
DEAD_KEPT: Final = timedelta(days=1)


async def register(connection: Any, node: str, services: Sequence[str]) -> None:
    """Add *node*, alive."""
    await connection.execute(_REGISTER, node, list(services), LEASE)


async def bury(connection: Any, node: str, *, exclusive: bool) -> None:
    """Declare dead whose lease has ended - all others, if *exclusive* - and end their sessions.

    A dead node's statement in flight would hold the fence, so its sessions end at the database.
    """
    await connection.execute(_DECLARE_DEAD, node, exclusive)
    await connection.execute(_END_SESSIONS, node)
    await connection.execute(_FORGET, DEAD_KEPT)


async def take(connection: Any, node: str, services: Sequence[str]) -> Joined | None:
    """Take over what the dead owned; None while others that live own partitions of *services*."""
    wanted = list(services)
    async with connection.transaction():
        # In the order in which commits lock them, so that nobody waits in a ring.
        await connection.execute(_LOCK, wanted)
        await connection.execute(_TAKE, node, wanted)
        if await connection.fetchval(_TAKEN_BY_OTHERS, node, wanted):
            return None
        rows = await connection.fetch(_OWNED, node)
    return Joined(node=node, epochs={row["id"]: row["epoch"] for row in rows})


async def beat(connection: Any, node: str) -> datetime | None:
    """Renew the lease; the database's time, or None if *node* has been declared dead."""
    now: datetime | None = await connection.fetchval(_BEAT, node, LEASE)
    return now


async def leave(connection: Any, node: str) -> None:
    """End the lease: whoever comes next need not wait for it."""
    await connection.execute("update node set state = 'dead' where id = $1", node)


_REGISTER = """
insert into node (id, state, services, lease_until)
values ($1, 'up', $2, clock_timestamp() + $3::interval)
"""

_DECLARE_DEAD = """
update node set state = 'dead'
where state <> 'dead' and id <> $1 and ($2 or lease_until < clock_timestamp())
"""

_END_SESSIONS = """
select pg_terminate_backend(a.pid) from pg_stat_activity a
join node n on a.application_name like 'ticketing:' || n.id || '%'
where n.state = 'dead' and n.id <> $1
"""

_FORGET = """
delete from node n
where state = 'dead' and lease_until < clock_timestamp() - $1::interval
    and not exists (select from partition p where p.owner = n.id)
"""

_LOCK = "select from partition where service = any($1::text[]) order by id for update"

_TAKE = """
update partition p set owner = $1, epoch = epoch + 1
where p.service = any($2::text[])
    and (p.owner is null or exists (select from node n where n.id = p.owner and n.state = 'dead'))
"""

_TAKEN_BY_OTHERS = """
select count(*) from partition where service = any($2::text[]) and owner <> $1
"""

_OWNED = "select id, epoch from partition where owner = $1"

_BEAT = """
update node set lease_until = clock_timestamp() + $2::interval
where id = $1 and state <> 'dead' returning clock_timestamp()
"""
