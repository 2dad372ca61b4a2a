"""How clients reach a cluster: any gateway, under one key, again and again until it is answered."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import aiohttp

from tests.cluster.history import UNKNOWN, Call, History, Try
from tests.cluster.node import Node
from tests.support.jwt_by_hand import compact, hs256

__all__ = ["Client", "token"]

# Long enough that some still wait at a node that was frozen when it goes on; then at another one.
TRY_SECONDS: Final = 3.0

# What was not answered within this is given up: nobody knows what came of it.
BUDGET_SECONDS: Final = 25.0

PAUSE_SECONDS: Final = 0.05

# Good from two hours ago on, so that a node whose clock is an hour wrong believes in it.
PAST_SECONDS: Final = 2 * 60 * 60
LIFETIME_SECONDS: Final = 8 * 60 * 60

# These say: come back.
_AGAIN: Final = frozenset({500, 503})


def token(user_id: str, jwt_key: str, now: float) -> str:
    """A credential as any other program would make it. *now* is the Unix time."""
    issued_at = int(now) - PAST_SECONDS
    claims = {
        "sub": user_id,
        "email": f"{user_id}@cluster.test",
        "iat": issued_at,
        "exp": issued_at + LIFETIME_SECONDS,
        "jti": f"{user_id}-{issued_at}",
        "iss": "ticketing",
        "aud": "ticketing",
    }
    return compact({"alg": "HS256", "typ": "JWT"}, claims, hs256(jwt_key))


@dataclass
class Client:
    """Makes one call at a time, and notes it."""

    name: str
    http: aiohttp.ClientSession
    gateways: Sequence[Node]
    tokens: dict[str, str]
    history: History
    chances: random.Random
    _at: Node | None = None

    async def write(
        self, what: str, method: str, path: str, *, user_id: str, subject: str, body: Any = None
    ) -> Call:
        """Ask for an effect, under a key of its own."""
        key = str(UUID(int=self.chances.getrandbits(128)))
        return await self._call(
            what, method, path, user_id=user_id, subject=subject, body=body, key=key
        )

    async def read(self, what: str, path: str, *, user_id: str, subject: str) -> Call:
        return await self._call(what, "GET", path, user_id=user_id, subject=subject)

    async def once(
        self,
        what: str,
        path: str,
        body: Any,
        *,
        user_id: str,
        subject: str,
        seconds: float = TRY_SECONDS,
    ) -> Call:
        """Post without a key, and so not again if no answer comes within so many *seconds*."""
        call = self.history.begin(
            _now(), who=self.name, user_id=user_id, what=what, method="POST", path=path,
            body=body, key=None, subject=subject,
        )  # fmt: skip
        if await self._try(call, self.chances.choice(self.gateways), seconds):
            call.ended = call.tries[-1].ended
        return call

    async def repeat(self, call: Call) -> tuple[int | None, Any]:
        """What is answered to a *call* that was answered before; it is not noted."""
        copy = History()
        asked = copy.begin(
            _now(), who=self.name, user_id=call.user_id, what="repeat", method=call.method,
            path=call.path, body=call.body, key=call.key, subject=call.subject,
        )  # fmt: skip
        await self._ask(asked)
        return asked.status, asked.answer

    async def _call(
        self,
        what: str,
        method: str,
        path: str,
        *,
        user_id: str,
        subject: str,
        body: Any = None,
        key: str | None = None,
    ) -> Call:
        call = self.history.begin(
            _now(), who=self.name, user_id=user_id, what=what, method=method, path=path,
            body=body, key=key, subject=subject,
        )  # fmt: skip
        await self._ask(call)
        return call

    async def _ask(self, call: Call) -> None:
        while _now() - call.began < BUDGET_SECONDS:
            if self._at is None:
                self._at = self.chances.choice(self.gateways)
            if await self._try(call, self._at):
                call.ended = call.tries[-1].ended
                return
            self._at = None
            await asyncio.sleep(self.chances.uniform(PAUSE_SECONDS, 2 * PAUSE_SECONDS))

    async def _try(self, call: Call, node: Node, seconds: float = TRY_SECONDS) -> bool:
        """Ask once; whether that was an answer."""
        headers = {"Authorization": f"Bearer {self.tokens[call.user_id]}"}
        if call.key is not None:
            headers["Idempotency-Key"] = call.key
        began = _now()
        status, said, found = None, UNKNOWN, None
        try:
            async with self.http.request(
                call.method, node.url + call.path, headers=headers, json=call.body,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:  # fmt: skip
                is_json = response.content_type.endswith("json")
                found = await response.json() if is_json else await response.text()
                status = response.status
                said = _said(status, found)
        except aiohttp.ClientConnectorError:
            said = "no"  # Nobody was there who could have heard it.
        except (aiohttp.ClientError, OSError):
            pass
        call.tries.append(Try(node.name, began, _now(), status, said))
        if status is None or status in _AGAIN:
            return False
        call.status, call.answer = status, found
        return True


def _said(status: int, found: Any) -> str:
    """Whether an answer says that nothing was done."""
    if status < 400:
        return ""
    detail = found.get("detail", "") if isinstance(found, dict) else ""
    if status in _AGAIN and "Executed: no." not in detail:
        return UNKNOWN
    return "no"


def _now() -> float:
    return asyncio.get_running_loop().time()
