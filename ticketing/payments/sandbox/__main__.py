"""`python -m ticketing.payments.sandbox --folder F --port P`: the sandbox alone.

Prints one line, `sandbox ready http://127.0.0.1:PORT`, when it accepts requests; SIGTERM and
SIGINT end it with 0; with `--parent-pid` so does the end of that process.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ticketing import event_loop
from ticketing.payments.sandbox.books import BooksError
from ticketing.payments.sandbox.server import LiveKeyError, parent_gone, running_sandbox

__all__ = ["main", "serve"]


async def serve(folder: Path, *, port: int = 0, parent_pid: int | None = None) -> None:
    """Run until a signal comes, or until *parent_pid* has ended.

    Raises:
        LiveKeyError, BooksError, OSError: see `running_sandbox`.

    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_sandbox(folder, port=port) as base_url:
        sys.stdout.write(f"sandbox ready {base_url}\n")
        sys.stdout.flush()
        if parent_pid is None:
            await stop.wait()
        else:
            await _first(stop, parent_pid)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. 0 after a clean stop, 2 and one line if it cannot start."""
    parser = argparse.ArgumentParser(prog="ticketing sandbox", description="The payment sandbox.")
    parser.add_argument("--folder", type=Path, required=True, help="where its books are kept")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--parent-pid", type=int, help="end when this process ends")
    given = parser.parse_args(arguments)
    try:
        event_loop.run(serve(given.folder, port=given.port, parent_pid=given.parent_pid))
    except (LiveKeyError, BooksError, OSError) as error:
        sys.stderr.write(f"sandbox: {error}\n")
        return 2
    return 0


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
