"""Where the embedded PostgreSQL lives and who runs it.

Normally everything is in the data directory: the database in `postgres/`, its socket in `run/`, its
log in `postgres.log`. Two things can be in the way, and `settle` then chooses another place and
records it in `postgres.json`, so that every later process finds the same one:

- The name of a UNIX socket may be about 100 bytes long, and the data directory's is longer: the
  socket moves to a private folder of a short name among the temporary files.
- PostgreSQL refuses to run as root. As root we run it as the owner of the data directory or, when
  that is root, as `nobody`: the one unprivileged account that every system has, so that no account
  has to be made. Where that account cannot reach the data directory (a clone in /root), database
  and socket live in a folder of their own below /var/lib; where it cannot run the programs, they
  are copied beside the database. No existing folder's mode is ever changed.

The socket's folder can be entered by its owner (and root) alone; that is what protects the
database, which itself trusts whoever reaches the socket.
"""

import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ticketing import durable_file
from ticketing.embedded import binaries as programs
from ticketing.embedded.binaries import EmbeddedPostgresError

PORT = 5432  # Only part of the socket's name: nothing listens on the network.
ROLE = "ticketing"
DATABASE = "ticketing"

_SOCKET_PATH_MAX = 100  # Bytes. Linux allows 107 and macOS 103; we stay clear of both.
_RECORD = "postgres.json"
_UNPRIVILEGED = "nobody"
_ELSEWHERE = Path("/var/lib")


