"""Credentials: which are good, for what, and for how long."""

from datetime import timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from cryptography.fernet import Fernet

from actors import SystemClock
from tests.functional.conftest import SiteFactory
from tests.functional.running_site import PUBLIC_URL, Answer, Program, Site
from ticketing.auth.tokens import Tokens
from ticketing.values import UserId
from web.session import SealedCookieStorage

FOREIGN = "https://evil.example"


class EarlierClock(SystemClock):
    """The machine's clock, some time ago."""

    def __init__(self, ago: timedelta) -> None:
        super().__init__()
        self.offset = -ago


async def cookie(site: Site, token: str, keys: tuple[str, ...] | None = None) -> dict[str, str]:
    """The cookie that the site would give a browser for *token*."""
    storage = SealedCookieStorage(keys or site.gateway.settings.session_keys, secure=False)
    session = await storage.new_session()
    session["jwt"] = token
    sealed = storage._fernet.encrypt(storage._encoder(storage._get_session_data(session)).encode())
    return {"session": sealed.decode()}


async def who(site: Site, **options: Any) -> str | None:
    """The id of who the site takes a request to be from."""
    answer = await site.call("GET", "/api/users/currentuser", **options)
    assert answer.status == 200, answer.body
    user = answer.body["currentUser"]
    return None if user is None else user["id"]


def set_cookie(answer: Answer) -> Any:
    (morsel,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return morsel


async def test_the_cookie_is_for_browsers_alone(site: Site) -> None:
    async with site.browser() as browser:
        morsel = set_cookie(await browser.signs_up())
        assert morsel.key == "session"
        assert (morsel["httponly"], morsel["samesite"]) == (True, "Lax")
        assert (morsel["path"], morsel["secure"], morsel["max-age"]) == ("/", "", "1800")
        gone = set_cookie(await browser.call("POST", "/api/users/signout"))
        assert (gone.key, gone.value, gone["max-age"]) == ("session", "", "0")


async def test_with_https_the_cookie_is_bound_to_the_host(start_site: SiteFactory) -> None:
    site = await start_site(public_url="https://tickets.test")
    async with site.browser() as browser:
        morsel = set_cookie(await browser.signs_up())
        assert morsel.key == "__Host-session"
        assert (morsel["path"], morsel["secure"], morsel["domain"]) == ("/", True, "")
        gone = set_cookie(await browser.call("POST", "/api/users/signout"))
        # Browsers keep a __Host- cookie that is deleted without these.
        assert (gone.key, gone["secure"], gone["path"]) == ("__Host-session", True, "/")
        page = await browser.call("GET", "/")
        assert "max-age" in page.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    "value",
    ["", "x", "x" * 6000, "gAAAAA==", '"quoted"', "\u2603", "a=b", Fernet.generate_key().decode()],
)
async def test_a_cookie_that_cannot_be_read_is_nobody(site: Site, value: str) -> None:
    headers = {"Cookie": f"session={value}"}
    assert await who(site, headers=headers) is None
    offer = {"title": "x", "price": 1}
    assert (await site.call("POST", "/api/tickets", json=offer, headers=headers)).status == 401


@pytest.mark.parametrize(
    "content", [b"", b"x", b"[]", b"{}", b'{"created":1,"session":[]}', b"\xff"]
)
async def test_a_cookie_with_something_else_in_it_is_nobody(site: Site, content: bytes) -> None:
    sealed = Fernet(site.gateway.settings.session_keys[0]).encrypt(content).decode()
    assert await who(site, cookies={"session": sealed}) is None


async def test_keys_rotate(start_site: SiteFactory) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    site = await start_site(session_keys=(new, old))
    program = site.program()
    assert await who(site, cookies=await cookie(site, program.token, (old,))) == program.user_id
    assert await who(site, cookies=await cookie(site, program.token, (new,))) == program.user_id
    other = Fernet.generate_key().decode()
    assert await who(site, cookies=await cookie(site, program.token, (other,))) is None


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic eDp5", "bearer  ", "x"]
)
async def test_a_bad_bearer_is_nobody_whatever_the_cookie(site: Site, header: str) -> None:
    async with site.browser() as browser:
        await browser.signs_up()
        headers = {"Authorization": header}
        public = await browser.call("GET", "/api/users/currentuser", headers=headers)
        assert (public.status, public.body) == (200, {"currentUser": None})
        private = await browser.call("GET", "/api/orders", headers=headers)
        assert private.status == 401
        assert private.headers["WWW-Authenticate"] == "Bearer"


async def test_the_bearer_counts_and_not_the_cookie(site: Site) -> None:
    program = site.program()
    async with site.browser() as browser:
        await browser.signs_up()
        headers = {"Authorization": f"bearer {program.token}"}
        seen = await browser.call("GET", "/api/users/currentuser", headers=headers)
        assert seen.body["currentUser"]["id"] == program.user_id


