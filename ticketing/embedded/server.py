"""One PostgreSQL server process: making its cluster, starting, asking, stopping, outliving a crash.

Who may call what is decided in `ticketing.embedded`: everything here except `probe` is for the one
process that holds the owner's lock.

A pid file proves nothing: after a reboot or in a container its number may belong to anybody. So a
number counts only if that process is a server of this cluster by its own command line, and a server
counts as ready only if it answers a handshake and names this cluster as its own. PostgreSQL itself
refuses to start beside living remains of a predecessor (it looks at the shared memory that belongs
to the cluster); we wait for those to go and try again.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Self

import asyncpg

from ticketing import durable_file
from ticketing.embedded.binaries import EmbeddedPostgresError
from ticketing.embedded.home import DATABASE, PORT, ROLE, Home, Tools

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",  # The socket alone.
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "50",  # A process uses about ten; several processes and commands fit.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",  # So that pg_basebackup works.
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",  # There are no spinning disks any more.
    "jit": "off",  # Our queries are short; compiling them takes longer than running them.
    "autovacuum_naptime": "15s",  # The inbox is a queue: many rows die young.
    "log_checkpoints": "off",  # Every five minutes a line that nobody needs on one machine.
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}  # No secrets of ours in there.
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_LOG_BYTES_MAX = 10_000_000  # A log beyond this is set aside once, at a start.
_POLL_SECONDS = 0.02  # A start takes about 80 ms.
_PROBE_SECONDS = 5.0  # A server that does not answer a handshake for so long is asked again.
_REPORT_SECONDS = 5.0  # How often somebody who waits is told what for.
_PREDECESSOR_SECONDS = 60.0  # The remains of a killed server leave within a second.
_FAST_STOP_SECONDS = 60.0  # A fast stop writes what is in memory to disk: 128 MB at most.
_PREDECESSOR_WORDS = ("already exists", "is still in use", "already in use")


class Answer(Enum):
    """What is found at a home's socket."""

    READY = "a server of this cluster, which takes connections"
    BUSY = "a server that starts, recovers or stops"
    NONE = "no server of this cluster"


