"""One request, as its handler sees it: who asks for what."""

from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import hdrs, web

from actors import AskId, Message, NotFoundError, Ref
from ticketing.auth.tokens import Claims
from ticketing.reads import Reads
from ticketing.values import UserId
from web import idempotency
from web.fields import is_id
from web.gateway import Gateway
from web.refusals import NotSignedInError

__all__ = ["Call", "json_answer", "no_content"]

I_co = TypeVar("I_co", covariant=True)
R = TypeVar("R")

# One request is one ask or a few; a client gives up about then, and a retry is safe anyway.
ASK_SECONDS: Final = 10.0

_JSON_HEADERS: Final = {hdrs.CONTENT_TYPE: "application/json; charset=utf-8"}

_encode = msgspec.json.Encoder().encode


class Call(Generic[I_co]):
    """A request whose credential, origin and body have passed."""

    __slots__ = ("claims", "gateway", "input", "key", "request")

    def __init__(
        self,
        request: web.Request,
        gateway: Gateway,
        *,
        claims: Claims | None,
        given: I_co,
        key: idempotency.Key | None,
    ) -> None:
        self.request = request
        self.gateway = gateway
        self.claims = claims
        self.input = given
        self.key = key

    @property
    def caller(self) -> Claims:
        """Who is asking, where somebody has to be signed in."""
        if self.claims is None:
            raise NotSignedInError
        return self.claims

    @property
    def user_id(self) -> UserId:
        return self.caller.user_id

    @property
    def reads(self) -> Reads:
        return self.gateway.reads

    @property
    def path_id(self) -> str:
        """The id in the path.

        Raises:
            NotFoundError: nothing here has such an id.

        """
        found = self.request.match_info["id"]
        if not is_id(found):
            raise NotFoundError
        return found

    @property
    def new_id(self) -> str:
        """An id for what this request creates: the same one for each copy of the request."""
        return self.gateway.runtime.ids.new() if self.key is None else self.key.object_id

    async def ask(self, ref: Ref, message: Message[R]) -> R:
        """Ask for something that is harmless to ask again."""
        by = None if self.claims is None else self.claims.user_id
        return await self.gateway.runtime.ask(ref, message, by=by, timeout=ASK_SECONDS)

    async def ask_once(self, ref: Ref, message: Message[R], *, creates: bool = False) -> R:
        """Ask for the effect that the caller's Idempotency-Key, if there is one, stands for.

        *creates* says that *ref* is of `new_id`; without a key nothing can be there yet.
        """
        ask_id: AskId | None = None if self.key is None else self.key.ask_id
        return await self.gateway.runtime.ask(
            ref,
            message,
            by=self.user_id,
            ask_id=ask_id,
            fresh=creates and self.key is None,
            timeout=ASK_SECONDS,
        )


def json_answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=_encode(value), status=status, headers=_JSON_HEADERS)


def no_content() -> web.Response:
    return web.Response(status=204)
