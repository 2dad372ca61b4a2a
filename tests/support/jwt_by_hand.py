"""JWTs as any other program would write them, sound or not: with hmac and base64 alone.

Nothing here knows our code or PyJWT, so that a mistake which both make is noticed.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

__all__ = ["Json", "compact", "es256", "hs256", "part"]

Json = dict[str, Any] | list[Any] | bytes
"""What a part says: a value to write as JSON, or the very bytes."""


def part(value: Json) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def compact(header: Json, claims: Json, sign: Callable[[bytes], bytes]) -> str:
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{part(sign(text.encode()))}"


def hs256(secret: bytes | str, digest: str = "sha256") -> Callable[[bytes], bytes]:
    key = secret.encode() if isinstance(secret, str) else secret
    return lambda text: hmac.new(key, text, getattr(hashlib, digest)).digest()


def es256(private: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    def sign(text: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    return sign
