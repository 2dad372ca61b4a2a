"""The browser's session: a sealed cookie that carries the token, and nothing else.

`EncryptedCookieStorage` of aiohttp-session with its traps closed: keys rotate, a cookie that cannot
be read is no session (and no error), a `__Host-` cookie is deleted with the attributes without
which browsers keep it, and a cookie that browsers would drop silently is a loud error.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from aiohttp import hdrs, web
from aiohttp_session import Session
from aiohttp_session.cookie_storage import EncryptedCookieStorage
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from actors import UnavailableError
from ticketing.auth.tokens import LIFETIME_SECONDS, Claims
from web import auth
from web.gateway import Gateway

__all__ = [
    "STORAGE",
    "SealedCookieStorage",
    "begin",
    "claims_of",
    "end",
    "has_changed",
    "is_shown",
    "save",
]

_TOKEN: Final = "jwt"  # noqa: S105 - the name of the field, not a token

# Young tokens are left alone, so that a page's dozen requests do not renew a dozen times.
_RENEWED_AFTER: Final = timedelta(minutes=5)

_COOKIE_BYTES_MAX: Final = (
    4_096  # Browsers drop a larger one without a word; RFC 6265, section 6.1.
)


_CHANGED: Final = web.RequestKey("CHANGED", Session)
"""The session that the answer has to take along."""


class _RotatingFernet(Fernet):
    """Seals with the first key and opens with all; a Fernet, because the storage wants one."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(keys[0])
        self._all = MultiFernet([Fernet(key) for key in keys])

    def decrypt(self, token: bytes | str, ttl: int | None = None) -> bytes:
        return self._all.decrypt(token, ttl)


class SealedCookieStorage(EncryptedCookieStorage):
    """Keeps the session in a cookie that only we can read or make."""

    def __init__(self, keys: Sequence[str], *, secure: bool) -> None:
        super().__init__(
            _RotatingFernet(keys),
            # The prefix makes browsers insist on Secure, no Domain and Path=/.
            cookie_name="__Host-session" if secure else "session",
            max_age=LIFETIME_SECONDS,
            path="/",
            secure=secure,
            httponly=True,
            samesite="Lax",
        )

    async def load_session(self, request: web.Request) -> Session:
        cookie = self.load_cookie(request)
        data = None if cookie is None else self._opened(cookie)
        return Session(None, data=data, new=data is None, max_age=self.max_age)

    def _opened(self, cookie: str) -> Any:
        try:
            data = self._decoder(self._fernet.decrypt(cookie.encode(), ttl=self.max_age).decode())
        except (InvalidToken, ValueError, RecursionError):
            return None  # Garbage, another key's, too old: what is sent here is anybody's guess.
        is_ours = isinstance(data, dict) and isinstance(data.get("session"), dict)
        return data if is_ours and isinstance(data.get("created"), int) else None

    def save_cookie(
        self, response: web.StreamResponse, cookie_data: str, *, max_age: int | None = None
    ) -> None:
        if not cookie_data:
            # Without `Secure` a browser keeps a `__Host-` cookie: signing out would do nothing.
            response.del_cookie(
                self.cookie_name,
                path="/",
                secure=self.cookie_params["secure"],
                httponly=True,
                samesite="Lax",
            )
            return
        if len(self.cookie_name) + len(cookie_data) > _COOKIE_BYTES_MAX:
            raise ValueError(f"the session cookie is {len(cookie_data)} bytes long")
        super().save_cookie(response, cookie_data, max_age=max_age)


STORAGE: Final = web.AppKey("STORAGE", SealedCookieStorage)


def has_changed(request: web.Request) -> bool:
    """Whether the answer to *request* has to take its session along."""
    return _CHANGED in request


async def save(request: web.Request, response: web.StreamResponse) -> None:
    """Send the session's cookie, which has changed, with *response*.

    The library's own middleware does the same, but keeps its things in the request under plain
    strings, about which aiohttp warns at each request.
    """
    if not response.prepared:
        await request.app[STORAGE].save_session(request, response, request[_CHANGED])


async def begin(request: web.Request, token: str) -> None:
    """A new session for whoever has just proved who they are; an older one is not reused."""
    session = await request.app[STORAGE].new_session()
    session[_TOKEN] = token
    request[_CHANGED] = session


async def end(request: web.Request) -> None:
    """No session any more, whatever the cookie was."""
    request[_CHANGED] = await request.app[STORAGE].new_session()


def is_shown(request: web.Request) -> bool:
    """Whether *request* comes with a session, good or not."""
    return request.app[STORAGE].load_cookie(request) is not None


async def claims_of(request: web.Request, gateway: Gateway) -> Claims | None:
    """What the session's token says; renewed first if it is due. None: not signed in."""
    if hdrs.COOKIE not in request.headers:
        return None
    session = await request.app[STORAGE].load_session(request)
    token = session.get(_TOKEN)
    if not isinstance(token, str):
        return None
    claims = gateway.verifier.verify(token)
    if claims is None or gateway.runtime.clock.now() - claims.issued_at < _RENEWED_AFTER:
        return claims
    return await _renewed(request, claims, gateway)


async def _renewed(request: web.Request, claims: Claims, gateway: Gateway) -> Claims | None:
    try:
        token = await auth.renewed(claims, gateway.tokens, gateway.reads)
    except UnavailableError:
        return claims  # They are good for a while yet; another request will renew them.
    now = None if token is None else gateway.verifier.verify(token)
    if token is None or now is None:
        await end(request)
        return None
    await begin(request, token)
    return now
