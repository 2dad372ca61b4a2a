"""The load generator: wrk, which is fast enough to leave the machine to what is measured."""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CONNECTIONS", "THREADS", "NoGeneratorError", "Result", "drive"]

CONNECTIONS = 64
THREADS = 2

SCRIPT = Path(__file__).with_name("orders.lua")


class NoGeneratorError(Exception):
    """wrk is not installed: `apt-get install wrk`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run; latencies in milliseconds."""

    per_second: float
    p50: float
    p99: float
    bad: int


async def drive(url: str, lines: list[str], folder: Path, seconds: int, *, one: bool) -> Result:
    """Send purchases to *url* for *seconds*; *lines* are "token ticket", one a purchase."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise NoGeneratorError(NoGeneratorError.__doc__)
    for thread in range(THREADS):
        part = folder / f"load.{thread}"
        part.write_text("".join(f"{line}\n" for line in lines[thread::THREADS]))
    environment = {**os.environ, "LOAD": str(folder / "load"), **({"ONE": "1"} if one else {})}
    process = await asyncio.create_subprocess_exec(
        wrk, "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "10s",
        "-s", str(SCRIPT), url, env=environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    line = next(line for line in printed.decode().splitlines() if line.startswith("RESULT"))
    requests, duration, bad, p50, p99 = (int(word) for word in line.split()[1:])
    return Result(per_second=requests / (duration / 1e6), p50=p50 / 1000, p99=p99 / 1000, bad=bad)
