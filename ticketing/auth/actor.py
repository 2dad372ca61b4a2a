"""The account actor: one an e-mail address, so that uniqueness needs no lock."""

from actors import Actor, Turn, handle
from ticketing.auth.messages import ACCOUNT, EndSessions, Grant, Revoke, SignUp
from ticketing.auth.state import (
    AccountOpened,
    AccountState,
    RoleGranted,
    RoleRevoked,
    SessionsEnded,
)
from ticketing.errors import EmailInUseError

__all__ = ["Account"]


class Account(Actor[AccountState]):
    """One account. Passwords are hashed before they come here: no turn waits for Argon2."""

    kind, service, table, asks = ACCOUNT, "auth", "accounts", ()

    @handle(creates=True)
    async def sign_up(self, message: SignUp, turn: Turn[AccountState]) -> AccountState:
        if turn.exists:
            raise EmailInUseError
        turn.record(
            AccountOpened(
                at=turn.now,
                user_id=message.user_id,
                email=message.email,
                password_hash=message.password_hash,
            )
        )
        return turn.state

    @handle
    async def grant(self, message: Grant, turn: Turn[AccountState]) -> None:
        if message.role not in turn.state.roles:
            turn.record(RoleGranted(role=message.role))

    @handle
    async def revoke(self, message: Revoke, turn: Turn[AccountState]) -> None:
        if message.role in turn.state.roles:
            turn.record(RoleRevoked(role=message.role))
            turn.record(SessionsEnded())  # A token with the role must not outlive it.

    @handle
    async def end_sessions(
        self,
        message: EndSessions,  # noqa: ARG002
        turn: Turn[AccountState],
    ) -> AccountState:
        turn.record(SessionsEnded())
        return turn.state
