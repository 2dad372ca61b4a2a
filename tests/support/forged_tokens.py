"""What forged tokens are made of: our keys and an attacker's, and a token that is sound."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.support import jwt_by_hand as by_hand
from tests.support.clock import START

__all__ = [
    "ATTACKER",
    "HS256",
    "HS256_PART",
    "KEY",
    "KEY_PEM",
    "NOT_JSON",
    "NOT_OURS",
    "NOT_SECONDS",
    "NOT_TEXT",
    "NOW",
    "PUBLIC",
    "SECRET",
    "SOUND",
    "SOUND_PART",
    "signed",
]


SECRET = "a secret of at least thirty-two bytes"


NOW = int(START.timestamp())


KEY = ec.derive_private_key(0x1CE7, ec.SECP256R1())


KEY_PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


ATTACKER = ec.derive_private_key(0xBAD, ec.SECP256R1())


PUBLIC = KEY.public_key()


SOUND: dict[str, Any] = {
    "sub": "somebody",
    "email": "bob@example.org",
    "iat": NOW,
    "exp": NOW + 60,
    "jti": "1",
    "iss": "ticketing",
    "aud": "ticketing",
}


HS256 = {"alg": "HS256", "typ": "JWT"}


HS256_PART, SOUND_PART = by_hand.part(HS256), by_hand.part(SOUND)

NOT_OURS = "not signed with a key of ours"


NOT_JSON = "not sound JSON"


NOT_SECONDS = "not a whole number of seconds"


NOT_TEXT = "not a plain string"


def signed(header: by_hand.Json = HS256, claims: by_hand.Json = SOUND) -> str:
    """Signed with the right secret: only the content is wrong."""
    return by_hand.compact(header, claims, by_hand.hs256(SECRET))
