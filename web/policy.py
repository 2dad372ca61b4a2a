"""The Content Security Policy: what a page of ours may load, run and talk to.

Strict: our own files, and nothing written into a page but what is named by its hash. There is no
`unsafe-*` in it; styles are set by classes and through the CSSOM. The page that takes payments, and
no other, adds the payment provider to it (`web.provider`).
"""

from collections.abc import Iterable
from typing import Final

from web.provider import Provider

__all__ = ["HEADER", "OPENER", "PERMISSIONS", "content_security_policy", "permissions"]

HEADER: Final = "Content-Security-Policy"
OPENER: Final = "Cross-Origin-Opener-Policy"
PERMISSIONS: Final = "Permissions-Policy"

_NOBODYS: Final = "camera=(), geolocation=(), microphone=()"


def content_security_policy(
    *, scripts: Iterable[str] = (), provider: Provider | None = None
) -> str:
    """The policy, with more *scripts* (hashes), and what the payment *provider* needs.

    'self' covers the WebSocket of our own host, too (CSP 3, section 6.7.2.8).
    """
    parts = [
        "default-src 'none'",
        _listed("script-src 'self'", scripts, provider.scripts if provider else ()),
        "style-src 'self'",
        _listed("img-src 'self' data:", provider.images if provider else ()),
        _listed("connect-src 'self'", provider.connects if provider else ()),
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    ]
    if provider is not None:
        parts.append(_listed("frame-src", provider.frames))
    return "; ".join(parts)


def permissions(provider: Provider | None = None) -> str:
    """What the browser may be asked for: nothing, or to pay where *provider* takes payments."""
    payers = "" if provider is None else f'self "{provider.asks_to_pay}"'
    return f"{_NOBODYS}, payment=({payers})"


def _listed(directive: str, *more: Iterable[str]) -> str:
    return "".join([directive, *(f" {source}" for sources in more for source in sources)])
