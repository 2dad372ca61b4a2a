"""The payment sandbox as a process of its own, which outlives the servers that pay with it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support import logbook
from tests.support.server import READY_SECONDS
from tests.support.wait import until

READY: Final = "sandbox ready "

WEBHOOK_SECRET: Final = "whsec_of_the_money_run"
"""What it signs with, and the server verifies with."""


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox, and what tests and card holders ask of it."""

    base: str
    http: aiohttp.ClientSession

    async def script(self, *faults: Mapping[str, object]) -> None:
        """Set the fault script; none ends all scripted faults."""
        await self._tell("/_sandbox/faults", list(faults))

    async def weather(self, **what: object) -> None:
        """Set the random faults; nothing ends them."""
        await self._tell("/_sandbox/weather", what)

    async def held(self) -> list[dict[str, Any]]:
        """Every intent, oldest first."""
        async with self.http.get(f"{self.base}/_sandbox/intents") as answer:
            assert answer.status == 200, await answer.text()
            intents: list[dict[str, Any]] = (await answer.json())["intents"]
            return intents

    async def authenticate(self, client_secret: str, outcome: str) -> None:
        """The card holder's answer to 3-D Secure, until it has been heard (the net has faults)."""
        form = {"client_secret": client_secret, "outcome": outcome}

        async def is_heard() -> bool:
            try:
                async with self.http.post(
                    f"{self.base}/_sandbox/authenticate", data=form
                ) as answer:
                    # Once it is voided, or was heard before, nobody waits for it any more.
                    return answer.status == 200 or answer.status in range(400, 409)
            except (aiohttp.ClientError, ConnectionError):
                return False

        await until(is_heard, "the card holder's answer is heard")

    async def _tell(self, path: str, what: object) -> None:
        async with self.http.post(self.base + path, json=what) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def running(folder: Path, webhook_url: str) -> AsyncIterator[Sandbox]:
    """A sandbox in *folder* that tells *webhook_url* what happens."""
    with logbook.writing(folder / "sandbox.log") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ticketing", "sandbox"),
            *("--folder", str(folder / "sandbox"), "--webhook-url", webhook_url),
            env={**os.environ, "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_SECONDS):
            line = (await process.stdout.readline()).decode().strip()
        assert line.startswith(READY), (folder / "sandbox.log").read_text()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            yield Sandbox(line.removeprefix(READY), http)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
