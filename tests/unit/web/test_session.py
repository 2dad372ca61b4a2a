"""The session's cookie, where the library has traps."""

import pytest
from aiohttp import web
from cryptography.fernet import Fernet

from web.session import SealedCookieStorage

KEYS = (Fernet.generate_key().decode(),)


@pytest.mark.parametrize(("secure", "name"), [(True, "__Host-session"), (False, "session")])
def test_a_cookie_is_deleted_as_it_was_set(name: str, *, secure: bool) -> None:
    response = web.Response()
    SealedCookieStorage(KEYS, secure=secure).save_cookie(response, "")
    morsel = response.cookies[name]
    assert (morsel["max-age"], morsel["path"]) == ("0", "/")
    assert (bool(morsel["secure"]), morsel["httponly"]) == (secure, True)
    assert morsel["samesite"] == "Lax"
    assert morsel["domain"] == ""


def test_a_cookie_that_browsers_would_drop_is_a_loud_error() -> None:
    storage = SealedCookieStorage(KEYS, secure=True)
    storage.save_cookie(web.Response(), "x" * 4_000)
    with pytest.raises(ValueError, match="bytes long"):
        storage.save_cookie(web.Response(), "x" * 4_090)


def test_a_session_never_lives_for_ever() -> None:
    assert SealedCookieStorage(KEYS, secure=True).max_age == 1_800
