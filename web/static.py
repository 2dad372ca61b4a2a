"""The browser's files, in `web/client/`: read once, served from memory.

    /client/<release>/docs.css

The release is a hash of all of them, so that a browser keeps what it has for good and a new release
has new addresses; files may name each other relatively. Whoever asks for another release gets the
file as it is now, and is told to ask again next time: while a new release is rolled out, a page of
one process may well ask another.

Our own scripts and styles are sent without the lines that only comment: a fifth less to wait for.
Each line stays where it is, so that what a browser complains about is found.

Only what was found at the start can be asked for: no path from outside ever reaches the disk.
"""

import asyncio
import gzip
import re
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from actors import NotFoundError

__all__ = ["CLIENT", "FOLDER", "File", "Files", "accepts_gzip", "add_files", "has"]

CLIENT: Final = Path(__file__).parent / "client"

FOLDER: Final = "/client/"
"""Under which address all files are."""

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    "": "text/plain; charset=utf-8",  # LICENSE, NOTICE
}
"""What is served, by suffix. Pages are not: each has a route of its own."""

_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"

_COMPRESSED_FROM_BYTES: Final = 1_024  # Less fits into a packet or two as it is.
_GZIP: Final = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)

_VENDORED: Final = "vendor"
"""What others made is sent as they published it."""

_COMMENTS: Final = re.compile(r"^[ \t]*(?://[^\n]*|/\*(?:(?!\*/)[\s\S])*\*/[ \t]*)$", re.MULTILINE)
_COMMENTED: Final = frozenset({".css", ".js"})

_TAG_CHARACTERS: Final = 20  # 80 bits: no two files of ours will ever share them.


@dataclass(slots=True)
class File:
    """One file as it is sent."""

    media_type: str
    body: bytes
    tag: str
    _compressed: bytes | None = field(default=None, repr=False)

    async def compressed(self) -> bytes:
        """The body in gzip; made once, aside: the largest takes a tenth of a second."""
        if self._compressed is None:
            self._compressed = await asyncio.to_thread(Files.compress, self.body)
        return self._compressed


class Files:
    """All files of a folder, by their path in it."""

    def __init__(self, folder: Path) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): _read(path, folder)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _MEDIA_TYPES
        }
        self._pages = {
            path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")
        }
        names = "".join(f"{name}={file.tag}\n" for name, file in self._files.items())
        self.release = _tag(names.encode())

    @classmethod
    @cache
    def of_client(cls) -> "Files":
        """Those of `web/client/`, as they were when the process first asked."""
        return cls(CLIENT)

    def page(self, name: str) -> str:
        """The page *name*, with `{files}` in it being where the files are."""
        return self._pages[name].replace("{files}", f"{FOLDER}{self.release}")

    def address(self, path: str) -> str:
        """Where browsers find the file *path*, for good."""
        assert path in self._files, f"there is no {path}"
        return f"{FOLDER}{self.release}/{path}"

    def text(self, path: str) -> str:
        """What is in the file *path*."""
        return self._files[path].body.decode()

    @staticmethod
    def compress(body: bytes) -> bytes:
        """*body* in gzip, the same at every start."""
        return gzip.compress(body, mtime=0)

    async def answer(self, request: web.Request) -> web.Response:
        """The file that the path names.

        Raises:
            NotFoundError: there is none.

        """
        file = self._files.get(request.match_info["path"])
        if file is None:
            raise NotFoundError
        is_current = request.match_info["release"] == self.release
        headers = {
            hdrs.CACHE_CONTROL: _FOR_GOOD if is_current else _ASK_AGAIN,
            hdrs.ETAG: f'W/"{file.tag}"',  # Weak: the same file, compressed or not.
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
        }
        if has(request, file.tag):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = file.media_type
        body = file.body
        if len(body) >= _COMPRESSED_FROM_BYTES and accepts_gzip(request):
            body = await file.compressed()
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, headers=headers)


def add_files(app: web.Application) -> None:
    """Let *app* serve the files. They are no part of the interface that `Route`s describe."""
    app.router.add_get(f"{FOLDER}{{release}}/{{path:.+}}", Files.of_client().answer)


def _read(path: Path, folder: Path) -> File:
    body = path.read_bytes()
    if path.suffix in _COMMENTED and path.relative_to(folder).parts[0] != _VENDORED:
        body = _without_comments(body.decode()).encode()
    return File(media_type=_MEDIA_TYPES[path.suffix], body=body, tag=_tag(body))


def _without_comments(text: str) -> str:
    """*text* with whole lines of comment emptied."""
    return _COMMENTS.sub(lambda comment: "\n" * comment[0].count("\n"), text)


def _tag(content: bytes) -> str:
    return sha256(content).hexdigest()[:_TAG_CHARACTERS]


def accepts_gzip(request: web.Request) -> bool:
    """Whether the browser takes it compressed."""
    return _GZIP.search(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))) is not None


def has(request: web.Request, tag: str) -> bool:
    """Whether the browser has it already."""
    return any(each.value in {tag, "*"} for each in request.if_none_match or ())
