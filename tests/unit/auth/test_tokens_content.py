"""Careless and hostile tokens that are rightly signed, each with the reason it is refused for."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clock import FakeClock
from tests.support.forged_tokens import (
    HS256_PART,
    NOT_JSON,
    NOT_SECONDS,
    NOT_TEXT,
    NOW,
    SECRET,
    SOUND,
    signed,
)
from ticketing.auth.tokens import InvalidTokenError, Tokens

DEEP = b"[" * 1_400 + b"]" * 1_400


FORMS = {
    "empty": ("", "three parts"),
    "dots": ("..", "three parts"),
    "one word": ("x", "three parts"),
    "four parts": (signed() + ".x", "three parts"),
    "encrypted, five parts": ("a.b.c.d.e", "three parts"),
    "not ASCII": ("é" + signed(), "three parts"),
    "digits of another script": (signed() + "\u0661", "three parts"),
    "lone surrogate": ("\ud800.x.x", "three parts"),
    "U+0000": (signed() + "\0", "three parts"),
    "line end": (signed() + "\n", "three parts"),
    "padding": (signed() + "=", "three parts"),
    "standard base64": (signed().replace("_", "/") + "+", "three parts"),
    "with its scheme": ("Bearer " + signed(), "three parts"),
    "longer than 4 KiB": (signed(claims=SOUND | {"x": "y" * 3_000}), "longer than 4096"),
    "1 MB": ("a" * 1_000_000, "longer than 4096"),
    "dots without end": ("." * 4_096, "three parts"),
    "header of one character": ("e.e.e", "not base64url"),
    "header that is not UTF-8": (signed(b'{"alg":"HS256","x":"\xff"}'), NOT_JSON),
    "header in UTF-16": (signed('{"alg":"HS256"}'.encode("utf-16")), NOT_JSON),
    "header with a byte order mark": (signed(b'\xef\xbb\xbf{"alg":"HS256"}'), NOT_JSON),
    "header cut off": (signed(b'{"alg":"HS256"'), NOT_JSON),
    "header with something behind": (signed(b'{"alg":"HS256"}x'), NOT_JSON),
    "header a list": (signed([]), "not a JSON object"),
    "header a string": (signed(b'"HS256"'), "not a JSON object"),
    "header null": (signed(b"null"), "not a JSON object"),
    "header very deep": (signed(DEEP), None),
    "alg twice": (signed(b'{"alg":"none","alg":"HS256"}'), NOT_JSON),
    "alg twice, once escaped": (signed(b'{"alg":"none","\\u0061lg":"HS256"}'), NOT_JSON),
    "payload a list": (signed(claims=[]), "not a JSON object"),
    "payload empty": (f"{HS256_PART}..x", "three parts"),
    "payload not JSON": (signed(claims=b"somebody"), NOT_JSON),
    "payload with NaN": (signed(claims=b'{"exp":NaN}'), NOT_JSON),
    "payload with Infinity": (signed(claims=b'{"exp":Infinity}'), NOT_JSON),
    "payload deep": (signed(claims=DEEP), None),
    "payload not UTF-8": (signed(claims=b'{"sub":"\xff"}'), NOT_JSON),
    "sub twice": (signed(claims=b'{"sub":"a",' + json.dumps(SOUND).encode()[1:]), NOT_JSON),
    "a name twice further inside": (
        signed(claims=json.dumps(SOUND)[:-1].encode() + b',"x":{"a":1,"a":2}}'),
        NOT_JSON,
    ),
}


@pytest.mark.parametrize(("token", "reason"), FORMS.values(), ids=FORMS.keys())
def test_form(secret_tokens: Tokens, token: str, reason: str | None) -> None:
    with pytest.raises(InvalidTokenError, match=reason):
        secret_tokens.verify(token)


HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "typ of a reset link": ({"typ": "reset+jwt"}, "another kind"),
    "typ in another case": ({"typ": "jwt"}, "another kind"),
    "typ with its media type": ({"typ": "application/at+jwt"}, "another kind"),
    "typ of an identity token": ({"typ": "ID"}, "another kind"),
    "typ empty": ({"typ": ""}, "another kind"),
    "typ null": ({"typ": None}, "another kind"),
    "typ a list": ({"typ": ["JWT"]}, "another kind"),
    "typ a number": ({"typ": 1}, "another kind"),
    "crit with an extension nobody knows": ({"crit": ["x"], "x": 1}, "extension"),
    "crit with one that PyJWT knows": ({"crit": ["b64"], "b64": True}, "extension"),
    "crit empty": ({"crit": []}, "extension"),
    "crit null": ({"crit": None}, "extension"),
    "payload not encoded": ({"b64": False}, "extension"),
    "kid a number": ({"kid": 1}, "kid"),
    "kid null": ({"kid": None}, "kid"),
    "kid a list": ({"kid": ["x"]}, "kid"),
    "kid an object": ({"kid": {}}, "kid"),
}


@pytest.mark.parametrize(("header", "reason"), HEADERS.values(), ids=HEADERS.keys())
def test_header(secret_tokens: Tokens, header: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidTokenError, match=reason):
        secret_tokens.verify(signed({"alg": "HS256"} | header))


MISSING = object()


CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "exp missing": ({"exp": MISSING}, f"exp is {NOT_SECONDS}"),
    "exp null": ({"exp": None}, NOT_SECONDS),
    "exp a string": ({"exp": str(NOW + 60)}, NOT_SECONDS),
    "exp a float": ({"exp": NOW + 60.0}, NOT_SECONDS),
    "exp a float without end": ({"exp": 1e30}, NOT_SECONDS),
    "exp true": ({"exp": True}, NOT_SECONDS),
    "exp a list": ({"exp": [NOW + 60]}, NOT_SECONDS),
    "exp now": ({"exp": NOW, "iat": NOW - 60}, "expired"),
    "exp a second ago": ({"exp": NOW - 1, "iat": NOW - 60}, "expired"),
    "exp zero": ({"exp": 0}, "expired"),
    "exp negative": ({"exp": -1, "iat": -2}, "expired"),
    "exp twelve hours and a second after iat": ({"exp": NOW + 43_201}, "12 hours"),
    "exp in the year 9999": ({"exp": 253_402_300_799}, "12 hours"),
    "exp huge": ({"exp": 10**400}, "12 hours"),
    "exp before iat": ({"exp": NOW + 10, "iat": NOW + 20}, "12 hours"),
    "exp as iat": ({"exp": NOW + 10, "iat": NOW + 10}, "12 hours"),
    "iat missing": ({"iat": MISSING}, f"iat is {NOT_SECONDS}"),
    "iat a string": ({"iat": str(NOW)}, NOT_SECONDS),
    "iat a float": ({"iat": NOW + 0.5}, NOT_SECONDS),
    "iat false": ({"iat": False}, NOT_SECONDS),
    "iat in the future": ({"iat": NOW + 31}, "not valid yet"),
    "iat long ago": ({"iat": 0}, "12 hours"),
    "iat negative and huge": ({"iat": -(10**400)}, "12 hours"),
    "iat and exp both in the future": ({"iat": NOW + 3_600, "exp": NOW + 3_660}, "not valid yet"),
    "nbf in the future": ({"nbf": NOW + 31}, "not valid yet"),
    "nbf a string": ({"nbf": "0"}, NOT_SECONDS),
    "nbf null": ({"nbf": None}, NOT_SECONDS),
    "nbf huge": ({"nbf": 10**400}, "not valid yet"),
    "authTime a string": ({"authTime": str(NOW)}, NOT_SECONDS),
    "authTime a float": ({"authTime": float(NOW)}, NOT_SECONDS),
    "authTime null": ({"authTime": None}, NOT_SECONDS),
    "authTime in the future": ({"authTime": NOW + 31}, "authTime"),
    "authTime negative": ({"authTime": -1}, "authTime"),
    "authTime huge": ({"authTime": 10**400}, "authTime"),
    "iss missing": ({"iss": MISSING}, "iss"),
    "iss of another environment": ({"iss": "ticketing-staging"}, "iss"),
    "iss in another case": ({"iss": "Ticketing"}, "iss"),
    "iss a list": ({"iss": ["ticketing"]}, "iss"),
    "aud missing": ({"aud": MISSING}, "aud"),
    "aud null": ({"aud": None}, "aud"),
    "aud of another service": ({"aud": "billing"}, "aud"),
    "aud that contains ours": ({"aud": "ticketing-admin"}, "aud"),
    "aud an empty list": ({"aud": []}, "aud"),
    "aud a list of others": ({"aud": ["billing", 1, None]}, "aud"),
    "aud an object": ({"aud": {"ticketing": 1}}, "aud"),
    "aud nested": ({"aud": [["ticketing"]]}, "aud"),
    "sub missing": ({"sub": MISSING}, f"sub is {NOT_TEXT}"),
    "sub null": ({"sub": None}, NOT_TEXT),
    "sub empty": ({"sub": ""}, NOT_TEXT),
    "sub blank": ({"sub": " "}, NOT_TEXT),
    "sub with space around": ({"sub": " somebody"}, NOT_TEXT),
    "sub a number": ({"sub": 7}, NOT_TEXT),
    "sub a list": ({"sub": ["somebody"]}, NOT_TEXT),
    "sub long": ({"sub": "x" * 256}, NOT_TEXT),
    "sub with U+0000": ({"sub": "some\0body"}, NOT_TEXT),
    "sub with a line end": ({"sub": "some\nbody"}, NOT_TEXT),
    "sub with DEL": ({"sub": "some\x7fbody"}, NOT_TEXT),
    "sub with a C1 control": ({"sub": "some\x85body"}, NOT_TEXT),
    "sub with a lone surrogate": ({"sub": "some\ud800body"}, NOT_TEXT),
    "sub written backwards": ({"sub": "some\u202ebody"}, NOT_TEXT),
    "email missing": ({"email": MISSING}, f"email is {NOT_TEXT}"),
    "email empty": ({"email": ""}, NOT_TEXT),
    "email a number": ({"email": 1}, NOT_TEXT),
    "email long": ({"email": "x" * 321}, NOT_TEXT),
    "email with U+0000": ({"email": "bob@example.org\0"}, NOT_TEXT),
    "email with a header in it": ({"email": "bob@example.org\r\nBcc: x"}, NOT_TEXT),
    "jti missing": ({"jti": MISSING}, f"jti is {NOT_TEXT}"),
    "jti empty": ({"jti": ""}, NOT_TEXT),
    "jti a number": ({"jti": 1}, NOT_TEXT),
    "jti long": ({"jti": "x" * 256}, NOT_TEXT),
    "jti with U+0000": ({"jti": "\0"}, NOT_TEXT),
    "roles a string": ({"roles": "admin"}, "roles"),
    "roles null": ({"roles": None}, "roles"),
    "roles an object": ({"roles": {"admin": True}}, "roles"),
    "roles with a number": ({"roles": ["admin", 1]}, "roles"),
    "roles nested": ({"roles": [["admin"]]}, "roles"),
    "roles with an empty one": ({"roles": [""]}, "roles"),
    "roles with a long one": ({"roles": ["x" * 65]}, "roles"),
    "roles with U+0000": ({"roles": ["admin\0"]}, "roles"),
    "roles without end": ({"roles": ["x"] * 33}, "roles"),
    "sessionEpoch null": ({"sessionEpoch": None}, "sessionEpoch"),
    "sessionEpoch a string": ({"sessionEpoch": "1"}, "sessionEpoch"),
    "sessionEpoch a float": ({"sessionEpoch": 1.0}, "sessionEpoch"),
    "sessionEpoch true": ({"sessionEpoch": True}, "sessionEpoch"),
    "sessionEpoch negative": ({"sessionEpoch": -1}, "sessionEpoch"),
    "sessionEpoch huge": ({"sessionEpoch": 2**31}, "sessionEpoch"),
}


@pytest.mark.parametrize(("changes", "reason"), CLAIMS.values(), ids=CLAIMS.keys())
def test_claim(secret_tokens: Tokens, changes: dict[str, Any], reason: str) -> None:
    claims = {name: it for name, it in (SOUND | changes).items() if it is not MISSING}
    with pytest.raises(InvalidTokenError, match=reason):
        secret_tokens.verify(signed(claims=claims))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


HEADER_FIELDS = ("alg", "typ", "kid", "crit", "b64", "jwk", "jku", "x5c", "zip", "enc")


CLAIM_NAMES = (*SOUND, "nbf", "roles", "authTime", "sessionEpoch")


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(
    st.dictionaries(st.sampled_from(HEADER_FIELDS), ANYTHING, max_size=3),
    st.dictionaries(st.sampled_from(CLAIM_NAMES), ANYTHING, max_size=3),
)
def test_no_other_error_escapes(header: dict[str, Any], claims: dict[str, Any]) -> None:
    one = Tokens(SECRET, None, "ticketing", "ticketing", FakeClock())
    with contextlib.suppress(InvalidTokenError):
        one.verify(signed({"alg": "HS256"} | header, SOUND | claims))


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(st.text() | st.from_regex(r"\A[\w-]{1,99}\.[\w-]{1,99}\.[\w-]{1,99}\Z"))
def test_noise_is_refused(token: str) -> None:
    with pytest.raises(InvalidTokenError):
        Tokens(SECRET, None, "ticketing", "ticketing", FakeClock()).verify(token)
