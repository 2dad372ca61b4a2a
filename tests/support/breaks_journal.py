"""Ways to break what a market's runtime has stored: journal, rows, inbox. See `breaks`."""

from tests.support.market import Meddler


async def misplace_a_message(meddler: Meddler) -> None:
    await meddler.sql("update inbox set partition = 0 where kind = 'order'")


async def write_to_nobody(meddler: Meddler) -> None:
    await meddler.sql("update inbox set kind = 'bookmaker' where kind = 'watch' and key = '0'")


async def garble_a_message(meddler: Meddler) -> None:
    await meddler.sql("update inbox set message = 'watch.closely' where kind = 'watch'")


async def garble_a_fact(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set data = data - 'title' where key = $1 and version = 2",
        meddler.market.edited,
    )


async def rename_a_fact(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set fact = 'ticket.listed' where key = $1 and version = 2",
        meddler.market.edited,
    )


async def invent_a_kind(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set kind = 'bookmaker' where kind = 'ticket' and key = $1",
        meddler.market.free,
    )
    await meddler.sql("delete from tickets where id = $1", meddler.market.free)


async def lose_a_version(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1 and version = 2", meddler.market.edited)


async def lose_the_last_version(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1 and version = 3", meddler.market.edited)


async def start_counting_at_one(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set seq = 1 where key = $1 and version = 3", meddler.market.edited
    )


async def change_a_row(meddler: Meddler) -> None:
    await meddler.sql("update tickets set seat = '12' where id = $1", meddler.market.free)


async def lose_a_row(meddler: Meddler) -> None:
    await meddler.sql("delete from tickets where id = $1", meddler.market.free)


async def make_a_row_up(meddler: Meddler) -> None:
    await meddler.sql("delete from journal where key = $1", meddler.market.free)


async def misplace_a_row(meddler: Meddler) -> None:
    await meddler.sql("update tickets set partition = 0 where id = $1", meddler.market.free)


async def write_without_the_fence(meddler: Meddler) -> None:
    await meddler.sql(
        "update journal set epoch = 0 where key = $1 and version = 3", meddler.market.edited
    )
