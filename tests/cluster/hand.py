"""A hand in the database: what is written past the program, as an operator or a script does it.

It does so with care, in the order in which the program does it, and so that everything adds up
afterwards. But the owner of the row is not asked and not told: what it has in memory is old from
then on. No fence keeps this out, since nothing has moved; only the version says so.
"""

from typing import Final
from uuid import uuid4

import asyncpg

from tests.cluster.history import History
from tests.cluster.nodes import Cluster

__all__ = ["edit"]

_CHOOSE: Final = """
select t.id, t.partition from tickets t
where t.status = 'available' order by random() limit 1
"""

_FENCE: Final = "select owner, epoch from partition where id = $1 for share"

_UPDATE: Final = """
update tickets set title = $2, version = version + 1 where id = $1 and status = 'available'
returning version, price_minor, currency
"""

_JOURNAL: Final = """
insert into journal (kind, key, version, seq, fact, data, at, by, cause, partition, epoch, node)
values ('ticket', $1, $2, 0, 'ticket.edited',
    jsonb_build_object('fact', 'ticket.edited', 'title', $3::text,
        'price_minor', $4::bigint, 'currency', $5::text),
    clock_timestamp(), null, 'hand', $6, $7, $8)
"""


async def edit(cluster: Cluster, history: History, now: float) -> str:
    """Give some ticket that is for sale another title; its id, or "" if there is none.

    It is noted as an edit whose answer nobody has heard.
    """
    title = f"by hand {uuid4()}"
    connection = await asyncpg.connect(cluster.database.dsn)
    try:
        async with connection.transaction():
            found = await connection.fetchrow(_CHOOSE)
            if found is None:
                return ""
            ticket, partition = found
            owner, epoch = await connection.fetchrow(_FENCE, partition)
            row = await connection.fetchrow(_UPDATE, ticket, title)
            if row is None:
                return ""
            version, price, currency = row
            await connection.execute(
                _JOURNAL, ticket, version, title, price, currency, partition, epoch, owner
            )
    finally:
        await connection.close()
    history.begin(
        now, who="hand", user_id="hand", what="edit", method="PUT", path="", body={"title": title},
        key=None, subject=ticket,
    )  # fmt: skip
    return str(ticket)
