"""Passwords and the sessions that end with them; what an operator does for who forgot theirs."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from actors import UnavailableError
from tests.functional.running_site import (
    PASSWORD,
    PUBLIC_URL,
    Answer,
    Browser,
    Site,
    bearer,
    cookie,
    signed_up,
)
from tests.support.live import opened
from tests.support.wait import until
from ticketing import admin, auth
from ticketing.audit import queries as audit
from ticketing.auth import passwords, resets
from ticketing.values import ADMIN
from web.gateway import Gateway

NEW = "another horse entirely"
WRONG = "wrong horse battery"


@asynccontextmanager
async def elsewhere(browser: Browser) -> AsyncIterator[Browser]:
    """Another browser of the same person, who has signed in there."""
    async with browser.site.browser() as other:
        other.email = browser.email
        assert (await signs_in(other)).status == 200
        yield other


async def signs_in(browser: Browser, password: str = PASSWORD) -> Answer:
    said = {"email": browser.email, "password": password}
    return await browser.call("POST", "/api/users/signin", json=said)


async def token_of(browser: Browser) -> str:
    answer = await browser.call("POST", "/api/users/token")
    token: str = answer.body["accessToken"]
    return token


async def statuses(site: Site, browser: Browser, token: str) -> tuple[int, int]:
    """What a page of one's own says to the cookie of *browser*, and to *token*."""
    by_cookie = await site.call("GET", "/api/orders", headers=cookie(browser))
    by_token = await site.call("GET", "/api/orders", headers=bearer(token))
    return by_cookie.status, by_token.status


async def changes(browser: Browser, current: str, new: str = NEW, **options: Any) -> Answer:
    said = {"currentPassword": current, "newPassword": new}
    return await browser.call("POST", "/api/users/password", json=said, **options)


async def noted(site: Site, user_id: str, count: int) -> list[tuple[str, str]]:
    """What the audit log has about an account, oldest first: who did what; *count* of them."""

    async def entries() -> list[tuple[str, str]]:
        log = await audit.page(site.gateway.reads, 1_000, None)
        about = [each for each in reversed(log) if each.subject == f"account:{user_id}"]
        return [(each.by, each.action) for each in about] if len(about) >= count else []

    return await until(entries, f"{count} entries")


async def test_who_has_signed_out_is_nobody_from_then_on(site: Site) -> None:
    async with await signed_up(site) as here, elsewhere(here) as there:
        token, other = await token_of(here), await token_of(there)
        kept = cookie(here)
        assert (await here.call("POST", "/api/users/signout")).status == 200
        for credential in (kept, bearer(token)):
            assert (await site.call("GET", "/api/orders", headers=credential)).status == 401
            renewal = await site.call("POST", "/api/users/token", headers=credential)
            assert renewal.status == 401
        assert await statuses(site, there, other) == (200, 200)  # That is another session.
        anew = another_process(site)
        with pytest.raises(UnavailableError):
            anew.verifier.verify(token)
        await anew.revocations.read_anew()
        assert anew.verifier.verify(token) is None
        assert anew.verifier.verify(other) is not None


def another_process(site: Site) -> Gateway:
    """A gateway that has just been started: it knows what is written down, and nothing else."""
    given = site.gateway
    return Gateway.of(given.runtime, given.reads, given.settings, stripe_base=None)


async def test_a_new_password_ends_all_sessions_but_that_which_set_it(site: Site) -> None:
    async with await signed_up(site) as here, elsewhere(here) as there:
        user = await here.current_user()
        assert user is not None
        ours, theirs = await token_of(here), await token_of(there)
        before = cookie(here)
        socket = opened(site.url, additional_headers=cookie(there) | {"Origin": PUBLIC_URL})
        async with socket as client:
            assert (await changes(here, PASSWORD)).body == {}
            assert await statuses(site, there, theirs) == (401, 401)
            assert await client.closed() == 4010
        assert await here.current_user() == user
        assert cookie(here) != before
        assert (await site.call("GET", "/api/orders", headers=before)).status == 401
        assert (await site.call("GET", "/api/orders", headers=bearer(ours))).status == 401
        assert (await signs_in(there)).status == 401
        assert (await signs_in(there, NEW)).status == 200
        anew = another_process(site)
        await anew.revocations.read_anew()
        assert anew.verifier.verify(theirs) is None
        assert await noted(site, user["id"], 1) == [(user["id"], "account.password")]


async def test_a_program_that_sets_a_password_signs_in_with_it(site: Site) -> None:
    async with await signed_up(site) as browser:
        token = await token_of(browser)
        said = {"currentPassword": PASSWORD, "newPassword": NEW}
        answer = await site.call("POST", "/api/users/password", json=said, headers=bearer(token))
        assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)
        assert (await site.call("GET", "/api/orders", headers=bearer(token))).status == 401


async def test_a_password_is_changed_by_who_knows_it_to_one_that_is_allowed(site: Site) -> None:
    async with await signed_up(site) as browser:
        refused = await changes(browser, WRONG)
        assert (refused.status, refused.body["code"]) == (401, "invalid_credentials")
        for bad in ("short", "password", "x" * 129):
            refused = await changes(browser, PASSWORD, bad)
            assert (refused.status, refused.fields) == (400, {"newPassword"})
        foreign = {"Sec-Fetch-Site": "cross-site"}
        assert (await changes(browser, PASSWORD, headers=foreign)).status == 403
        assert await browser.current_user() is not None
        assert (await signs_in(browser)).status == 200
        both = await asyncio.gather(*(changes(browser, PASSWORD, each) for each in (NEW, WRONG)))
        assert sorted(answer.status for answer in both) == [200, 401]


