"""Accounts and who is signed in."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Self

import msgspec
from msgspec import UNSET, UnsetType

from ticketing.payments.balances import Balance
from ticketing.values import major
from web.fields import Credential, Email, NewPassword
from web.input import Input
from web.refusals import Fault
from web.schemas import examples

__all__ = [
    "AccountView",
    "BalanceView",
    "CurrentUser",
    "Nothing",
    "PasswordChange",
    "PasswordReset",
    "SignIn",
    "SignUp",
    "TokenRequest",
    "TokenView",
    "UserView",
    "balance_view",
]


class SignUp(Input, frozen=True, kw_only=True):
    """A new account."""

    email: Email
    password: NewPassword

    @classmethod
    def example(cls) -> Self:
        return cls(email=examples.KIM_EMAIL, password=examples.PASSWORD)


class SignIn(Input, frozen=True, kw_only=True):
    """Who somebody says they are."""

    email: Email
    password: Credential

    @classmethod
    def example(cls) -> Self:
        return cls(email=examples.KIM_EMAIL, password=examples.PASSWORD)


class TokenRequest(Input, frozen=True, kw_only=True):
    """As to sign in; nothing by somebody who is signed in."""

    email: Email | UnsetType = UNSET
    password: Credential | UnsetType = UNSET

    @classmethod
    def example(cls) -> Self:
        return cls(email=examples.KIM_EMAIL, password=examples.PASSWORD)

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> Iterable[Fault]:
        if len(given) == 1:
            missing = "password" if "email" in given else "email"
            yield Fault(f"{missing} is required", missing)


class PasswordChange(Input, frozen=True, kw_only=True, rename="camel"):
    """A new password in place of the current one."""

    current_password: Credential
    new_password: NewPassword

    @classmethod
    def example(cls) -> Self:
        return cls(current_password=examples.PASSWORD, new_password=examples.NEW_PASSWORD)


class PasswordReset(Input, frozen=True, kw_only=True, rename="camel"):
    """A new password for whoever has the token of a reset link."""

    token: Credential
    new_password: NewPassword

    @classmethod
    def example(cls) -> Self:
        return cls(token=examples.RESET_TOKEN, new_password=examples.NEW_PASSWORD)


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    email: str

    @classmethod
    def example(cls) -> Self:
        return cls(id=examples.KIM_ID, email=examples.KIM_EMAIL)


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    email: str
    roles: tuple[str, ...]

    @classmethod
    def example(cls) -> Self:
        return cls(id=examples.KIM_ID, email=examples.KIM_EMAIL, roles=())


class CurrentUser(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    current_user: UserView | None

    @classmethod
    def example(cls) -> Self:
        return cls(current_user=UserView.example())


class TokenView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """*expires_in* is in seconds."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a scheme, not a password
    expires_in: int

    @classmethod
    def example(cls) -> Self:
        return cls(access_token="eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl", expires_in=1800)  # noqa: S106


class BalanceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a seller has sold in one currency, and is owed: `proceeds - fees - refunded`.

    All amounts are in major units; `fees` are those of sales that were not given back.
    """

    currency: str
    proceeds: int | float
    fees: int | float
    refunded: int | float
    balance: int | float

    @classmethod
    def example(cls) -> Self:
        return cls(currency="usd", proceeds=59.97, fees=2, refunded=19.99, balance=37.98)


class Nothing(msgspec.Struct, frozen=True):
    """Done; there is nothing to say about it."""

    @classmethod
    def example(cls) -> Self:
        return cls()


def balance_view(balance: Balance) -> BalanceView:
    currency = balance.currency
    return BalanceView(
        currency=currency,
        proceeds=major(balance.proceeds, currency),
        fees=major(balance.fees, currency),
        refunded=major(balance.refunded, currency),
        balance=major(balance.balance, currency),
    )
