"""WebSocket frames (RFC 6455, section 5.2) as bytes, for the transport itself.

aiohttp frames each message for each socket. An update goes to thousands as the same bytes, and the
frames of several topics go out as one write; so they are built here, once. A server does not mask,
and nothing here is compressed: `/ws` never negotiates that.
"""

import struct
from typing import Final

__all__ = ["CLOSE_REASON_BYTES_MAX", "close", "pong", "text"]

_FINAL: Final = 0x80
_TEXT, _CLOSE, _PONG = 0x1, 0x8, 0xA

_SHORT_MAX: Final = 125  # Longer payloads have their length in two or in eight bytes more.
_MEDIUM_MAX: Final = 0xFFFF
_MEDIUM, _LONG = 126, 127

CLOSE_REASON_BYTES_MAX: Final = _SHORT_MAX - 2
"""A control frame carries 125 bytes, two of which are the code."""


def text(payload: bytes) -> bytes:
    """A whole text message; *payload* is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def close(code: int, reason: str = "") -> bytes:
    payload = struct.pack("!H", code) + reason.encode()[:CLOSE_REASON_BYTES_MAX]
    return _head(_CLOSE, len(payload)) + payload


def pong(payload: bytes) -> bytes:
    """The answer to a ping that carried *payload*."""
    return _head(_PONG, len(payload)) + payload


def _head(kind: int, length: int) -> bytes:
    if length <= _SHORT_MAX:
        return bytes((_FINAL | kind, length))
    if length <= _MEDIUM_MAX:
        return struct.pack("!BBH", _FINAL | kind, _MEDIUM, length)
    return struct.pack("!BBQ", _FINAL | kind, _LONG, length)
