"""What an account is, and the facts that make it so. Pure: no clock, no I/O, no refusals."""

from datetime import UTC, datetime
from typing import Final, TypeAlias, assert_never

from msgspec.structs import replace

from actors import Fact, State
from ticketing.values import Personal, Secret, UserId

__all__ = [
    "AccountFact",
    "AccountOpened",
    "AccountState",
    "PasswordChanged",
    "ResetOffered",
    "RoleGranted",
    "RoleRevoked",
    "SessionsEnded",
]

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class AccountOpened(Fact, frozen=True, kw_only=True, tag="account.opened"):
    at: datetime
    user_id: UserId
    email: Personal
    password_hash: Secret


class RoleGranted(Fact, frozen=True, kw_only=True, tag="account.role_granted"):
    role: str


class RoleRevoked(Fact, frozen=True, kw_only=True, tag="account.role_revoked"):
    role: str


class SessionsEnded(Fact, frozen=True, kw_only=True, tag="account.sessions_ended"):
    """Every token issued before is no longer good for money, admin or renewal."""


class PasswordChanged(Fact, frozen=True, kw_only=True, tag="account.password_changed"):
    """The user gave the old one, or came by a reset link; no such link is good any more."""

    password_hash: Secret


class ResetOffered(Fact, frozen=True, kw_only=True, tag="account.reset_offered"):
    """Whoever has the token that *token_hash* is the SHA-256 of may set a password, once."""

    token_hash: Secret
    until: datetime


AccountFact: TypeAlias = (
    AccountOpened | RoleGranted | RoleRevoked | SessionsEnded | PasswordChanged | ResetOffered
)


class AccountState(State, frozen=True, kw_only=True):
    """An account; one row of `accounts`. Its id is the case-folded e-mail address."""

    id: Personal
    user_id: UserId = UserId("")
    email: Personal = ""
    """As the user wrote it."""
    password_hash: Secret = ""
    roles: tuple[str, ...] = ()
    session_epoch: int = 0
    created_at: datetime = NEVER
    reset_hash: Secret | None = None
    """The SHA-256 of the token of a reset link, and until when it is good."""
    reset_until: datetime | None = None

    def apply(self, fact: AccountFact) -> "AccountState":
        match fact:
            case AccountOpened():
                return replace(
                    self,
                    user_id=fact.user_id,
                    email=fact.email,
                    password_hash=fact.password_hash,
                    created_at=fact.at,
                )
            case RoleGranted():
                return replace(self, roles=(*self.roles, fact.role))
            case RoleRevoked():
                return replace(self, roles=tuple(role for role in self.roles if role != fact.role))
            case SessionsEnded():
                return replace(self, session_epoch=self.session_epoch + 1)
            case PasswordChanged():
                return replace(
                    self, password_hash=fact.password_hash, reset_hash=None, reset_until=None
                )
            case ResetOffered():
                return replace(self, reset_hash=fact.token_hash, reset_until=fact.until)
            case _:
                assert_never(fact)
