"""Signed tokens (JWT): issue our own, verify anybody's that was signed with a key of ours.

Verifying needs a key and the time, and no store: whoever has the key may mint, in any language. The
rules follow RFC 8725; PyJWT checks signatures, and the claims are checked here, against a clock
that tests can set.
"""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import jwt
from jwt.algorithms import ECAlgorithm

from actors import Clock, Ids, RefusalError
from ticketing.auth.keys import ALGORITHMS, Key, read_key
from ticketing.values import UserId

__all__ = [
    "LIFETIME_SECONDS",
    "LIFETIME_SECONDS_MAX",
    "SESSION_SECONDS_MAX",
    "Claims",
    "InvalidTokenError",
    "Tokens",
]

LIFETIME_SECONDS: Final = 30 * 60
"""How long our own tokens live: longer than a reservation, so that nobody is signed out mid-way."""

LIFETIME_SECONDS_MAX: Final = 12 * 60 * 60
"""What others mint may live longer, but not so long that a leaked one is good for days."""

SESSION_SECONDS_MAX: Final = 12 * 60 * 60
"""However often a token is renewed: so long after the password it expires, to the second."""

# How far a minter's clock may be ahead of ours. Nothing is added to `exp`: expired is expired.
_SKEW_SECONDS: Final = 30

# Our own are about 400 characters, and a cookie could not carry more than this anyway. It also
# bounds how deep and how long the JSON inside can be.
_TOKEN_CHARACTERS_MAX: Final = 4_096

# Three parts of base64url without padding; PyJWT alone would let padding pass.
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)

_TYPES: Final = ("JWT", "at+jwt")

_ID_CHARACTERS_MAX: Final = 255  # OpenID Connect's limit for `sub`.
_EMAIL_CHARACTERS_MAX: Final = 320  # 64 before the @, 255 after it: RFC 5321, section 4.5.3.1.
_ROLES_MAX: Final = 32
_ROLE_CHARACTERS_MAX: Final = 64
_EPOCH_MAX: Final = 2**31 - 1  # It is an `integer` in the database.


class InvalidTokenError(RefusalError):
    """The token is not valid."""

    # The message says why, for logs; it never quotes the token.
    code = "invalid_token"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says. The instants are aware, in UTC, in whole seconds."""

    user_id: UserId
    email: str
    roles: tuple[str, ...]
    session_epoch: int | None
    """None where the minter did not say: such a token is good for reading only."""
    session_id: str
    """What a session's tokens have in common, however often they are renewed."""
    auth_time: datetime
    """When the user last gave a password; renewing a token does not move it."""
    issued_at: datetime
    expires_at: datetime
    jti: str


