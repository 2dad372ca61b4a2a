"""`Idempotency-Key`: the same key, user, method, path and body have one effect and one answer.

The key becomes the ask id under which the runtime stores the answer together with the effect. On a
request that creates something, it also names what is created, so that two copies of the request
meet in one actor.
"""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from aiohttp import web

from actors import AskId, derived_id
from ticketing.values import UserId
from web.refusals import Fault, InvalidInputError

__all__ = ["HEADER", "Key", "read"]

HEADER: Final = "Idempotency-Key"

_KEY: Final = re.compile("[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its owner used it: on one method and path, with one body."""

    user_id: UserId
    method: str
    path: str
    key: str
    digest: str

    @property
    def ask_id(self) -> AskId:
        """Under which the answer is kept; with another body it is refused."""
        return AskId(derived_id(self.user_id, self.method, self.path, self.key), self.digest)

    @property
    def object_id(self) -> str:
        """The id of what the request creates."""
        return derived_id(self.user_id, self.path, self.key)


def read(request: web.Request, user_id: UserId, body: bytes) -> Key | None:
    """The request's key, if it has one.

    Raises:
        InvalidInputError: there are several, or it is not 1 to 255 visible ASCII characters.

    """
    keys = request.headers.getall(HEADER, ())
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        message = f"{HEADER} must be 1 to 255 visible ASCII characters"
        raise InvalidInputError([Fault(message, HEADER)])
    return Key(user_id, request.method, request.path, keys[0], sha256(body).hexdigest())
