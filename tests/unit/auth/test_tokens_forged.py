"""Tokens that somebody else signed, or nobody, each with the reason it is refused for."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from tests.support import jwt_by_hand as by_hand
from tests.support.clock import FakeClock
from tests.support.forged_tokens import (
    ATTACKER,
    HS256,
    HS256_PART,
    KEY,
    KEY_PEM,
    NOT_OURS,
    PUBLIC,
    SECRET,
    SOUND,
    SOUND_PART,
    signed,
)
from ticketing.auth.tokens import InvalidTokenError, Tokens


def test_what_the_tables_start_from_is_sound(secret_tokens: Tokens, ec_tokens: Tokens) -> None:
    secret_tokens.verify(signed())
    ec_tokens.verify(by_hand.compact({"alg": "ES256"}, SOUND, by_hand.es256(KEY)))


SIGNATURES = {
    "alg none, no signature": (f"{by_hand.part({'alg': 'none'})}.{SOUND_PART}.", "three parts"),
    "alg none, with some signature": (
        by_hand.compact({"alg": "none"}, SOUND, lambda _: b"x" * 32),
        NOT_OURS,
    ),
    "alg NONE in capitals": (by_hand.compact({"alg": "NONE"}, SOUND, lambda _: b"x"), NOT_OURS),
    "alg none, the right signature": (signed({"alg": "none"}), NOT_OURS),
    "signature left out": (f"{HS256_PART}.{SOUND_PART}.", "three parts"),
    "signature cut off": (f"{HS256_PART}.{SOUND_PART}", "three parts"),
    "another secret": (by_hand.compact(HS256, SOUND, by_hand.hs256("x" * 32)), NOT_OURS),
    "empty secret": (by_hand.compact(HS256, SOUND, by_hand.hs256("")), NOT_OURS),
    "HS512 with the right secret": (
        by_hand.compact({"alg": "HS512"}, SOUND, by_hand.hs256(SECRET, "sha512")),
        NOT_OURS,
    ),
    "alg says HS512, signed as HS256": (signed({"alg": "HS512"}), NOT_OURS),
    "alg says RS256": (signed({"alg": "RS256"}), NOT_OURS),
    "alg says ES256, by the attacker's key": (
        by_hand.compact({"alg": "ES256"}, SOUND, by_hand.es256(ATTACKER)),
        NOT_OURS,
    ),
    "alg in lower case": (signed({"alg": "hs256"}), NOT_OURS),
    "alg missing": (signed({"typ": "JWT"}), NOT_OURS),
    "alg null": (signed({"alg": None}), NOT_OURS),
    "alg a list": (signed({"alg": ["HS256"]}), NOT_OURS),
    "payload of another token": (
        f"{HS256_PART}.{by_hand.part(SOUND | {'sub': 'x'})}.{signed().rpartition('.')[2]}",
        NOT_OURS,
    ),
    "kid that names the empty file": (
        by_hand.compact(HS256 | {"kid": "../../../dev/null"}, SOUND, by_hand.hs256("")),
        NOT_OURS,
    ),
    "kid with SQL that picks the secret": (
        by_hand.compact(HS256 | {"kid": "x' union select 'k"}, SOUND, by_hand.hs256("k")),
        NOT_OURS,
    ),
    "secret of the attacker in jwk": (
        by_hand.compact(HS256 | {"jwk": {"kty": "oct", "k": "eHh4"}}, SOUND, by_hand.hs256("xxx")),
        NOT_OURS,
    ),
}


@pytest.mark.parametrize(("token", "reason"), SIGNATURES.values(), ids=SIGNATURES.keys())
def test_signature(secret_tokens: Tokens, token: str, reason: str) -> None:
    with pytest.raises(InvalidTokenError, match=reason):
        secret_tokens.verify(token)


SPKI = PublicFormat.SubjectPublicKeyInfo


PUBLIC_FORMS = {
    "PEM": PUBLIC.public_bytes(Encoding.PEM, SPKI),
    "PEM without the last line end": PUBLIC.public_bytes(Encoding.PEM, SPKI).rstrip(),
    "DER": PUBLIC.public_bytes(Encoding.DER, SPKI),
    "ssh": PUBLIC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "point": PUBLIC.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    "compressed point": PUBLIC.public_bytes(Encoding.X962, PublicFormat.CompressedPoint),
    "x": PUBLIC.public_numbers().x.to_bytes(32),
}


@pytest.mark.parametrize("secret", PUBLIC_FORMS.values(), ids=PUBLIC_FORMS.keys())
@pytest.mark.parametrize("alg", ["HS256", "ES256"])
def test_our_public_key_is_no_secret(ec_tokens: Tokens, secret: bytes, alg: str) -> None:
    (published,) = ec_tokens.jwks()["keys"]
    for header in ({"alg": alg}, {"alg": alg, "kid": published["kid"]}):
        with pytest.raises(InvalidTokenError, match=NOT_OURS):
            ec_tokens.verify(by_hand.compact(header, SOUND, by_hand.hs256(secret)))


def test_our_published_key_set_is_no_secret(ec_tokens: Tokens) -> None:
    (published,) = ec_tokens.jwks()["keys"]
    token = by_hand.compact(HS256, SOUND, by_hand.hs256(json.dumps(published)))
    with pytest.raises(InvalidTokenError, match=NOT_OURS):
        ec_tokens.verify(token)


def attackers_jwk() -> dict[str, Any]:
    numbers = ATTACKER.public_key().public_numbers()
    x, y = by_hand.part(numbers.x.to_bytes(32)), by_hand.part(numbers.y.to_bytes(32))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


EC_HEADERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "jwk": {"jwk": attackers_jwk()},
    "jku": {"jku": "http://127.0.0.1:9/keys", "kid": "attacker"},
    "x5u": {"x5u": "http://127.0.0.1:9/certificate"},
    "x5c": {"x5c": ["AAAA"]},
}


@pytest.mark.parametrize("header", EC_HEADERS.values(), ids=EC_HEADERS.keys())
def test_the_attackers_key_is_not_ours_wherever_it_is_said_to_be(
    ec_tokens: Tokens, header: dict[str, Any]
) -> None:
    token = by_hand.compact({"alg": "ES256", **header}, SOUND, by_hand.es256(ATTACKER))
    with pytest.raises(InvalidTokenError, match=NOT_OURS):
        ec_tokens.verify(token)


EC_SIGNATURES = {
    "all zeros": bytes(64),
    "all ones": b"\xff" * 64,
    "one byte": b"\0",
    "too short": bytes(63),
    "too long": bytes(65),
    "DER": KEY.sign(b"x", ec.ECDSA(hashes.SHA256())),
}


@pytest.mark.parametrize("signature", EC_SIGNATURES.values(), ids=EC_SIGNATURES.keys())
def test_a_degenerate_signature(ec_tokens: Tokens, signature: bytes) -> None:
    with pytest.raises(InvalidTokenError, match=NOT_OURS):
        ec_tokens.verify(by_hand.compact({"alg": "ES256"}, SOUND, lambda _: signature))


def test_a_secret_and_a_private_key_do_not_mix() -> None:
    both = Tokens(KEY_PEM, SECRET, "ticketing", "ticketing", FakeClock())
    both.verify(signed())
    kid = both.jwks()["keys"][0]["kid"]
    for token in (
        signed({"alg": "ES256"}),
        signed({"alg": "HS256", "kid": kid}),
        by_hand.compact({"alg": "HS256"}, SOUND, by_hand.es256(KEY)),
    ):
        with pytest.raises(InvalidTokenError, match=NOT_OURS):
            both.verify(token)


def test_a_reason_never_quotes_the_token(secret_tokens: Tokens) -> None:
    for token in (
        signed(claims=SOUND | {"iss": "quoted"}),
        signed({"alg": "HS256", "typ": "quoted"}),
    ):
        with pytest.raises(InvalidTokenError) as refused:
            secret_tokens.verify(token)
        assert "quoted" not in str(refused.value)
        assert refused.value.code == "invalid_token"
        assert refused.value.__cause__ is None
