"""Small files that are there whole or not at all, also after a power cut."""

import os
import secrets
from pathlib import Path


def create(path: Path, text: str) -> None:
    """Creates a file that only its owner may read.

    Raises:
        FileExistsError: there is one, maybe since a moment ago; it is left as it is.
    """
    draft = _draft(path, text)
    try:
        # A link, unlike a rename, fails when the name is taken: the first one wins.
        os.link(draft, path)
    finally:
        draft.unlink()
    sync_folder(path.parent)


def replace(path: Path, text: str) -> None:
    """Puts a file in the place of the former one, if there is one."""
    draft = _draft(path, text)
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes new and removed names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    draft.touch(mode=0o600, exist_ok=False)
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
