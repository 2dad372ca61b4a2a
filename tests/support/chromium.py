"""A headless Chromium for looking at a page as browsers see it, where there is one.

It is driven over its own protocol (CDP), so that tests need no other dependency. Whatever a page
complains about - errors, refused resources, policy violations - is kept.
"""

import asyncio
import itertools
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.support.wait import LIVENESS_SECONDS, until

PROGRAM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
"""Where it is; None: this machine has none."""

LOCAL_ONLY: Final = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""A test's browser talks to the test's own server and to nobody else."""

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps",
    "--disable-extensions", "--disable-sync", "--remote-debugging-port=0", LOCAL_ONLY,
)  # fmt: skip

_LISTENING: Final = re.compile(rb"DevTools listening on (ws://\S+)")
_COMPLAINTS: Final = frozenset({"Log.entryAdded", "Runtime.exceptionThrown", "Audits.issueAdded"})


class Page:
    """One page, and what it complained about."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: dict[str, str] = {}
        self.complaints: list[str] = []

    async def open(self) -> None:
        made = await self._call("Target.createTarget", url="about:blank")
        target = made["targetId"]
        attached = await self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Runtime", "Log", "Audits"):
            await self._call(f"{domain}.enable")

    async def go(self, url: str, *, width: int) -> None:
        """Show *url*, *width* CSS pixels wide."""
        await self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip
        await self._call("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """What the expression *script* is, in the page."""
        answer = await self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, script: str) -> Any:
        """The first true value of the expression *script*."""
        return await until(lambda: self.run(script), script)

    async def close(self) -> None:
        self._session = {}
        await self._call("Browser.close")

    async def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": parameters, **self._session}
        await self._socket.send_json(call)
        async with asyncio.timeout(LIVENESS_SECONDS):
            while True:
                message = await self._socket.receive_json()
                if message.get("id") == number:
                    assert "error" not in message, message
                    return message["result"]
                self._hear(message)

    def _hear(self, message: dict[str, Any]) -> None:
        said = message.get("params", {})
        # "GenericIssue" is advice about forms and history, of no harm to anybody.
        is_advice = said.get("issue", {}).get("code") == "GenericIssue"
        is_error = said.get("type") in {"error", "assert"}
        is_complaint = message.get("method") in _COMPLAINTS and not is_advice
        if is_complaint or (message.get("method") == "Runtime.consoleAPICalled" and is_error):
            self.complaints.append(str(said))


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Page]:
    """A page in a browser of its own, which keeps its things in *folder*."""
    assert PROGRAM is not None, "there is no Chromium here"
    process = await asyncio.create_subprocess_exec(
        PROGRAM, *_FLAGS, f"--user-data-dir={folder}", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip
    try:
        address = await _address(process)
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(address, max_msg_size=0) as socket,
        ):
            page = Page(socket)
            await page.open()
            yield page
            await page.close()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(LIVENESS_SECONDS):
        async for line in process.stderr:
            if match := _LISTENING.search(line):
                return match[1].decode()
    raise AssertionError("Chromium ended before it listened")
