"""Accounts, sessions and tokens."""

from aiohttp import web

from ticketing.auth import AccountState, queries, resets
from ticketing.auth import messages as auth
from ticketing.auth.tokens import Claims
from ticketing.errors import EmailInUseError, InvalidCredentialsError, InvalidResetError
from ticketing.payments import balances
from ticketing.values import UserId
from web import address, session
from web.auth import renewed, uses_bearer
from web.call import Call, json_answer
from web.gateway import Gateway
from web.limits import (
    RESETTING,
    SIGN_IN_BY_ACCOUNT,
    SIGN_IN_BY_ADDRESS,
    SIGN_IN_BY_BOTH,
    SIGN_UP,
)
from web.refusals import Fault, InvalidInputError, NotSignedInError, RateLimitedError
from web.routing import Route
from web.schemas import users

__all__ = ["ROUTES"]


async def sign_up(call: Call[users.SignUp]) -> web.Response:
    email = call.input.email
    await call.gateway.limiter.count(SIGN_UP, _client(call))
    if await queries.find(call.reads, email) is not None:
        raise EmailInUseError  # The account would say so too, but only after an expensive hash.
    password_hash = await _hashed(call, call.input.password)
    user_id = UserId(call.gateway.runtime.ids.new())
    account = await call.ask(
        auth.account(email),
        auth.SignUp(user_id=user_id, email=email, password_hash=password_hash),
    )
    await session.begin(call.request, _token(call.gateway, account))
    return json_answer(users.AccountView(id=account.user_id, email=account.email), 201)


async def sign_in(call: Call[users.SignIn]) -> web.Response:
    account = await _proven(call, call.input.email, call.input.password)
    await session.begin(call.request, _token(call.gateway, account))
    return json_answer(users.AccountView(id=account.user_id, email=account.email))


async def sign_out(call: Call[None]) -> web.Response:
    await session.end(call.request)  # Whatever else comes of it, this browser forgets it.
    if call.claims is not None:
        await call.gateway.revocations.end(call.claims)
    return json_answer(users.Nothing())


async def sign_out_everywhere(call: Call[None]) -> web.Response:
    account = await queries.find_user(call.reads, call.user_id)
    if account is None:  # Minted elsewhere: this session is all that is known here.
        await call.gateway.revocations.end(call.caller)
    else:
        ended = await call.ask(auth.account(account.email), auth.EndSessions())
        call.gateway.revocations.all_ended(ended)
    await session.end(call.request)
    return json_answer(users.Nothing())


async def change_password(call: Call[users.PasswordChange]) -> web.Response:
    account = await queries.find_user(call.reads, call.user_id)
    if account is None:
        raise InvalidCredentialsError  # Minted elsewhere: there is no password here.
    proven = await _proven(call, account.email, call.input.current_password)
    changed = await call.ask(
        auth.account(proven.email),
        auth.ChangePassword(
            password_hash=await _hashed(call, call.input.new_password),
            replaces=proven.password_hash,
        ),
    )
    call.gateway.revocations.all_ended(changed)
    if not uses_bearer(call.request):  # This session goes on, as a new one.
        await session.begin(call.request, _token(call.gateway, changed))
    return json_answer(users.Nothing())


async def reset_password(call: Call[users.PasswordReset]) -> web.Response:
    await call.gateway.limiter.count(RESETTING, _client(call))
    token_hash = resets.hash_token(call.input.token)
    account = await queries.find_reset(call.reads, token_hash)
    if account is None:  # Used, too old, never there: nobody is told which.
        raise InvalidResetError
    password_hash = await _hashed(call, call.input.new_password)
    changed = await call.ask(
        auth.account(account.email),
        auth.ResetPassword(password_hash=password_hash, token_hash=token_hash),
    )
    call.gateway.revocations.all_ended(changed)
    return json_answer(users.Nothing())


async def current_user(call: Call[None]) -> web.Response:
    claims = call.claims
    user = None
    if claims is not None:
        user = users.UserView(id=claims.user_id, email=claims.email, roles=claims.roles)
    return json_answer(users.CurrentUser(current_user=user))


async def balance(call: Call[None]) -> web.Response:
    found = await balances.of_seller(call.reads, call.user_id)
    return json_answer([users.balance_view(each) for each in found])


