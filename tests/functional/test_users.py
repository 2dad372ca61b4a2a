"""Signing up, in and out, and tokens for programs."""

import asyncio

import pytest

from tests.functional.running_site import PASSWORD, Browser, Program, Site

WRONG = "wrong horse battery"


async def test_signing_up_signs_in(site: Site) -> None:
    async with site.browser() as browser:
        assert await browser.current_user() is None
        made = await browser.signs_up()
        assert made.status == 201
        assert set(made.body) == {"id", "email"}
        user = await browser.current_user()
        assert user == {"id": made.body["id"], "email": browser.email, "roles": []}
        out = await browser.call("POST", "/api/users/signout")
        assert (out.status, out.body) == (200, {})
        assert await browser.current_user() is None
        said = {"email": browser.email.upper(), "password": PASSWORD}
        back = await browser.call("POST", "/api/users/signin", json=said)
        assert (back.status, back.body) == (200, made.body)
        assert await browser.current_user() == user


async def test_an_address_is_taken_in_whatever_case(site: Site) -> None:
    async with site.browser() as browser, site.browser() as other:
        await browser.signs_up()
        other.email = browser.email.upper()
        again = await other.signs_up()
        assert (again.status, again.body["code"]) == (409, "email_in_use")
        assert again.fields == {"email"}
        assert await other.current_user() is None


async def test_one_of_two_at_once_gets_the_address(site: Site) -> None:
    async with site.browser() as browser, site.browser() as other:
        other.email = browser.email
        answers = await asyncio.gather(browser.signs_up(), other.signs_up())
        assert sorted(answer.status for answer in answers) == [201, 409]


async def test_a_stranger_and_a_wrong_password_get_the_same_answer(site: Site) -> None:
    async with site.browser() as browser:
        await browser.signs_up()
        for path in ("/api/users/signin", "/api/users/token"):
            wrong = await site.call("POST", path, json={"email": browser.email, "password": WRONG})
            unknown = await site.call(
                "POST", path, json={"email": "nobody@example.com", "password": WRONG}
            )
            assert wrong.status == unknown.status == 401
            assert wrong.body["code"] == "invalid_credentials"
            assert {**wrong.body, "requestId": ""} == {**unknown.body, "requestId": ""}
            assert "Set-Cookie" not in wrong.headers


@pytest.mark.parametrize(
    "password", ["  spaces kept  ", "ünïcödé ☃ pass", "tab\tand\nline", "p" * 128]
)
async def test_passwords_are_taken_as_they_are(site: Site, password: str) -> None:
    async with site.browser() as browser:
        said = {"email": browser.email, "password": password}
        assert (await browser.call("POST", "/api/users/signup", json=said)).status == 201
        assert (await browser.call("POST", "/api/users/signin", json=said)).status == 200
        said["password"] = password.strip() + "x"
        assert (await browser.call("POST", "/api/users/signin", json=said)).status == 401


async def bearer(site: Site, browser: Browser) -> Program:
    said = {"email": browser.email, "password": PASSWORD}
    answer = await site.call("POST", "/api/users/token", json=said)
    assert answer.status == 200
    assert answer.body["tokenType"] == "Bearer"
    assert answer.body["expiresIn"] == 1800
    return Program(site, "", answer.body["accessToken"])


async def test_a_token_is_as_good_as_a_session(site: Site) -> None:
    async with site.browser() as browser:
        user = (await browser.signs_up()).body
        program = await bearer(site, browser)
        assert (await program.sells())["userId"] == user["id"]
        for caller in (browser, program):
            answer = await caller.call("POST", "/api/users/token")
            assert answer.status == 200
            again = Program(site, "", answer.body["accessToken"])
            seen = await again.call("GET", "/api/users/currentuser")
            assert seen.body["currentUser"]["id"] == user["id"]


async def test_a_token_takes_a_password_or_somebody_signed_in(site: Site) -> None:
    nobody = await site.call("POST", "/api/users/token")
    assert (nobody.status, nobody.fields) == (400, {"email", "password"})
    half = await site.call("POST", "/api/users/token", json={"email": "a@b.co"})
    assert (half.status, half.fields) == (400, {"password"})


async def test_signing_out_everywhere_ends_it_all(site: Site) -> None:
    async with site.browser() as browser, site.browser() as other:
        await browser.signs_up()
        said = {"email": browser.email, "password": PASSWORD}
        await other.call("POST", "/api/users/signin", json=said)
        program = await bearer(site, browser)
        order = await program.buys(await site.program().sells())
        assert (await browser.call("POST", "/api/users/signout-everywhere")).status == 200
        assert await browser.current_user() is None
        for caller in (program, other):
            assert (await caller.call("GET", "/api/orders")).status == 401
            payment = {"orderId": order["id"], "token": "tok_visa"}
            assert (await caller.call("POST", "/api/payments", json=payment)).status == 401
            assert (await caller.call("POST", "/api/users/token")).status == 401
        fresh = await bearer(site, browser)
        assert (await fresh.pays(order)).status == 201


async def test_only_ones_own_sessions_end(site: Site) -> None:
    async with site.browser() as browser:
        user = (await browser.signs_up()).body
        # Somebody else's token may carry any address.
        stranger = Program(site, "s", site.token("s", email=browser.email))
        answer = await stranger.call("POST", "/api/users/signout-everywhere")
        assert (answer.status, answer.body) == (200, {})
        assert (await browser.call("POST", "/api/users/token")).status == 200
        unsaid = Program(site, user["id"], site.token(user["id"]))
        order = await unsaid.buys(await site.program().sells())
        assert (await unsaid.pays(order)).status == 401  # No session epoch: good for reading only.
