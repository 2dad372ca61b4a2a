"""The load generator: wrk, which is fast enough to leave the machine to what is measured.

Where it is not installed (`apt-get install wrk`) a slower one in Python takes its place.
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["CONNECTIONS", "Result", "drive"]

CONNECTIONS = 64
THREADS = 2
ROUNDS_ONE = 50

SCRIPT = Path(__file__).with_name("orders.lua")


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
        printed = await _python(url, lines, seconds, one=one)
    else:
        printed = await _wrk(wrk, url, lines, folder, seconds, one=one)
    line = next(line for line in printed.decode().splitlines() if line.startswith("RESULT"))
    requests, duration, bad, p50, p99 = (int(word) for word in line.split()[1:])
    return Result(per_second=requests / (duration / 1e6), p50=p50 / 1000, p99=p99 / 1000, bad=bad)


async def _wrk(
    wrk: str, url: str, lines: list[str], folder: Path, seconds: int, *, one: bool
) -> bytes:
    for thread in range(THREADS):
        part = folder / f"load.{thread}"
        part.write_text("".join(f"{line}\n" for line in lines[thread::THREADS]))
    environment = {**os.environ, "LOAD": str(folder / "load"), **({"ONE": "1"} if one else {})}
    process = await asyncio.create_subprocess_exec(
        wrk, "-t", str(THREADS), "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", "10s",
        "-s", str(SCRIPT), url, env=environment, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, _ = await process.communicate()
    return printed


async def _python(url: str, lines: list[str], seconds: int, *, one: bool) -> bytes:
    at = urlsplit(url)
    # Of those who want one ticket somebody gets it, and is told so again when asking again.
    wanted = ("409", "201", "200") if one else ("201",)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load_python",
        str(at.hostname), str(at.port), str(seconds), str(CONNECTIONS), *wanted,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    # One ticket is wanted again and again: so many that they last.
    said = lines * (ROUNDS_ONE if one else 1)
    printed, _ = await process.communicate("".join(f"{line}\n" for line in said).encode())
    return printed