async def test_signing_out_everywhere_is_noted(site: Site) -> None:
    async with await signed_up(site) as here, elsewhere(here) as there:
        user, token = await here.current_user(), await token_of(there)
        assert user is not None
        assert (await here.call("POST", "/api/users/signout-everywhere")).status == 200
        assert await here.current_user() is None
        assert await statuses(site, there, token) == (401, 401)
        assert await noted(site, user["id"], 1) == [(user["id"], "account.signout_everywhere")]


async def test_roles_are_noted(site: Site) -> None:
    async with await signed_up(site) as browser:
        user = await browser.current_user()
        assert user is not None
        for message in (auth.Grant(role=ADMIN), auth.Revoke(role=ADMIN), auth.Revoke(role=ADMIN)):
            await site.gateway.runtime.ask(auth.account(browser.email), message)
        assert await noted(site, user["id"], 2) == [
            ("command-line", "account.grant"),
            ("command-line", "account.revoke"),
        ]


async def by_command(site: Site, email: str) -> str:
    """What the command says to an operator."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ticketing", "admin", "reset", email,
        env={**os.environ, "DATABASE_URL": site.dsn, "TICKETING_PUBLIC_URL": PUBLIC_URL},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    return said.decode()


async def offered(site: Site, email: str, *, is_typed: bool = False) -> str:
    """The token of a reset link for *email*, as an operator gets it."""
    if is_typed:
        said = await by_command(site, email)
    else:
        said = await admin.offer_reset(site.dsn, email, PUBLIC_URL)
    link = said.splitlines()[0]
    address, _, token = link.partition("#")
    assert address == f"{PUBLIC_URL}/reset"

    async def is_there() -> bool:
        account = await site.gateway.reads.value(
            "select reset_hash from accounts where id = $1", email
        )
        return account == resets.hash_token(token)

    await until(is_there, "the server has found the message")
    return token


async def resets_by(site: Site, token: str, new: str = NEW) -> Answer:
    said = {"token": token, "newPassword": new}
    return await site.call("POST", "/api/users/reset", json=said)


async def test_a_reset_link_sets_a_password_once_and_ends_all_sessions(site: Site) -> None:
    async with await signed_up(site) as browser:
        user, token = await browser.current_user(), await token_of(browser)
        assert user is not None
        older = await offered(site, browser.email)
        link = await offered(site, browser.email, is_typed=True)
        assert (await resets_by(site, older)).status == 401
        assert (await resets_by(site, link, "short")).fields == {"newPassword"}
        assert await browser.current_user() == user  # Nothing has happened yet.
        answers = await asyncio.gather(*(resets_by(site, link) for _ in range(3)))
        assert sorted(answer.status for answer in answers) == [200, 401, 401]
        assert await statuses(site, browser, token) == (401, 401)
        assert (await signs_in(browser)).status == 401
        assert (await signs_in(browser, NEW)).status == 200
        assert await noted(site, user["id"], 3) == [
            ("command-line", "account.reset_offered"),
            ("command-line", "account.reset_offered"),
            (user["id"], "account.reset"),
        ]


async def test_links_that_are_not_good_are_all_answered_alike(site: Site) -> None:
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(await signed_up(site)) for _ in range(3)]
        _, late, changed = people
        links = await asyncio.gather(*(offered(site, each.email) for each in people))
        used, old, void = links
        assert (await resets_by(site, used)).status == 200
        assert (await changes(changed, PASSWORD)).status == 200
        await site.gateway.reads.rows(
            "update accounts set reset_until = now() where id = $1", late.email
        )
        said = []
        for token in (used, old, void, "nonsense", "\u2603", "x" * 4_000):
            answer = await resets_by(site, token, "yet another horse")
            assert (answer.status, answer.body["code"]) == (401, "invalid_reset")
            said.append({**answer.body, "requestId": ""})
        assert all(each == said[0] for each in said)


async def test_nobody_is_offered_a_link_without_an_account(site: Site) -> None:
    with pytest.raises(admin.NoSuchAccountError):
        await admin.offer_reset(site.dsn, "nobody@example.com", PUBLIC_URL)


class CountingArgon2id:
    """Counts, where a clock would only suggest; and has the real one do the work."""

    def __init__(self) -> None:
        self.real = passwords.Argon2id
        self.costs: list[str] = []

    def verify_phc_encoded(self, key: bytes, phc: str) -> None:
        self.costs.append(phc.split("$")[3])
        self.real.verify_phc_encoded(key, phc)


async def test_a_stranger_costs_as_much_as_a_wrong_password(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await signed_up(site) as browser:
        counting = CountingArgon2id()
        monkeypatch.setattr(passwords, "Argon2id", counting)
        for path in ("/api/users/signin", "/api/users/token"):
            for email in (browser.email, "nobody@example.com"):
                said = {"email": email, "password": WRONG}
                assert (await site.call("POST", path, json=said)).status == 401
        assert counting.costs == ["m=19456,t=2,p=1"] * 4