class Tokens:
    """Issues tokens with one key and verifies them with that and the previous one.

    To rotate: give every process the new key as the previous one, then swap the two, then leave the
    old one out when the last token signed with it has expired. Without the first step, processes
    that are not yet restarted would refuse the tokens of those that are.

    Raises:
        ValueError: a key is neither a secret of 32 bytes or more nor a PEM private key on P-256.

    """

    def __init__(
        self, key: str, previous: str | None, issuer: str, audience: str, clock: Clock
    ) -> None:
        self._current = read_key(key)
        self._keys = {self._current.kid: self._current}
        if previous:  # An empty setting is none.
            old = read_key(previous)
            self._keys.setdefault(old.kid, old)
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._ids = Ids(clock)
        self._jws = jwt.PyJWS([*ALGORITHMS], options={"enforce_minimum_key_length": True})

    def issue(
        self,
        *,
        user_id: UserId,
        email: str,
        roles: Iterable[str],
        session_epoch: int,
        renews: Claims | None = None,
    ) -> str:
        """A token of ours, good for `LIFETIME_SECONDS`: of a new session, or of that it *renews*.

        It never outlives its session. Who renews one that is over gets a token that is not good.
        """
        issued_at = int(self._clock.now().timestamp())
        auth_time = issued_at if renews is None else int(renews.auth_time.timestamp())
        claims = {
            "sub": user_id,
            "email": email,
            "iat": issued_at,
            "exp": min(issued_at + LIFETIME_SECONDS, auth_time + SESSION_SECONDS_MAX),
            "jti": self._ids.new(),
            "iss": self._issuer,
            "aud": self._audience,
            "roles": sorted(set(roles)),
            "authTime": auth_time,
            "sessionEpoch": session_epoch,
            "sid": self._ids.new() if renews is None else renews.session_id,
        }
        payload = json.dumps(claims, separators=(",", ":")).encode()
        headers = {"typ": "at+jwt", "kid": self._current.kid}
        return self._jws.encode(payload, self._current.signs, self._current.algorithm, headers)

    def verify(self, token: str) -> Claims:
        """What *token* says, once its signature, its header and every claim have been checked.

        Raises:
            InvalidTokenError: whatever is wrong with it; no other error escapes.

        """
        if len(token) > _TOKEN_CHARACTERS_MAX:
            raise InvalidTokenError(f"longer than {_TOKEN_CHARACTERS_MAX} characters")
        if not _COMPACT.fullmatch(token):
            raise InvalidTokenError("not three parts of base64url")
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        self._refuse_unsigned(signed.encode(), _decoded(signature), _header(header))
        claims = _json_object(_decoded(payload), "payload")
        self._check_addressed(claims)
        return _read_claims(claims, self._clock.now().timestamp())

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public keys as a JWK set (RFC 7517), the current one first; secrets have none."""
        return {
            "keys": [
                {
                    **ECAlgorithm.to_jwk(key.verifies, as_dict=True),
                    "kid": key.kid,
                    "alg": key.algorithm,
                    "use": "sig",
                }
                for key in self._keys.values()
                if key.algorithm == "ES256"
            ]
        }

    def _refuse_unsigned(self, signed: bytes, signature: bytes, header: dict[str, Any]) -> None:
        # The algorithm itself, because PyJWT's own way there reads the header once more, and looks
        # at each use whether the secret might be somebody's public key.
        for key in self._candidates(header):
            if ALGORITHMS[key.algorithm].verify(signed, key.verifies, signature):
                return
        raise InvalidTokenError("not signed with a key of ours")

    def _candidates(self, header: dict[str, Any]) -> list[Key]:
        """The keys that may have signed: what the header says chooses among ours, no more.

        A `kid` of ours means that key; other minters call keys as they like, which is a hint that
        we cannot use (RFC 7515, section 4.1.4). `jku`, `jwk` and `x5u` are never looked at.
        """
        named = self._keys.get(header.get("kid", ""))
        candidates = self._keys.values() if named is None else (named,)
        return [key for key in candidates if key.algorithm == header.get("alg")]

    def _check_addressed(self, claims: dict[str, Any]) -> None:
        if claims.get("iss") != self._issuer:
            raise InvalidTokenError("iss is somebody else")
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidTokenError("aud is somebody else")


def _decoded(part: str) -> bytes:
    try:
        # Padding is left out in tokens; more of it than needed does no harm here.
        return base64.urlsafe_b64decode(part + "==")
    except ValueError:
        raise InvalidTokenError("a part is not base64url") from None


def _header(part: str) -> dict[str, Any]:
    """The header, which nobody has vouched for yet: read only to choose a key, or to refuse."""
    header = _json_object(_decoded(part), "header")
    if "typ" in header and header["typ"] not in _TYPES:
        raise InvalidTokenError("typ is that of another kind of token")
    if "crit" in header or "b64" in header:
        raise InvalidTokenError("it needs an extension that is not supported")
    if not isinstance(header.get("kid", ""), str):
        raise InvalidTokenError("kid is not a string")
    return header


def _json_object(raw: bytes, what: str) -> dict[str, Any]:
    """JSON as RFC 8259 wants it: UTF-8, no NaN, and no name twice, whichever one would win."""
    try:
        value = _decode_json(raw.decode())
    except (ValueError, RecursionError):
        raise InvalidTokenError(f"the {what} is not sound JSON") from None
    if not isinstance(value, dict):
        raise InvalidTokenError(f"the {what} is not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name is there twice")
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


_decode_json: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number).decode


def _read_claims(claims: dict[str, Any], now: float) -> Claims:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if expires <= now:
        raise InvalidTokenError("expired")
    if not 0 < expires - issued <= LIFETIME_SECONDS_MAX:
        raise InvalidTokenError("exp is not within 12 hours after iat")
    if max(issued, _seconds(claims, "nbf", issued)) > now + _SKEW_SECONDS:
        raise InvalidTokenError("not valid yet")
    authenticated = _seconds(claims, "authTime", issued)
    if not 0 <= authenticated <= issued + _SKEW_SECONDS:
        raise InvalidTokenError("authTime is after iat")
    return Claims(
        user_id=UserId(_text(claims, "sub", _ID_CHARACTERS_MAX)),
        email=_text(claims, "email", _EMAIL_CHARACTERS_MAX),
        roles=_roles(claims),
        session_epoch=_session_epoch(claims),
        # Other minters may not name sessions; one begins with a password.
        session_id=_text({"sid": str(authenticated)} | claims, "sid", _ID_CHARACTERS_MAX),
        auth_time=datetime.fromtimestamp(authenticated, UTC),
        issued_at=datetime.fromtimestamp(issued, UTC),
        expires_at=datetime.fromtimestamp(expires, UTC),
        jti=_text(claims, "jti", _ID_CHARACTERS_MAX),
    )


def _seconds(claims: dict[str, Any], name: str, default: int | None = None) -> int:
    """An instant in whole seconds since 1970. Strings, floats and booleans are mistakes."""
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidTokenError(f"{name} is not a whole number of seconds")
    return value


def _text(claims: dict[str, Any], name: str, longest: int) -> str:
    value = claims.get(name)
    if not _is_plain(value, longest):
        raise InvalidTokenError(f"{name} is not a plain string of 1 to {longest} characters")
    return str(value)


def _is_plain(value: Any, longest: int) -> bool:
    """Whether it can go into a row, a page and a log line: U+0000 and lone surrogates cannot."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= longest
        and value.isprintable()
        and value == value.strip()
    )


def _roles(claims: dict[str, Any]) -> tuple[str, ...]:
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or len(roles) > _ROLES_MAX:
        raise InvalidTokenError(f"roles is not a list of at most {_ROLES_MAX}")
    if not all(_is_plain(role, _ROLE_CHARACTERS_MAX) for role in roles):
        raise InvalidTokenError("roles has something else than short plain strings in it")
    return tuple(roles)


def _session_epoch(claims: dict[str, Any]) -> int | None:
    if "sessionEpoch" not in claims:
        return None
    epoch = claims["sessionEpoch"]
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 0 <= epoch <= _EPOCH_MAX:
        raise InvalidTokenError("sessionEpoch is not a whole number")
    return epoch
