"""What may be said to an account and to the hasher, and what they answer."""

from datetime import datetime
from typing import Final

from actors import Message, Ref
from ticketing.auth.state import AccountState
from ticketing.values import Personal, Secret, UserId

__all__ = [
    "ACCOUNT",
    "COMMAND_LINE",
    "HASHER",
    "ChangePassword",
    "EndSessions",
    "Grant",
    "HashPassword",
    "OfferReset",
    "ResetPassword",
    "Revoke",
    "SignUp",
    "VerifyPassword",
    "account",
    "hasher",
]

ACCOUNT: Final = "account"
HASHER: Final = "hasher"

COMMAND_LINE: Final = UserId("command-line")
"""Who acts, as the audit log has it, where somebody with the database's password does."""


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
    """Give the account *role*, from the command line."""

    role: str


class Revoke(Message[None], frozen=True, kw_only=True, tag="auth.revoke"):
    """Take *role* from the account, from the command line; its sessions end."""

    role: str


class EndSessions(Message[AccountState], frozen=True, kw_only=True, tag="auth.end_sessions"):
    """Sign out everywhere: no token that was issued before is good any more."""


class ChangePassword(Message[AccountState], frozen=True, kw_only=True, tag="auth.change_password"):
    """Replace the password that *replaces* is the hash of; all sessions end.

    Raises:
        InvalidCredentialsError: it has been replaced meanwhile.

    """

    password_hash: Secret
    replaces: Secret


class OfferReset(Message[None], frozen=True, kw_only=True, tag="auth.offer_reset"):
    """Let whoever has the token of *token_hash* set a password, once, until *until*.

    A link that was offered before is not good any more. From the command line.
    """

    token_hash: Secret
    until: datetime


class ResetPassword(Message[AccountState], frozen=True, kw_only=True, tag="auth.reset_password"):
    """Set the password by a reset link; all sessions end.

    Raises:
        InvalidResetError: it is not, or no longer, good.

    """

    password_hash: Secret
    token_hash: Secret


class HashPassword(Message[str], frozen=True, kw_only=True, tag="hasher.hash"):
    """The Argon2id hash of *password*, as a PHC string. Asked, never told: not to be stored."""

    password: Secret


class VerifyPassword(Message[bool], frozen=True, kw_only=True, tag="hasher.verify"):
    """Whether *password* belongs to *password_hash*; takes as long when there is no hash."""

    password: Secret
    password_hash: Secret | None
