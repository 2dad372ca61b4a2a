"""Limits, and those who would like to be counted as somebody else."""

import asyncio
from contextlib import AsyncExitStack
from ipaddress import ip_network
from itertools import product

import asyncpg
from multidict import CIMultiDict

from tests.functional.conftest import SiteFactory
from tests.functional.test_rate_limits import FIVE, anybody, is_slowed_down, signs_in, use_up
from tests.support.live import opened
from ticketing import rate_limits
from ticketing.reads import Reads
from web import limits
from web.live import admission

NAMES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP")


async def test_strangers_cannot_choose_their_address(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    await use_up(site, limits.SIGN_IN_BY_ADDRESS, "127.0.0.1")
    said = ("192.0.2.7", "for=192.0.2.7", "127.0.0.1, 192.0.2.7", "garbage \xff", "::1", ",")
    for name, value in product(NAMES, said):
        answer = await signs_in(site, "kim@example.com", headers={name: value})
        assert is_slowed_down(answer, 12), (name, value)


async def test_behind_a_proxy_of_ours_nobody_hides_behind_more_than_it_says(
    start_site: SiteFactory,
) -> None:
    site = await start_site(rate_limits=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    await use_up(site, limits.SIGN_IN_BY_ADDRESS, "192.0.2.7")
    await use_up(site, limits.SIGN_IN_BY_ADDRESS, "2001:db8:1:2::/64")
    made_up = (f"198.51.100.{number}" for number in range(1, 255))
    for said in (
        ", ".join([*made_up, "192.0.2.7"]),
        "nonsense, 192.0.2.7",
        "192.0.2.7:4711",
        "::ffff:192.0.2.7",
        "2001:db8:1:2::1",
        "[2001:db8:1:2:ffff:ffff:ffff:ffff]:443",
    ):
        answer = await signs_in(site, "kim@example.com", headers={"X-Forwarded-For": said})
        assert is_slowed_down(answer, 6), said
    twice = CIMultiDict([("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.7")])
    assert is_slowed_down(await signs_in(site, "kim@example.com", headers=twice), 6)
    told = {"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "198.51.100.1"}
    sockets = [opened(site.url, additional_headers=told) for _ in range(admission.PER_ADDRESS_MAX)]
    async with AsyncExitStack() as stack:
        for each in sockets:
            await stack.enter_async_context(each)
        async with opened(site.url, additional_headers=told) as one_too_many:
            assert await one_too_many.closed() == 4009
        async with opened(site.url, additional_headers={"X-Forwarded-For": "192.0.2.8"}) as other:
            assert (await other.sub("tickets"))["op"] == "subbed"


async def test_a_limit_is_one_for_all_processes(start_site: SiteFactory) -> None:
    here = await start_site(rate_limits=True)
    key = anybody()
    other = await asyncpg.create_pool(here.dsn, min_size=1, max_size=2)
    try:
        there = rate_limits.take(Reads(other), FIVE, [key] * 4)
        waits = await asyncio.gather(rate_limits.take(here.gateway.reads, FIVE, [key] * 4), there)
        assert sum(each.count(0) for each in waits) == 5
    finally:
        await other.close()
