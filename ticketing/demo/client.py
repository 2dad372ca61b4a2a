"""A caller of the REST API, as any other program is one."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Self

import aiohttp

from ticketing.demo.content import Person

__all__ = ["Client", "DemoError", "answers_at"]

# A request is one ask or a few; a server that takes longer has other troubles.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_KNOCK: Final = aiohttp.ClientTimeout(total=5)


class DemoError(Exception):
    """The demonstration cannot be put up; the message is one line that says why."""


async def answers_at(url: str) -> bool:
    """Whether a server of ours answers at *url*.

    Raises:
        DemoError: something else does, or it is not ready.

    """
    try:
        async with (
            aiohttp.ClientSession(timeout=_KNOCK) as http,
            http.get(f"{url}/readyz") as response,
        ):
            status = response.status
    except (aiohttp.ClientConnectionError, TimeoutError):
        return False
    if status != HTTPStatus.OK:
        raise DemoError(f"what answers at {url} is no server that is ready (status {status})")
    return True


class Client:
    """One person, signed in."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str) -> None:
        self._http = http
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    @staticmethod
    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())

    @classmethod
    async def of(cls, http: aiohttp.ClientSession, url: str, person: Person) -> Self:
        """*person*, with an account that is opened if need be.

        Raises:
            DemoError: the account has another password by now.

        """
        said = {"email": person.email, "password": person.password}
        stranger = cls(http, url, "")
        stranger._headers = {}
        status, _ = await stranger.call("POST", "/api/users/signup", said)
        if status not in {HTTPStatus.CREATED, HTTPStatus.CONFLICT}:
            raise DemoError(f"{person.email} cannot sign up (status {status})")
        status, answer = await stranger.call("POST", "/api/users/token", said)
        if status != HTTPStatus.OK:
            raise DemoError(f"{person.email} cannot sign in: {answer.get('title', status)}")
        return cls(http, url, answer["accessToken"])

    async def call(
        self, method: str, path: str, said: Mapping[str, Any] | None = None, **query: str
    ) -> tuple[int, Any]:
        """The status and the JSON of the answer."""
        async with self._http.request(
            method, self._url + path, json=said, params=query, headers=self._headers
        ) as response:
            return response.status, await response.json(content_type=None)

    async def made(self, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """What a POST has made.

        Raises:
            DemoError: it made nothing.

        """
        status, answer = await self.call("POST", path, said)
        if status not in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
            raise DemoError(f"POST {path} was refused ({status}): {answer.get('detail', '')}")
        found: dict[str, Any] = answer
        return found

    async def everything(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All pages of a list, put together."""
        found: list[dict[str, Any]] = []
        url, params = self._url + path, {**query, "limit": "100"}
        while url:
            async with self._http.get(url, params=params, headers=self._headers) as response:
                response.raise_for_status()
                found += await response.json()
                following = response.links.get("next")
            url, params = (str(following["url"]), {}) if following else ("", {})
        return found
