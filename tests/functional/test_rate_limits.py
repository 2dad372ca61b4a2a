"""How often somebody may try something: the arithmetic in the database, and what callers see.

Time passes by moving rows into the past, and a limit is used up by moving them into the future.
"""

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.functional.conftest import SiteFactory
from tests.functional.running_site import PASSWORD, Answer, Site
from ticketing import rate_limits
from ticketing.rate_limits import Limit
from web import limits

FIVE = Limit(name="test", at_once=5, every=timedelta(hours=1))
WRONG = "wrong horse battery"


def anybody() -> UUID:
    return FIVE.key(str(uuid4()))


async def passes(site: Site, key: UUID, times: int) -> int:
    """How many of so many at one moment pass."""
    return (await rate_limits.take(site.gateway.reads, FIVE, [key] * times)).count(0)


async def hours_pass(site: Site, key: UUID, hours: float) -> None:
    await site.gateway.reads.rows(
        "update rate_limits set paid_until = paid_until - $2::interval where key = $1",
        key,
        timedelta(hours=hours),
    )


async def use_up(site: Site, limit: Limit, *whose: str) -> None:
    await site.gateway.reads.rows(
        "insert into rate_limits values ($1, 'infinity', 0)"
        " on conflict (key) do update set paid_until = 'infinity'",
        limit.key(*whose),
    )


# The arithmetic ---------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 4, 5, 6, 100])
async def test_a_few_pass_at_one_moment(site: Site, times: int) -> None:
    assert await passes(site, anybody(), times) == min(times, 5)


async def test_a_few_at_once_and_then_one_at_a_time(site: Site) -> None:
    key = anybody()
    assert await passes(site, key, 3) == 3
    assert await passes(site, key, 3) == 2
    assert await passes(site, key, 3) == 0
    await hours_pass(site, key, 0.9)
    assert await passes(site, key, 3) == 0
    await hours_pass(site, key, 1.2)
    assert await passes(site, key, 3) == 2
    await hours_pass(site, key, 1_000)
    assert await passes(site, key, 9) == 5


async def test_the_refused_are_told_how_long_to_wait(site: Site) -> None:
    reads, key = site.gateway.reads, anybody()
    assert await rate_limits.take(reads, FIVE, [key] * 6) == [0, 0, 0, 0, 0, 3_600]
    await hours_pass(site, key, 0.25)
    (wait,) = await rate_limits.take(reads, FIVE, [key])
    assert 2_600 < wait <= 2_700
    await hours_pass(site, key, wait / 3_600)
    assert await passes(site, key, 2) == 1


async def test_everybody_is_counted_alone_in_the_order_they_came(site: Site) -> None:
    one, other = anybody(), anybody()
    keys = [one, other, one, one, other, one, one, one]
    waits = await rate_limits.take(site.gateway.reads, FIVE, keys)
    assert [wait == 0 for wait in waits] == [True] * 7 + [False]


async def test_forty_at_once_over_many_connections_are_no_more_than_five(site: Site) -> None:
    key = anybody()
    passed = await asyncio.gather(*(passes(site, key, 1) for _ in range(40)))
    assert sum(passed) == 5


async def test_what_is_given_back_may_be_tried_again(site: Site) -> None:
    key = anybody()
    assert await passes(site, key, 5) == 5
    await rate_limits.give_back(site.gateway.reads, FIVE, key)
    assert await passes(site, key, 2) == 1


async def test_nobody_waits_for_more_than_one_place_whatever_the_clock_did(site: Site) -> None:
    key = anybody()
    await site.gateway.reads.rows(
        "insert into rate_limits values ($1, now() + interval '9 years', 1)", key
    )
    assert await rate_limits.take(site.gateway.reads, FIVE, [key]) == [3_600]


async def test_rows_that_say_nothing_any_more_are_removed(start_site: SiteFactory) -> None:
    site = await start_site()
    reads, past, live = site.gateway.reads, anybody(), anybody()
    assert await rate_limits.take(reads, FIVE, [past, live]) == [0, 0]
    await hours_pass(site, past, 2)
    await reads.rows(
        "insert into rate_limits select gen_random_uuid(), now() - interval '1 s', 1"
        " from generate_series(1, $1)",
        rate_limits.PRUNED_AT_ONCE,
    )
    assert await rate_limits.prune(reads)
    assert not await rate_limits.prune(reads)
    assert [row["key"] for row in await reads.rows("select key from rate_limits")] == [live]