@dataclass(frozen=True)
class Account:
    """The account that runs the server when that is not our own."""

    name: str
    uid: int
    gid: int

    def can(self, *command: str | Path) -> bool:
        """Whether a command succeeds as this account: the only honest test of what it may reach."""
        result = subprocess.run(  # noqa: S603 - our own command lines
            command, user=self.uid, group=self.gid, extra_groups=[], cwd="/", env={},
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        return result.returncode == 0


@dataclass(frozen=True)
class Home:
    """The places of one embedded server. All paths are absolute and free of symbolic links."""

    folder: Path
    sockets: Path
    log_file: Path

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "postgres"

    def dsn(self, database: str = DATABASE) -> str:
        return (
            f"postgresql://{ROLE}@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"
        )


@dataclass(frozen=True)
class Tools:
    """What it takes to run a server: the programs, and the account if it is not our own."""

    binaries: Path
    account: Account | None

    def own(self, path: Path) -> None:
        """Hands a file or folder to the account that runs the server."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)


def look_up(data_dir: Path) -> Home:
    """The home as it was settled last; for those who only want to find a running server."""
    data_dir = data_dir.resolve()
    record = _read_record(data_dir)
    folder = Path(record["folder"]) if "folder" in record else data_dir
    sockets = Path(record["sockets"]) if "sockets" in record else folder / "run"
    return Home(folder=folder, sockets=sockets, log_file=data_dir / "postgres.log")


def settle(data_dir: Path, binaries: Path | None, log: Callable[[str], None]) -> tuple[Home, Tools]:
    """Decides on all places, creates and records them. Blocks; only for the owner of the server.

    Raises:
        EmbeddedPostgresError: there is no place, or no account, that would do.
    """
    data_dir = data_dir.resolve()
    record = _read_record(data_dir)
    account = _account(data_dir, record) if os.geteuid() == 0 else None
    folder = _settle_folder(data_dir, record, account, log)
    tools = Tools(_settle_binaries(folder, binaries, account, log), account)
    sockets = _settle_sockets(folder, record, tools)
    home = Home(folder=folder, sockets=sockets, log_file=data_dir / "postgres.log")
    _write_record(data_dir, home)
    return home, tools


def _account(data_dir: Path, record: dict[str, str]) -> Account:
    """Who runs the server when we are root: the owner of what is there, else nobody."""
    cluster = Path(record.get("folder", data_dir)) / "postgres"
    for path in (cluster, data_dir):
        uid = path.stat().st_uid if path.exists() else 0
        if uid != 0:
            try:
                entry = pwd.getpwuid(uid)
            except KeyError:
                continue  # initdb wants an account with a name.
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    try:
        entry = pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        raise EmbeddedPostgresError(
            f"PostgreSQL does not run as root, and there is no account {_UNPRIVILEGED!r};"
            " start ticketing as another user, or set DATABASE_URL"
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _settle_folder(
    data_dir: Path, record: dict[str, str], account: Account | None, log: Callable[[str], None]
) -> Path:
    if "folder" in record:
        folder = Path(record["folder"])
        if not os.access(folder, os.X_OK):
            raise EmbeddedPostgresError(
                f"the database of {data_dir} is in {folder}, which is missing or another user's"
            )
        return folder
    if account is None or _reaches(account, data_dir):
        return data_dir
    if (data_dir / "postgres").exists():
        raise EmbeddedPostgresError(
            f"the account {account.name!r}, which owns the database, can no longer reach"
            f" {data_dir}; move the folder to where it can, or start ticketing as that account"
        )
    # The name is new each time: after the data directory was removed, an old database that was
    # encrypted with keys that are gone must not be found again.
    folder = _ELSEWHERE / f"ticketing-{secrets.token_hex(4)}"
    folder.mkdir()
    folder.chmod(0o755)
    log(f"{account.name!r} cannot reach {data_dir}; the database lives in {folder}")
    return folder


def _reaches(account: Account, folder: Path) -> bool:
    return account.can("/bin/sh", "-c", 'test -x "$0"', folder)


def _settle_binaries(
    folder: Path, chosen: Path | None, account: Account | None, log: Callable[[str], None]
) -> Path:
    binaries = programs.find(chosen)
    if account is None or _runs(account, binaries):
        return binaries
    if chosen is None:
        copy = programs.copy_to(folder, log)
        if _runs(account, copy):
            return copy
    raise EmbeddedPostgresError(f"the account {account.name!r} cannot run {binaries / 'postgres'}")


def _runs(account: Account, binaries: Path) -> bool:
    try:
        # The second needs a library that comes with the programs, the first does not.
        return all(account.can(binaries / name, "--version") for name in ("postgres", "initdb"))
    except PermissionError:
        return False


def _settle_sockets(folder: Path, record: dict[str, str], tools: Tools) -> Path:
    uid = os.geteuid() if tools.account is None else tools.account.uid
    usual = folder / "run"
    if _fits(usual):
        usual.mkdir(mode=0o700, exist_ok=True)
        tools.own(usual)
        usual.chmod(0o700)
        return usual
    if "sockets" in record and _is_private(Path(record["sockets"]), uid):
        return Path(record["sockets"])
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes a private folder
        sockets = Path(tempfile.mkdtemp(prefix="ticketing-", dir=parent)).resolve()
        if _fits(sockets):
            tools.own(sockets)
            return sockets
        sockets.rmdir()
    raise EmbeddedPostgresError(f"no folder of a short enough name for the socket of {folder}")


def _fits(sockets: Path) -> bool:
    # A comma separates folders, for PostgreSQL and in addresses.
    length = len(os.fsencode(sockets / f".s.PGSQL.{PORT}"))
    return length < _SOCKET_PATH_MAX and not {",", '"'} & set(str(sockets))


def _is_private(folder: Path, uid: int) -> bool:
    """Whether a recorded temporary folder is still ours: anybody can make one of that name."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    mode = stat.S_IMODE(status.st_mode)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and mode == stat.S_IRWXU


def _read_record(data_dir: Path) -> dict[str, str]:
    """What is elsewhere: `folder`, `sockets`, or nothing."""
    try:
        record = json.loads((data_dir / _RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {str(key): str(value) for key, value in record.items()}


def _write_record(data_dir: Path, home: Home) -> None:
    """Only what is elsewhere is written: a data directory that moves takes the rest along."""
    record = {}
    if home.folder != data_dir:
        record["folder"] = str(home.folder)
    if home.sockets != home.folder / "run":
        record["sockets"] = str(home.sockets)
    if record == _read_record(data_dir):
        return
    durable_file.replace(data_dir / _RECORD, json.dumps(record))


def remove(home: Home) -> None:
    """Removes what lies outside the data directory, of a stopped server that was a passing one."""
    if home.folder.parent == _ELSEWHERE:
        shutil.rmtree(home.folder)
    if home.sockets.parent != home.folder:
        shutil.rmtree(home.sockets, ignore_errors=True)
