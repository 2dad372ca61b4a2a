"""What may be said to an account and to the hasher, and what they answer."""

from typing import Final

from actors import Message, Ref
from ticketing.auth.state import AccountState
from ticketing.values import Personal, Secret, UserId

__all__ = [
    "ACCOUNT",
    "HASHER",
    "EndSessions",
    "Grant",
    "HashPassword",
    "Revoke",
    "SignUp",
    "VerifyPassword",
    "account",
    "hasher",
]

ACCOUNT: Final = "account"
HASHER: Final = "hasher"


def account(email: str) -> Ref:
    """The account of *email*; the key is case-folded, so uniqueness needs no lock."""
    return Ref(ACCOUNT, email.casefold())


def hasher() -> Ref:
    return Ref(HASHER, "")


class SignUp(Message[AccountState], frozen=True, kw_only=True, tag="auth.sign_up"):
    """Open the account.

    Raises:
        EmailInUseError: it is open already.

    """

    user_id: UserId
    email: Personal
    password_hash: Secret


class Grant(Message[None], frozen=True, kw_only=True, tag="auth.grant"):
    """Give the account *role*."""

    role: str


class Revoke(Message[None], frozen=True, kw_only=True, tag="auth.revoke"):
    """Take *role* from the account."""

    role: str


class EndSessions(Message[AccountState], frozen=True, kw_only=True, tag="auth.end_sessions"):
    """Sign out everywhere: tokens issued before stop being good for anything that matters."""


class HashPassword(Message[str], frozen=True, kw_only=True, tag="hasher.hash"):
    """The Argon2id hash of *password*, as a PHC string. Asked, never told: not to be stored."""

    password: Secret


class VerifyPassword(Message[bool], frozen=True, kw_only=True, tag="hasher.verify"):
    """Whether *password* belongs to *password_hash*; takes as long when there is no hash."""

    password: Secret
    password_hash: Secret | None