# What callers see -------------------------------------------------------------------------------


async def signs_in(site: Site, email: str, password: str = WRONG, **options: Any) -> Answer:
    said = {"email": email, "password": password}
    return await site.call("POST", "/api/users/signin", json=said, **options)


def is_slowed_down(answer: Answer, at_most: int) -> bool:
    if answer.status != 429:
        return False
    assert answer.body["code"] == "rate_limited"
    assert 1 <= int(answer.headers["Retry-After"]) <= at_most
    return True


async def test_who_keeps_guessing_is_slowed_down(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    async with site.browser() as browser:
        await browser.signs_up()
        assert (await signs_in(site, browser.email)).status == 401
        await use_up(site, limits.SIGN_IN_BY_BOTH, browser.email, "127.0.0.1")
        assert is_slowed_down(await signs_in(site, browser.email.upper(), PASSWORD), 12)
        said = {"email": browser.email, "password": PASSWORD}
        assert is_slowed_down(await site.call("POST", "/api/users/token", json=said), 12)
        said = {"currentPassword": PASSWORD, "newPassword": WRONG}
        assert is_slowed_down(await browser.call("POST", "/api/users/password", json=said), 12)
        assert (await signs_in(site, "other@example.com")).status == 401


@pytest.mark.parametrize("limit", [limits.SIGN_IN_BY_ADDRESS, limits.SIGN_IN_BY_ACCOUNT])
async def test_an_address_and_an_account_as_a_whole_have_limits_too(
    start_site: SiteFactory, limit: Limit
) -> None:
    site = await start_site(rate_limits=True)
    is_address = limit is limits.SIGN_IN_BY_ADDRESS
    await use_up(site, limit, "127.0.0.1" if is_address else "kim@example.com")
    assert is_slowed_down(await signs_in(site, "kim@example.com"), 6)
    assert is_slowed_down(await signs_in(site, "lee@example.com"), 6) == is_address


async def test_a_refusal_says_nothing_about_who_has_an_account(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    async with site.browser() as browser:
        await browser.signs_up()
        answers = []
        for email in (browser.email, "nobody@example.com"):
            said = [(await signs_in(site, email)).status for _ in range(2)]
            await use_up(site, limits.SIGN_IN_BY_BOTH, email, "127.0.0.1")
            refused = await signs_in(site, email)
            headers = {name: refused.headers[name] for name in ("Retry-After", "Content-Length")}
            answers.append((said, {**refused.body, "requestId": ""}, headers))
        assert answers[0] == answers[1]


async def test_a_right_password_does_not_count(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    async with site.browser() as browser:
        await browser.signs_up()
        assert (await signs_in(site, browser.email)).status == 401
        before = await paid(site)
        assert (await signs_in(site, browser.email, PASSWORD)).status == 200
        assert await paid(site) == before


async def paid(site: Site) -> dict[UUID, Any]:
    rows = await site.gateway.reads.rows("select key, paid_until from rate_limits")
    return {row["key"]: row["paid_until"] for row in rows}


async def test_accounts_are_opened_at_a_pace(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    async with site.browser() as browser, site.browser() as other:
        assert (await browser.signs_up()).status == 201
        await use_up(site, limits.SIGN_UP, "127.0.0.1")
        assert is_slowed_down(await other.signs_up(), 360)
        assert is_slowed_down(await browser.signs_up(), 360)  # Asking who is here counts too.


async def test_who_clicks_faster_than_people_do_waits(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    buyer, other = site.program(), site.program()
    order = {"ticketId": (await site.program().sells())["id"]}
    answers = await asyncio.gather(
        *(buyer.call("POST", "/api/orders", json=order) for _ in range(60))
    )
    slowed = [is_slowed_down(answer, 2) for answer in answers]
    assert slowed.count(True) >= 60 - limits.RESERVING.at_once - 15  # A place comes each 2 s.
    assert {answer.status for answer in answers} == {201, 200, 429}
    await use_up(site, limits.RESERVING, buyer.user_id)
    assert is_slowed_down(await buyer.call("POST", "/api/orders", json=order), 2)
    assert (await other.call("POST", "/api/orders", json=order)).status == 409


@pytest.mark.parametrize("limit", [limits.PAYING, limits.PAYING_BY_ADDRESS])
async def test_who_tries_out_cards_waits(start_site: SiteFactory, limit: Limit) -> None:
    site = await start_site(rate_limits=True)
    buyer, other = site.program(), site.program()
    order = await buyer.buys(await site.program().sells())
    before = await paid(site)
    assert (await buyer.pays(order, "tok_chargeDeclined")).status == 402
    assert await paid(site) != before
    is_address = limit is limits.PAYING_BY_ADDRESS
    await use_up(site, limit, "127.0.0.1" if is_address else buyer.user_id)
    assert is_slowed_down(await buyer.pays(order), 360)
    theirs = await other.buys(await site.program().sells())
    assert is_slowed_down(await other.pays(theirs), 180) == is_address


async def test_what_is_paid_does_not_count_nor_what_no_card_was_tried_for(
    start_site: SiteFactory,
) -> None:
    site = await start_site(rate_limits=True)
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    assert (await buyer.pays({"id": "01900000-0000-7000-8000-000000000000"})).status == 404
    assert (await buyer.pays(order)).status == 201
    assert (await buyer.pays(order)).status == 409
    counted = await paid(site)
    now = await site.gateway.reads.value("select now()")
    for limit, whose in (
        (limits.PAYING, buyer.user_id),
        (limits.PAYING_BY_ADDRESS, "127.0.0.1"),
    ):
        assert counted[limit.key(whose)] <= now


async def test_a_bad_card_on_four_tickets_is_no_reason_to_wait(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    buyer, seller = site.program(), site.program()
    for _ in range(site.gateway.settings.live_reservations_max):
        order = await buyer.buys(await seller.sells())
        for _ in range(site.gateway.settings.payment_attempts):
            assert (await buyer.pays(order, "tok_chargeDeclined")).status == 402
    assert is_slowed_down(await buyer.pays(order), 360)


async def test_who_keeps_coming_back_from_the_bank_waits(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    buyer = site.program()
    order = await buyer.buys(await site.program().sells())
    await buyer.pays(order, "tok_chargeDeclined")
    path = f"/api/payments/{order['id']}/confirm"
    assert (await buyer.call("POST", path)).status == 402
    await use_up(site, limits.CONFIRMING, buyer.user_id)
    assert is_slowed_down(await buyer.call("POST", path), 3)


async def test_a_proxy_of_ours_says_who_its_client_is(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True, trusted_proxies=(ip_network("127.0.0.0/8"),))
    await use_up(site, limits.SIGN_IN_BY_ADDRESS, "192.0.2.7")
    for said, slowed in (
        ({"X-Forwarded-For": "192.0.2.7"}, True),
        ({"X-Forwarded-For": "192.0.2.8, 192.0.2.7, 127.0.0.9"}, True),
        ({"X-Forwarded-For": "192.0.2.7, 192.0.2.8"}, False),
        ({}, False),
    ):
        answer = await signs_in(site, "kim@example.com", headers=said)
        assert is_slowed_down(answer, 6) == slowed, said


async def test_nobody_passes_uncounted(start_site: SiteFactory) -> None:
    site = await start_site(rate_limits=True)
    buyer, ticket = site.program(), await site.program().sells()
    site.system.store.pool.terminate()
    kim = {"email": "kim@example.com", "password": PASSWORD}
    for answer in (
        await signs_in(site, "kim@example.com"),
        await site.call("POST", "/api/users/signup", json=kim),
        await buyer.call("POST", "/api/orders", json={"ticketId": ticket["id"]}),
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_all_limits_can_be_lifted(site: Site) -> None:
    buyer, order = site.program(), {"ticketId": (await site.program().sells())["id"]}
    await use_up(site, limits.RESERVING, buyer.user_id)
    await use_up(site, limits.SIGN_IN_BY_ADDRESS, "127.0.0.1")
    assert (await buyer.call("POST", "/api/orders", json=order)).status == 201
    assert (await signs_in(site, "kim@example.com")).status == 401