async def test_tokens_of_others_count_if_they_are_signed_with_our_key(site: Site) -> None:
    now = site.gateway.runtime.clock.now()
    past = {"iat": now - timedelta(minutes=20), "exp": now - timedelta(seconds=1)}
    assert await who(site, headers={"Authorization": f"Bearer {site.token('me')}"}) == "me"
    for token in (
        site.token("me", **past),
        site.token("me", aud="others"),
        site.token("me", jti=None),
        site.token("me\0"),
        site.token("me")[:-2] + "xx",
    ):
        assert await who(site, headers={"Authorization": f"Bearer {token}"}) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": PUBLIC_URL}, 403),
        ({"Origin": PUBLIC_URL}, 201),
        ({"Origin": FOREIGN}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": PUBLIC_URL + ".evil.example"}, 403),
    ],
)
async def test_a_session_is_for_our_own_pages(
    site: Site, headers: dict[str, str], status: int
) -> None:
    program = site.program()
    offer = {"title": "x", "price": 1}
    cookies = await cookie(site, program.token)
    answer = await site.call("POST", "/api/tickets", json=offer, cookies=cookies, headers=headers)
    assert answer.status == status
    if status == 403:
        assert answer.body["code"] == "foreign_origin"
    # Whoever has a bearer token is no browser that is being used.
    assert (await program.call("POST", "/api/tickets", json=offer, headers=headers)).status == 201
    # Looking is harmless: other sites cannot read the answer.
    assert (await site.call("GET", "/api/orders", cookies=cookies, headers=headers)).status == 200


async def test_another_site_cannot_sign_anybody_in_or_out(site: Site) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": FOREIGN}
    said = {"email": "a@example.com", "password": "correct horse battery"}
    for path in ("/api/users/signup", "/api/users/signin", "/api/users/token"):
        assert (await site.call("POST", path, json=said, headers=headers)).status == 403
    assert (await site.call("POST", "/api/users/signout", headers=headers)).status == 403


async def test_the_machines_own_name_counts_while_developing(site: Site) -> None:
    headers = {"Origin": site.url}
    assert (await site.call("POST", "/api/users/signout", headers=headers)).status == 200


async def old_token(site: Site, account: dict[str, Any], **ages: timedelta) -> str:
    """A token of ours for *account*, issued some time ago."""
    settings = site.gateway.settings
    said = (settings.jwt_issuer, settings.jwt_audience)
    who = {"user_id": UserId(account["id"]), "email": account["email"], "roles": ()}
    then = Tokens(settings.jwt_key, None, *said, EarlierClock(ages["signed_in"]))
    first = then.issue(**who, session_epoch=0)
    later = Tokens(settings.jwt_key, None, *said, EarlierClock(ages["issued"]))
    return later.issue(**who, session_epoch=0, renews=then.verify(first))


async def test_a_session_is_renewed_after_five_minutes(site: Site) -> None:
    async with site.browser() as browser:
        account = (await browser.signs_up()).body
    for minutes, is_renewed in [(4, False), (6, True), (29, True)]:
        age = timedelta(minutes=minutes)
        token = await old_token(site, account, issued=age, signed_in=age)
        answer = await site.call("GET", "/api/users/currentuser", cookies=await cookie(site, token))
        assert answer.body["currentUser"]["id"] == account["id"]
        assert ("Set-Cookie" in answer.headers) == is_renewed
        if is_renewed:
            renewed = {"session": set_cookie(answer).value}
            again = await site.call("POST", "/api/users/token", cookies=renewed)
            claims = site.gateway.tokens.verify(again.body["accessToken"])
            assert claims.issued_at - claims.auth_time >= age - timedelta(seconds=2)
            assert await who(site, cookies=renewed) == account["id"]
    # A program renews its token itself.
    age = timedelta(minutes=6)
    program = Program(site, "", await old_token(site, account, issued=age, signed_in=age))
    assert "Set-Cookie" not in (await program.call("GET", "/api/orders")).headers


async def test_a_renewal_also_comes_with_a_refusal(site: Site) -> None:
    async with site.browser() as browser:
        account = (await browser.signs_up()).body
    age = timedelta(minutes=10)
    token = await old_token(site, account, issued=age, signed_in=age)
    answer = await site.call("GET", "/api/orders/none", cookies=await cookie(site, token))
    assert answer.status == 404
    assert "Set-Cookie" in answer.headers


@pytest.mark.parametrize("minutes", [31, 60])
async def test_who_has_been_away_signs_in_again(site: Site, minutes: int) -> None:
    async with site.browser() as browser:
        account = (await browser.signs_up()).body
    age = timedelta(minutes=minutes)
    token = await old_token(site, account, issued=age, signed_in=age)
    assert await who(site, cookies=await cookie(site, token)) is None


async def test_after_twelve_hours_the_password_is_asked_for_again(site: Site) -> None:
    async with site.browser() as browser:
        account = (await browser.signs_up()).body
    token = await old_token(
        site, account, issued=timedelta(minutes=6), signed_in=timedelta(hours=12, minutes=1)
    )
    answer = await site.call("GET", "/api/orders", cookies=await cookie(site, token))
    assert answer.status == 401
    long_ago = site.gateway.runtime.clock.now() - timedelta(hours=12)
    said = {"email": account["email"], "sessionEpoch": 0, "authTime": int(long_ago.timestamp())}
    program = Program(site, "", site.token(account["id"], **said))
    assert (await program.call("GET", "/api/orders")).status == 200  # As long as it says.
    assert (await program.call("POST", "/api/users/token")).status == 401


async def test_a_session_that_was_ended_elsewhere_is_not_renewed(site: Site) -> None:
    async with site.browser() as browser:
        account = (await browser.signs_up()).body
        age = timedelta(minutes=6)
        token = await old_token(site, account, issued=age, signed_in=age)
        await browser.call("POST", "/api/users/signout-everywhere")
    answer = await site.call("GET", "/api/users/currentuser", cookies=await cookie(site, token))
    assert answer.body == {"currentUser": None}


async def test_a_new_sign_in_is_a_new_session(site: Site) -> None:
    async with site.browser() as browser:
        first = set_cookie(await browser.signs_up()).value
        said = {"email": browser.email, "password": "correct horse battery"}
        again = await browser.call("POST", "/api/users/signin", json=said)
        assert set_cookie(again).value != first