class Report:
    """Tells somebody who waits, every few seconds, what for."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._started = self._last = asyncio.get_running_loop().time()

    @property
    def seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._started

    async def pause(self, waiting_for: str, detail: Callable[[], str] = str) -> None:
        """Waits for the moment between two looks."""
        await asyncio.sleep(_POLL_SECONDS)
        now = asyncio.get_running_loop().time()
        if now - self._last >= _REPORT_SECONDS:
            self._last = now
            self._log(f"waiting for {waiting_for} ({self.seconds:.0f} s) {detail()}".rstrip())


async def probe(home: Home) -> Answer:
    """Asks at the socket, with a real handshake.

    Raises:
        EmbeddedPostgresError: the socket is another user's.
    """
    try:
        connection = await asyncpg.connect(home.dsn("postgres"), timeout=_PROBE_SECONDS)
    except PermissionError:
        raise EmbeddedPostgresError(f"the database in {home.folder} is another user's") from None
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return Answer.NONE
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Answer.BUSY  # TimeoutError is an OSError, "the database system is ..." the second.
    try:
        folder = await connection.fetchval("show data_directory", timeout=_PROBE_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return Answer.BUSY
    finally:
        connection.terminate()
    return Answer.READY if _is_cluster(Path(folder), home) else Answer.NONE


def _is_cluster(folder: Path, home: Home) -> bool:
    return folder.resolve() == home.cluster.resolve()


async def initialise(home: Home, tools: Tools, *, durable: bool) -> None:
    """Creates the cluster unless it exists; a creation that was cut short leaves none.

    Raises:
        EmbeddedPostgresError: `initdb` failed; the message has its last line.
    """
    if home.cluster.exists():
        return
    draft = home.folder / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    tools.own(draft)
    arguments = [
        f"--pgdata={draft}", f"--username={ROLE}", "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums", "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]  # fmt: skip
    with home.log_file.open("ab") as log_file:
        start = log_file.tell()
        process = _spawn(tools, "initdb", arguments, log_file.fileno())
        code = await _ended(process)
    if code != 0:
        raise EmbeddedPostgresError(f"initdb failed: {_last_line(home.log_file, start)}")
    draft.rename(home.cluster)
    durable_file.sync_folder(home.folder)


async def retire_predecessor(home: Home, log: Callable[[str], None]) -> None:
    """Ends a server whose owner is gone, and removes the pid file of one that is gone itself.

    On Linux the kernel has told it to stop already, and this only waits.

    Raises:
        EmbeddedPostgresError: it does not go.
    """
    pid_file = home.cluster / "postmaster.pid"
    pid = _server_pid(pid_file, home)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        report = Report(log)
        while _is_server(pid, home):
            if report.seconds > _FAST_STOP_SECONDS:
                raise EmbeddedPostgresError(f"the former server, process {pid}, does not stop")
            await report.pause(f"the former server, process {pid}, to stop")
    pid_file.unlink(missing_ok=True)


class Server:
    """A server that this process started. `stop` must be awaited; it may be called twice."""

    def __init__(self, home: Home, process: subprocess.Popen[bytes], log_start: int) -> None:
        self._home = home
        self._process = process
        self._log_start = log_start

    @classmethod
    def spawn(cls, home: Home, tools: Tools, settings: Mapping[str, str]) -> Self:
        """Starts the process; it is not ready yet."""
        merged = {**SETTINGS, "unix_socket_directories": str(home.sockets), **settings}
        arguments = ["-D", str(home.cluster)]
        arguments += [part for name, value in merged.items() for part in ("-c", f"{name}={value}")]
        if home.log_file.exists() and home.log_file.stat().st_size > _LOG_BYTES_MAX:
            home.log_file.replace(home.log_file.with_suffix(".log.1"))
        with home.log_file.open("ab") as log_file:
            log_start = log_file.tell()
            process = _spawn(tools, "postgres", arguments, log_file.fileno())
        tools.own(home.log_file)
        return cls(home, process, log_start)

    def running(self) -> bool:
        return self._process.poll() is None

    def last_words(self, kind: str = "") -> str:
        """The last line that it logged, if possible one of the kind, such as FATAL."""
        return _last_line(self._home.log_file, self._log_start, kind)

    async def becomes_ready(self, log: Callable[[str], None]) -> bool:
        """Waits until the server takes connections (true) or has ended (false)."""
        report = Report(log)
        while self.running():
            if await probe(self._home) is Answer.READY:
                return True
            await report.pause("PostgreSQL to start", self.last_words)
        return False

    async def stop(self, log: Callable[[str], None]) -> None:
        """Stops the server: politely, then without ceremony (the next start recovers)."""
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self._process.send_signal(number)  # Does nothing to a process that has ended.
            report = Report(log)
            while report.seconds < _FAST_STOP_SECONDS:
                if not self.running():
                    return
                await report.pause("PostgreSQL to stop")


async def start(
    home: Home, tools: Tools, settings: Mapping[str, str], log: Callable[[str], None]
) -> Server:
    """Starts the server and returns when it takes connections, however long recovery takes.

    Raises:
        EmbeddedPostgresError: it ended instead; the message has the last line of its log.
    """
    report = Report(log)
    while True:
        await retire_predecessor(home, log)
        server = Server.spawn(home, tools, settings)
        try:
            if await server.becomes_ready(log):
                await _create_database(home)
                return server
        except BaseException:
            await server.stop(log)
            raise
        problem = server.last_words("FATAL")
        remains = any(words in problem for words in _PREDECESSOR_WORDS)
        if not remains or report.seconds > _PREDECESSOR_SECONDS:
            raise EmbeddedPostgresError(
                f"PostgreSQL did not start: {problem} (more in {home.log_file})"
            )
        await report.pause("the remains of the former server to go")


def _spawn(
    tools: Tools, program: str, arguments: list[str], log_descriptor: int
) -> subprocess.Popen[bytes]:
    """Starts a program that ends when we do, in a session of its own.

    Without one, a Ctrl-C in the terminal would stop the database before we have drained.
    """
    if threading.current_thread() is not threading.main_thread():
        # The kernel watches the thread that starts a process, not the process.
        raise RuntimeError("the embedded PostgreSQL is started from the main thread only")
    account = tools.account
    who = ("-", "-") if account is None else (str(account.uid), str(account.gid))
    watch = (str(os.getpid()), str(int(signal.SIGINT)))
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), *watch, *who]
    return subprocess.Popen(  # noqa: S603 - our own command line
        [*launcher, str(tools.binaries / program), *arguments],
        env=_ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=log_descriptor,
        stderr=log_descriptor,
        start_new_session=True,
    )


async def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that ends by itself; it is killed if nobody waits any more."""
    try:
        while (code := process.poll()) is None:  # noqa: ASYNC110 - a process is no event
            await asyncio.sleep(_POLL_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return code


async def _create_database(home: Home) -> None:
    connection = await asyncpg.connect(home.dsn("postgres"))
    try:
        query = "select exists (select from pg_database where datname = $1)"
        if not await connection.fetchval(query, DATABASE):
            await connection.execute(f"create database {DATABASE}")
    finally:
        await connection.close()


def _server_pid(pid_file: Path, home: Home) -> int | None:
    try:
        first_line = pid_file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0]
    except FileNotFoundError:
        return None
    pid = int(first_line) if first_line.strip().isdigit() else 0
    return pid if pid > 1 and _is_server(pid, home) else None


def _is_server(pid: int, home: Home) -> bool:
    """Whether a process is a server of this cluster, by the command line that it was started with.

    `/proc/PID/cmdline` is readable for everybody, also in a container, and empty for the dead.
    """
    if sys.platform == "linux":
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        is_postgres = os.path.basename(words[0]) == b"postgres"  # noqa: PTH119 - bytes
        return is_postgres and os.fsencode(home.cluster) in words
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return "/postgres -D " in shown.stdout and f" {home.cluster} " in shown.stdout


def _last_line(log_file: Path, start: int, word: str = "") -> str:
    """The last line that a server logged since it was started, if possible one with the word."""
    with log_file.open("rb") as file:
        file.seek(max(start, log_file.stat().st_size - 100_000))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    lines = [line for line in lines if line] or ["(it logged nothing)"]
    return next((line for line in reversed(lines) if word in line), lines[-1])