async def issue_token(call: Call[users.TokenRequest]) -> web.Response:
    email, password = call.input.email, call.input.password
    if isinstance(email, str) and isinstance(password, str):
        token = _token(call.gateway, await _proven(call, email, password))
    elif call.claims is not None:
        token = await _renewed(call, call.claims)
    elif uses_bearer(call.request) or session.is_shown(call.request):
        raise NotSignedInError  # What was to be renewed is over.
    else:
        names = ("email", "password")
        raise InvalidInputError(Fault(f"{name} is required", name) for name in names)
    claims = call.gateway.tokens.verify(token)
    lifetime = claims.expires_at - claims.issued_at
    return json_answer(
        users.TokenView(access_token=token, expires_in=int(lifetime.total_seconds()))
    )


async def _proven(call: Call[object], email: str, password: str) -> AccountState:
    """The account, if the password is its own; the same answer and time if there is none."""
    limiter, who, client = call.gateway.limiter, email.casefold(), _client(call)
    # From the narrowest on: what one address may not try does not use up what others may.
    tries = (
        (SIGN_IN_BY_BOTH, (who, client)),
        (SIGN_IN_BY_ADDRESS, (client,)),
        (SIGN_IN_BY_ACCOUNT, (who,)),
    )
    for limit, whose in tries:
        await limiter.count(limit, *whose)
    account = await queries.find(call.reads, email)
    known = None if account is None else account.password_hash
    matches = await call.ask(
        auth.hasher(), auth.VerifyPassword(password=password, password_hash=known)
    )
    if account is None or not matches:
        raise InvalidCredentialsError
    for limit, whose in tries:
        await limiter.forgive(limit, *whose)
    return account


async def _hashed(call: Call[object], password: str) -> str:
    return await call.ask(auth.hasher(), auth.HashPassword(password=password))


async def _renewed(call: Call[object], claims: Claims) -> str:
    """A new token in place of a good one; never past the time to sign in again."""
    token = await renewed(claims, call.gateway.tokens, call.reads)
    if token is None or call.gateway.verifier.verify(token) is None:
        raise NotSignedInError
    return token


def _client(call: Call[object]) -> str:
    return address.client_of(call.request, call.gateway.settings.trusted_proxies)


def _token(gateway: Gateway, account: AccountState) -> str:
    return gateway.tokens.issue(
        user_id=account.user_id,
        email=account.email,
        roles=account.roles,
        session_epoch=account.session_epoch,
    )


ROUTES = (
    Route(
        method="POST",
        path="/api/users/signup",
        handler=sign_up,
        summary="Open an account and sign in",
        input=users.SignUp,
        replies={201: users.AccountView},
        refusals=(EmailInUseError, RateLimitedError),
    ),
    Route(
        method="POST",
        path="/api/users/signin",
        handler=sign_in,
        summary="Sign in",
        input=users.SignIn,
        replies={200: users.AccountView},
        refusals=(InvalidCredentialsError, RateLimitedError),
    ),
    Route(
        method="POST",
        path="/api/users/signout",
        handler=sign_out,
        summary="End this session",
        replies={200: users.Nothing},
    ),
    Route(
        method="POST",
        path="/api/users/signout-everywhere",
        handler=sign_out_everywhere,
        summary="End all sessions of this account",
        replies={200: users.Nothing},
        signed_in=True,
    ),
    Route(
        method="POST",
        path="/api/users/password",
        handler=change_password,
        summary="Change your password; all other sessions end",
        input=users.PasswordChange,
        replies={200: users.Nothing},
        refusals=(InvalidCredentialsError, RateLimitedError),
        signed_in=True,
    ),
    Route(
        method="POST",
        path="/api/users/reset",
        handler=reset_password,
        summary="Set a password by a reset link; all sessions end",
        input=users.PasswordReset,
        replies={200: users.Nothing},
        refusals=(InvalidResetError, RateLimitedError),
    ),
    Route(
        method="GET",
        path="/api/users/currentuser",
        handler=current_user,
        summary="Who is signed in",
        replies={200: users.CurrentUser},
    ),
    Route(
        method="GET",
        path="/api/users/balance",
        handler=balance,
        summary="What you have sold, and are owed, in each currency",
        replies={200: list[users.BalanceView]},
        signed_in=True,
    ),
    Route(
        method="POST",
        path="/api/users/token",
        handler=issue_token,
        summary="A bearer token, for the password or by who is signed in",
        input=users.TokenRequest,
        input_optional=True,
        replies={200: users.TokenView},
        refusals=(InvalidCredentialsError, RateLimitedError),
    ),
)
