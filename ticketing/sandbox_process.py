"""The payment sandbox beside the server: a process of its own that ends with ours."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final

from ticketing.payments.webhooks import WEBHOOKS
from ticketing.settings import STRIPE_API_BASE, Settings
from ticketing.settings_values import origin_of

__all__ = ["SandboxError", "beside", "reached_at"]

# In the environment, because everybody on the machine can read arguments.
SECRET: Final = "SANDBOX_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable

READY: Final = "sandbox ready "

# The sandbox of a process that was killed holds its books for a moment longer.
STARTS_MAX: Final = 40
PAUSE_SECONDS: Final = 0.25
STOP_SECONDS: Final = 5.0


class SandboxError(Exception):
    """The payment sandbox did not start; the message is one line that says why."""


@asynccontextmanager
async def beside(settings: Settings, server: str) -> AsyncIterator[str | None]:
    """The base address of the payment provider, if it is not Stripe's own.

    Without `STRIPE_KEY` and `STRIPE_API_BASE` that is a sandbox, started here and stopped after. It
    tells what happens to *server*, the origin at which this machine reaches the gateway.

    Raises:
        SandboxError: it does not start.

    """
    if settings.stripe_api_base != STRIPE_API_BASE:
        yield settings.stripe_api_base
        return
    if settings.stripe_key:
        yield None
        return
    process, base = await _start(settings, f"{server}{WEBHOOKS}")
    try:
        yield base
    finally:
        await _stop(process)


def reached_at(bound: socket.socket) -> str:
    """The origin at which this machine reaches who listens on *bound*, itself if on every one."""
    host, port = bound.getsockname()[:2]
    if ip_address(host).is_unspecified:
        host = "::1" if bound.family is socket.AF_INET6 else "127.0.0.1"
    return origin_of("http", host, port)


async def _start(settings: Settings, webhook_url: str) -> tuple[asyncio.subprocess.Process, str]:
    environment = {**os.environ, SECRET: settings.stripe_webhook_secrets[0]}
    why = ""
    for _ in range(STARTS_MAX):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ticketing.payments.sandbox",
            "--folder", str(settings.data_dir / "sandbox"), "--parent-pid", str(os.getpid()),
            "--webhook-url", webhook_url, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode().strip()
        if line.startswith(READY):
            return process, line.removeprefix(READY)
        _, errors = await process.communicate()
        why = errors.decode().strip().rpartition("\n")[2]
        await asyncio.sleep(PAUSE_SECONDS)
    raise SandboxError(f"the payment sandbox does not start: {why}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
