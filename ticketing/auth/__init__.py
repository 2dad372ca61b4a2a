"""Auth: accounts, roles, and the tokens that say who somebody is.

Layout, in reading order:

- `messages`   what may be said to an account and to the hasher
- `state`      what an account is, as its facts made it
- `actor`      who decides
- `worker`     hashes passwords; `argon2` does it, in threads of its own
- `passwords`  Argon2id, and which passwords are refused
- `keys`       what tokens are signed with
- `tokens`     signed tokens: issue and verify
- `endings`    the sessions that ended before their tokens do
- `queries`    the reads behind pages
"""

from ticketing.auth.messages import (
    ACCOUNT,
    COMMAND_LINE,
    HASHER,
    ChangePassword,
    EndSessions,
    Grant,
    HashPassword,
    OfferReset,
    ResetPassword,
    Revoke,
    SignUp,
    VerifyPassword,
    account,
    hasher,
)
from ticketing.auth.state import AccountFact, AccountState

__all__ = [
    "ACCOUNT",
    "COMMAND_LINE",
    "HASHER",
    "AccountFact",
    "AccountState",
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
