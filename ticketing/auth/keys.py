"""The keys that tokens are signed with.

A key is either a secret (HS256) or an EC private key on P-256 (ES256), and is only ever used with
its own algorithm, so that a public key cannot pass for a secret.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

__all__ = ["ALGORITHMS", "Key", "read_key"]

ALGORITHMS: Final = {name: jwt.get_algorithm_by_name(name) for name in ("HS256", "ES256")}

_SECRET_BYTES_MIN: Final = 32  # HS256 is as strong as its key: RFC 7518, section 3.2.


@dataclass(frozen=True, slots=True)
class Key:
    """One key with the one algorithm that it may be used with."""

    kid: str
    algorithm: str
    signs: Any = field(repr=False)
    verifies: Any = field(repr=False)


def read_key(text: str) -> Key:
    """The key that a setting holds: a secret of 32 bytes or more, or a PEM private key on P-256.

    Raises:
        ValueError: it is neither; the message says what was expected, and never the key.

    """
    if text.startswith("-----BEGIN"):
        return _read_pem(text)
    secret = text.encode()
    if len(secret) < _SECRET_BYTES_MIN:
        raise ValueError(f"expected {_SECRET_BYTES_MIN} bytes or more, got {len(secret)}")
    try:
        ALGORITHMS["HS256"].prepare_key(secret)
    except jwt.InvalidKeyError:
        raise ValueError("expected a secret, got a public key, a certificate or a JWK") from None
    return Key(_digest(secret), "HS256", secret, secret)


def _read_pem(text: str) -> Key:
    try:
        private = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("expected a PEM private key, unencrypted, got other PEM text") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise ValueError("expected a PEM private key on P-256, got one of another kind")
    public = private.public_key()
    # Of the public half, so that the same key in another PEM form keeps its name.
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Key(_digest(der), "ES256", private, public)


def _digest(key: bytes) -> str:
    # Prefixed, so that the name of a secret is of no use where its plain SHA-256 would be.
    return hashlib.sha256(b"kid" + key).hexdigest()[:16]
