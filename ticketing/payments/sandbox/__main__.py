"""`ticketing sandbox`, or `python -m ticketing.payments.sandbox`: the sandbox alone.

Prints one line, `sandbox ready http://127.0.0.1:PORT`, when it accepts requests; SIGTERM and
SIGINT end it with 0; with `--parent-pid` so does the end of that process. The secret of the webhook
endpoint comes from the environment, where no list of processes shows it.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ticketing import event_loop
from ticketing.payments.sandbox.books import BooksError
from ticketing.payments.sandbox.server import HOST, LiveKeyError, parent_gone, running_sandbox
from ticketing.payments.sandbox.webhooks import Webhooks

__all__ = ["main", "parser", "serve"]

SECRET_NAME: Final = "SANDBOX_WEBHOOK_SECRET"  # noqa: S105 - the name of one


async def serve(
    folder: Path,
    *,
    host: str = HOST,
    port: int = 0,
    webhooks: Webhooks | None = None,
    parent_pid: int | None = None,
) -> None:
    """Run until a signal comes, or until *parent_pid* has ended.

    Raises:
        LiveKeyError, BooksError, OSError: see `running_sandbox`.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_sandbox(folder, host=host, port=port, webhooks=webhooks) as base_url:
        sys.stdout.write(f"sandbox ready {base_url}\n")
        sys.stdout.flush()
        if parent_pid is None:
            await stop.wait()
        else:
            await _first(stop, parent_pid)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. 0 after a clean stop, 2 and one line if it cannot start."""
    given = parser(os.environ).parse_args(arguments)
    try:
        webhooks = _webhooks(given.webhook_url, os.environ)
        event_loop.run(
            serve(
                given.folder,
                host=given.host,
                port=given.port,
                webhooks=webhooks,
                parent_pid=given.parent_pid,
            )
        )
    except (LiveKeyError, BooksError, ValueError, OSError) as error:
        # What the system says has its number in front; the words after it are for people.
        told = error.strerror if isinstance(error, OSError) and error.strerror else error
        sys.stderr.write(f"sandbox: {told}\n")
        return 2
    return 0


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """What the command takes; the default folder follows the server's settings."""
    # Beside what the server keeps, and where the server's own sandbox has its books.
    data = Path(environment.get("TICKETING_DATA_DIR", "").strip() or "var")
    parser = argparse.ArgumentParser(prog="ticketing sandbox", description="The payment sandbox.")
    parser.add_argument(
        "--folder",
        type=Path,
        default=data / "sandbox",
        help="where its books are kept (default: %(default)s)",
    )
    parser.add_argument("--host", default=HOST, help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument(
        "--webhook-url", help=f"where events are sent, signed with the secret in {SECRET_NAME}"
    )
    parser.add_argument("--parent-pid", type=int, help="end when this process ends")
    return parser


def _webhooks(url: str | None, environment: Mapping[str, str]) -> Webhooks | None:
    if url is None:
        return None
    secret = environment.get(SECRET_NAME, "")
    if not secret.strip():
        raise ValueError(f"{SECRET_NAME}: expected the secret of the webhook endpoint, got none")
    return Webhooks(url=url, secret=secret)


async def _first(stop: asyncio.Event, parent_pid: int) -> None:
    async def watch() -> None:
        await parent_gone(parent_pid)
        stop.set()

    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch())
        await stop.wait()
        watching.cancel()


if __name__ == "__main__":
    sys.exit(main())
