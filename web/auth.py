"""Who is asking. One request, one credential: a bearer token, or else the session's.

A credential that cannot be read, has expired or was forged is none: public pages answer as to a
stranger, everything else answers 401.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from aiohttp import hdrs, web

from actors import Clock
from ticketing.auth import queries
from ticketing.auth.state import AccountState
from ticketing.auth.tokens import Claims, InvalidTokenError, Tokens
from ticketing.errors import ForbiddenError
from ticketing.reads import Reads
from web.refusals import NotSignedInError

__all__ = [
    "Verifier",
    "bearer",
    "refuse_ended",
    "refuse_unless",
    "renewed",
    "still_good",
    "uses_bearer",
]

# Verifying costs 20 to 100 us, a look-up less than one. A token and its claims are about 1.5 KB;
# so many are at one gateway within minutes, and each asks several times within seconds.
_KNOWN_MAX: Final = 4_000


class Verifier:
    """Verifies tokens, and remembers the ones it has verified until they expire.

    A token whose session *is_over* is not good, however sound it is.
    """

    def __init__(
        self,
        tokens: Tokens,
        clock: Clock,
        is_over: Callable[[Claims], bool],
        known_max: int = _KNOWN_MAX,
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._is_over = is_over
        self._known_max = known_max
        self._known: OrderedDict[str, Claims] = OrderedDict()

    def verify(self, token: str) -> Claims | None:
        """What *token* says; None if it is not good."""
        claims = self._sound(token)
        return None if claims is None or self._is_over(claims) else claims

    def _sound(self, token: str) -> Claims | None:
        claims = self._known.get(token)
        if claims is None:
            return self._remember(token)
        if claims.expires_at <= self._clock.now():
            del self._known[token]
            return None
        self._known.move_to_end(token)
        return claims

    def _remember(self, token: str) -> Claims | None:
        try:
            claims = self._tokens.verify(token)
        except InvalidTokenError:
            return None
        self._known[token] = claims
        if len(self._known) > self._known_max:
            self._known.popitem(last=False)
        return claims


def uses_bearer(request: web.Request) -> bool:
    """Whether the request brings a credential in a header; its cookie is then not looked at."""
    return hdrs.AUTHORIZATION in request.headers


def bearer(request: web.Request, verifier: Verifier) -> Claims | None:
    """What the bearer token says; None if there is none that is good."""
    values = request.headers.getall(hdrs.AUTHORIZATION, ())
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return verifier.verify(token.strip()) if scheme.lower() == "bearer" else None


async def still_good(claims: Claims, reads: Reads) -> tuple[bool, AccountState | None]:
    """Whether *claims* are good for money, admin and renewal; and the account, if it is ours.

    Where the account exists here, the token must carry its session epoch: signing out everywhere
    and changing the password raise that.
    """
    account = await queries.find_user(reads, claims.user_id)
    return account is None or claims.session_epoch == account.session_epoch, account


async def renewed(claims: Claims, tokens: Tokens, reads: Reads) -> str | None:
    """A token in place of that of *claims*, which is good; None: the session has ended.

    Where the account is ours, it says what the account is now.
    """
    good, account = await still_good(claims, reads)
    if not good:
        return None
    return tokens.issue(
        user_id=claims.user_id,
        email=claims.email if account is None else account.email,
        roles=claims.roles if account is None else account.roles,
        session_epoch=(claims.session_epoch or 0) if account is None else account.session_epoch,
        renews=claims,
    )


async def refuse_ended(claims: Claims, reads: Reads) -> AccountState | None:
    """Refuse a session that has ended; the account, if it is ours.

    Raises:
        NotSignedInError: it has ended, though the token has not expired yet.

    """
    good, account = await still_good(claims, reads)
    if not good:
        raise NotSignedInError("This session has ended; sign in again")
    return account


async def refuse_unless(role: str, claims: Claims, reads: Reads) -> None:
    """Refuse who has not *role*: by the token and, where the account is ours, by the account now.

    Raises:
        NotSignedInError: the session has ended.
        ForbiddenError: they do not have the role, or not any more.

    """
    if role not in claims.roles:
        raise ForbiddenError
    account = await refuse_ended(claims, reads)
    if account is not None and role not in account.roles:
        raise ForbiddenError
