"""The file: a zip, whose members are checked by their CRC-32 and whose directory comes last."""

import os
import secrets
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ticketing import durable_file

__all__ = ["DATABASE", "DATA_KEYS", "SANDBOX", "Backup", "BackupError", "Manifest", "opened",
           "written"]  # fmt: skip

DATABASE: Final = "database.dump"
DATA_KEYS: Final = "keys/data"
SANDBOX: Final = "sandbox/sandbox.jsonl"
_MANIFEST: Final = "manifest.json"

# Raised when a file can no longer be read as the ones before.
FORMAT: Final = 1

SEALED: Final = "ticketing"
"""What is sealed in the manifest: whoever opens it has the keys to the rest."""


class BackupError(Exception):
    """A backup cannot be made or restored; the message is one line that says why."""


class Migration(msgspec.Struct, frozen=True):
    """A step that the database had seen."""

    number: int
    name: str
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, as of the instant that it shows."""

    format: int = FORMAT
    made_at: datetime
    release: str
    server_version: int
    """PostgreSQL's, as a number: 180006."""
    migrations: tuple[Migration, ...]
    rows: dict[str, int]
    """How many rows each table has."""
    sealed: str

    def told(self) -> str:
        """What it is of, in words."""
        return f"{sum(self.rows.values()):,} rows as of {self.made_at:%Y-%m-%d %H:%M:%S} UTC"


class Backup(NamedTuple):
    """A file that is whole, open for reading."""

    archive: zipfile.ZipFile
    manifest: Manifest

    def text(self, member: str) -> str | None:
        """A small member; None if it is not there."""
        if member not in self.archive.namelist():
            return None
        return self.archive.read(member).decode()


@contextmanager
def written(path: Path) -> Iterator[zipfile.ZipFile]:
    """A file to fill: it gets its name when all is in it and on the disk, or is removed.

    Raises:
        BackupError: there is a file of that name; it is left as it is.

    """
    _refuse_if_there(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # What is in it is compressed already.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                yield archive
            file.flush()
            os.fsync(file.fileno())
        _refuse_if_there(path)
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    durable_file.sync_folder(path.parent)


def sign_off(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Write the manifest, as the last member: now the backup is complete."""
    archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))


@contextmanager
def opened(path: Path) -> Iterator[Backup]:
    """A backup for reading; all of it has been read once, and is as it was written.

    Raises:
        BackupError: it is not a backup, not whole, or of a newer release.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (broken := archive.testzip()) is not None:
                raise BackupError(f"{path}: {broken} is damaged")
            yield Backup(archive, _manifest(path, archive))
    except zipfile.BadZipFile as problem:
        raise BackupError(f"{path}: not a backup, or cut off or damaged ({problem})") from None


def _manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    if not {_MANIFEST, DATABASE} <= set(archive.namelist()):
        raise BackupError(f"{path}: not a backup, or not a whole one")
    text = archive.read(_MANIFEST)
    try:
        made_with = msgspec.json.decode(text, type=dict[str, object]).get("format")
        if made_with != FORMAT:
            raise BackupError(
                f"{path}: expected a backup of format {FORMAT}, got {made_with}: of a newer release"
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as problem:
        raise BackupError(f"{path}: its manifest cannot be read: {problem}") from None


def _refuse_if_there(path: Path) -> None:
    if path.exists():
        raise BackupError(f"{path} is there already; a backup never overwrites a file")
