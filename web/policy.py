"""The Content Security Policy: what a page of ours may load, run and talk to.

Strict: our own files, and nothing written into a page but what is named by its hash. There is no
`unsafe-*` in it; styles are set by classes and through the CSSOM.
"""

from collections.abc import Iterable
from typing import Final

__all__ = ["HEADER", "content_security_policy"]

HEADER: Final = "Content-Security-Policy"


def content_security_policy(
    *, scripts: Iterable[str] = (), frames: Iterable[str] = (), connects: Iterable[str] = ()
) -> str:
    """The policy, with more *scripts* (hashes or origins), *frames* and *connects* than our own.

    'self' covers the WebSocket of our own host, too (CSP 3, section 6.7.2.8).
    """
    parts = [
        "default-src 'none'",
        _listed("script-src 'self'", scripts),
        "style-src 'self'",
        "img-src 'self' data:",
        _listed("connect-src 'self'", connects),
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    ]
    if allowed := _listed("", frames):
        parts.append(f"frame-src{allowed}")
    return "; ".join(parts)


def _listed(directive: str, more: Iterable[str]) -> str:
    return "".join([directive, *(f" {source}" for source in more)])
