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


AccountFact: TypeAlias = AccountOpened | RoleGranted | RoleRevoked | SessionsEnded


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
            case _:
                assert_never(fact)
