"""The account actor: one an e-mail address, so that uniqueness needs no lock."""

from actors import Actor, Turn, handle
from ticketing.audit import messages as audit
from ticketing.auth.endings import Ending
from ticketing.auth.messages import (
    ACCOUNT,
    COMMAND_LINE,
    ChangePassword,
    EndSessions,
    Grant,
    OfferReset,
    ResetPassword,
    Revoke,
    SignUp,
)
from ticketing.auth.state import (
    AccountOpened,
    AccountState,
    PasswordChanged,
    ResetOffered,
    RoleGranted,
    RoleRevoked,
    SessionsEnded,
)
from ticketing.errors import EmailInUseError, InvalidCredentialsError, InvalidResetError
from ticketing.values import UserId

__all__ = ["Account"]

_BY_THE_USER = "The user wanted it"
_BY_COMMAND = "ticketing admin"


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
            note(turn, "account.grant", role=message.role)

    @handle
    async def revoke(self, message: Revoke, turn: Turn[AccountState]) -> None:
        if message.role in turn.state.roles:
            turn.record(RoleRevoked(role=message.role))
            end_sessions(turn)  # A token with the role must not outlive it.
            note(turn, "account.revoke", role=message.role)

    @handle
    async def end_sessions(
        self,
        message: EndSessions,  # noqa: ARG002
        turn: Turn[AccountState],
    ) -> AccountState:
        end_sessions(turn)
        note(turn, "account.signout_everywhere", by=turn.state.user_id)
        return turn.state

    @handle
    async def change_password(
        self, message: ChangePassword, turn: Turn[AccountState]
    ) -> AccountState:
        if turn.state.password_hash != message.replaces:
            raise InvalidCredentialsError
        turn.record(PasswordChanged(password_hash=message.password_hash))
        end_sessions(turn)
        note(turn, "account.password", by=turn.state.user_id)
        return turn.state

    @handle
    async def offer_reset(self, message: OfferReset, turn: Turn[AccountState]) -> None:
        turn.record(ResetOffered(token_hash=message.token_hash, until=message.until))
        note(turn, "account.reset_offered")

    @handle
    async def reset_password(
        self, message: ResetPassword, turn: Turn[AccountState]
    ) -> AccountState:
        account = turn.state
        is_offered = account.reset_until is not None and turn.now < account.reset_until
        if not is_offered or account.reset_hash != message.token_hash:
            raise InvalidResetError
        turn.record(PasswordChanged(password_hash=message.password_hash))
        end_sessions(turn)
        note(turn, "account.reset", by=account.user_id)
        return turn.state


def end_sessions(turn: Turn[AccountState]) -> None:
    """No token from before is good any more; every gateway finds the row that says so."""
    turn.record(SessionsEnded())
    account = turn.state
    turn.append(Ending(user_id=account.user_id, epoch=account.session_epoch, at=turn.now))


def note(
    turn: Turn[AccountState], action: str, *, by: UserId = COMMAND_LINE, role: str | None = None
) -> None:
    """Have it written down, in the commit of what it says."""
    had, has = turn.before, turn.state
    before, after = {"epoch": had.session_epoch}, {"epoch": has.session_epoch}
    turn.tell(
        audit.log(),
        audit.Note(
            at=turn.now,
            by=by,
            action=action,
            subject=f"account:{has.user_id}",
            reason=_BY_COMMAND if by == COMMAND_LINE else _BY_THE_USER,
            before=before if role is None else before | {role: role in had.roles},
            after=after if role is None else after | {role: role in has.roles},
        ),
    )
