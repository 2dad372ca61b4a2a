"""Tokens: what is issued, what is accepted from other minters, rotation, and keys."""

import re
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.support import jwt_by_hand as by_hand
from tests.support.clock import START, FakeClock
from ticketing.auth.tokens import LIFETIME_SECONDS, Claims, InvalidTokenError, Tokens
from ticketing.values import UserId

SECRET = "a secret of at least thirty-two bytes"
OTHER_SECRET = "another secret of more than thirty-two bytes"
USER = UserId("0195f0c8-0000-7000-8000-000000000001")
NOW = int(START.timestamp())


def pem(key: Any, how: KeySerializationEncryption | None = None) -> str:
    encryption = how or NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


EC_KEY = ec.derive_private_key(0x1CE7, ec.SECP256R1())
EC_OTHER = ec.derive_private_key(0x2CE7, ec.SECP256R1())
EC_PEM = pem(EC_KEY)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def tokens(clock: FakeClock, key: str = SECRET, previous: str | None = None) -> Tokens:
    return Tokens(key, previous, "ticketing", "ticketing", clock)


def issue(minter: Tokens, **changes: Any) -> str:
    about: dict[str, Any] = {
        "user_id": USER,
        "email": "ann@example.com",
        "roles": ("admin",),
        "session_epoch": 3,
    }
    return minter.issue(**(about | changes))


def claims(**changes: Any) -> dict[str, Any]:
    """The required claims and no more, as somebody else would write them."""
    required = {
        "sub": "somebody",
        "email": "bob@example.org",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "1",
        "iss": "ticketing",
        "aud": "ticketing",
    }
    return required | changes


def minted(header: dict[str, Any] | None = None, **changes: Any) -> str:
    return by_hand.compact(header or {"alg": "HS256"}, claims(**changes), by_hand.hs256(SECRET))


class TestIssued:
    @pytest.mark.parametrize("key", [SECRET, EC_PEM], ids=["HS256", "ES256"])
    def test_says_all_it_was_told(self, clock: FakeClock, key: str) -> None:
        one = tokens(clock, key)
        found = one.verify(issue(one))
        assert found == Claims(
            user_id=USER,
            email="ann@example.com",
            roles=("admin",),
            session_epoch=3,
            session_id=found.session_id,
            auth_time=START,
            issued_at=START,
            expires_at=START + timedelta(minutes=30),
            jti=found.jti,
        )

    @pytest.mark.parametrize("key", [SECRET, EC_PEM], ids=["HS256", "ES256"])
    def test_is_good_for_thirty_minutes_and_not_a_moment_longer(
        self, clock: FakeClock, key: str
    ) -> None:
        one = tokens(clock, key)
        token = issue(one)
        clock.advance(LIFETIME_SECONDS - 0.001)
        one.verify(token)
        clock.advance(0.001)
        with pytest.raises(InvalidTokenError, match="expired"):
            one.verify(token)

    def test_keeps_when_the_password_was_given(self, clock: FakeClock) -> None:
        one = tokens(clock)
        first = one.verify(issue(one))
        clock.advance(1_200.5)
        renewed = one.verify(issue(one, renews=first))
        assert renewed.auth_time == START
        assert renewed.issued_at == START + timedelta(seconds=1_200)

    def test_has_an_id_of_its_own(self, clock: FakeClock) -> None:
        one = tokens(clock)
        assert one.verify(issue(one)).jti != one.verify(issue(one)).jti

    def test_of_one_session_say_so_and_end_twelve_hours_after_the_password(
        self, clock: FakeClock
    ) -> None:
        one = tokens(clock)
        last = first = one.verify(issue(one))
        for _ in range(25):
            clock.advance(LIFETIME_SECONDS - 60)  # Never away for half an hour.
            token = issue(one, renews=last)
            if clock.now() >= START + timedelta(hours=12):
                break
            last = one.verify(token)
            assert last.session_id == first.session_id
            assert last.expires_at <= START + timedelta(hours=12)
        else:
            pytest.fail("it is renewed for ever")
        with pytest.raises(InvalidTokenError):
            one.verify(token)
        clock.advance((START + timedelta(hours=11, minutes=59) - clock.now()).total_seconds())
        token = issue(one, renews=last)
        clock.advance(60 - 0.001)
        one.verify(token)
        clock.advance(0.001)
        with pytest.raises(InvalidTokenError, match="expired"):
            one.verify(token)
        assert one.verify(issue(one)).session_id != first.session_id

    def test_is_an_access_token_and_names_its_key(self, clock: FakeClock) -> None:
        header = jwt.get_unverified_header(issue(tokens(clock)))
        assert header["typ"] == "at+jwt"
        assert re.fullmatch("[0-9a-f]{16}", header["kid"])

    def test_reads_with_any_other_library(self, clock: FakeClock) -> None:
        found = jwt.decode(
            issue(tokens(clock)),
            SECRET,
            algorithms=["HS256"],
            audience="ticketing",
            issuer="ticketing",
            options={"verify_exp": False, "verify_iat": False},
        )
        assert found == {
            "sub": USER,
            "email": "ann@example.com",
            "iat": NOW,
            "exp": NOW + 1_800,
            "jti": found["jti"],
            "sid": found["sid"],
            "iss": "ticketing",
            "aud": "ticketing",
            "roles": ["admin"],
            "authTime": NOW,
            "sessionEpoch": 3,
        }

    def test_of_a_long_address_and_many_roles_is_accepted(self, clock: FakeClock) -> None:
        one = tokens(clock)
        email = "ö" * 64 + "@" + "x" * 189
        roles = [f"role-{number}" for number in range(32)] * 2  # Each counts once.
        assert len(one.verify(issue(one, email=email, roles=roles)).roles) == 32

    def test_cannot_be_changed_in_any_place(self, clock: FakeClock) -> None:
        one = tokens(clock)
        token = issue(one)
        for place, character in enumerate(token):
            changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
            with pytest.raises(InvalidTokenError):
                one.verify(changed)

    def test_cannot_be_cut_or_extended(self, clock: FakeClock) -> None:
        one = tokens(clock)
        token = issue(one)
        for changed in (token[:-1], token[1:], token + "A", token + ".", token + "=", token + "\n"):
            with pytest.raises(InvalidTokenError):
                one.verify(changed)


class TestMintedElsewhere:
    def test_by_hand_and_written_down_is_accepted(self, clock: FakeClock) -> None:
        # The vector to give to programs in other languages: made once, by hmac and base64 alone.
        token = (
            "eyJhbGciOiJIUzI1NiJ9."
            "eyJzdWIiOiJzb21lYm9keSIsImVtYWlsIjoiYm9iQGV4YW1wbGUub3JnIiwiaWF0IjoxNzcyMzY2NDAwLCJl"
            "eHAiOjE3NzIzNjY0NjAsImp0aSI6IjEiLCJpc3MiOiJ0aWNrZXRpbmciLCJhdWQiOiJ0aWNrZXRpbmcifQ."
            "acEdEVh-tygXGMyelJz0ERjso8w1MwvpFctuYizQ8Ck"
        )
        assert token == minted()
        assert tokens(clock).verify(token) == Claims(
            user_id=UserId("somebody"),
            email="bob@example.org",
            roles=(),
            session_epoch=None,
            session_id=str(NOW),
            auth_time=START,
            issued_at=START,
            expires_at=START + timedelta(seconds=60),
            jti="1",
        )

    def test_by_pyjwt_as_it_comes_is_accepted(self, clock: FakeClock) -> None:
        tokens(clock).verify(jwt.encode(claims(), SECRET))

    def test_with_our_private_key_is_accepted(self, clock: FakeClock) -> None:
        token = by_hand.compact({"alg": "ES256"}, claims(), by_hand.es256(EC_KEY))
        tokens(clock, EC_PEM).verify(token)

    @pytest.mark.parametrize(
        "header",
        [
            pytest.param({"typ": "JWT"}, id="typ JWT"),
            pytest.param({"typ": "at+jwt"}, id="typ at+jwt"),
            pytest.param({"kid": "what they call it"}, id="a kid of their own"),
            pytest.param({"kid": "../../etc/passwd"}, id="a kid like a path is only a string"),
            pytest.param({"jku": "https://example.org/keys"}, id="jku is not looked at"),
            pytest.param({"cty": "text"}, id="other header fields are not looked at"),
        ],
    )
    def test_with_these_headers_is_accepted(self, clock: FakeClock, header: dict[str, Any]) -> None:
        tokens(clock).verify(minted({"alg": "HS256", **header}))

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"exp": NOW + 12 * 3_600}, id="good for twelve hours"),
            pytest.param({"iat": NOW + 30}, id="their clock is half a minute ahead"),
            pytest.param({"nbf": NOW + 30}, id="nbf half a minute ahead"),
            pytest.param({"iat": NOW - 43_199, "exp": NOW + 1}, id="nearly twelve hours old"),
            pytest.param({"aud": ["others", "ticketing"]}, id="for others as well"),
            pytest.param({"name": "Bob", "scope": "x"}, id="more claims than we know"),
            pytest.param({"sub": "x" * 255}, id="a long sub"),
            pytest.param({"email": "josé@exämple.org"}, id="not only ASCII"),
        ],
    )
    def test_with_these_claims_is_accepted(self, clock: FakeClock, changes: dict[str, Any]) -> None:
        tokens(clock).verify(minted(**changes))

    def test_optional_claims_are_read(self, clock: FakeClock) -> None:
        token = minted(
            roles=["admin", "box office"], authTime=NOW - 90_000, sessionEpoch=0, sid="x"
        )
        found = tokens(clock).verify(token)
        assert found.roles == ("admin", "box office")
        assert found.auth_time == START - timedelta(seconds=90_000)
        assert (found.session_epoch, found.session_id) == (0, "x")

    def test_issuer_and_audience_are_settings(self, clock: FakeClock) -> None:
        one = Tokens(SECRET, None, "us", "them", clock)
        one.verify(issue(one))
        one.verify(minted(iss="us", aud="them"))
        for wrong in (minted(), minted(iss="us"), minted(aud="them")):
            with pytest.raises(InvalidTokenError):
                one.verify(wrong)


KEYS = {"HS256": (SECRET, OTHER_SECRET), "ES256": (EC_PEM, pem(EC_OTHER)), "both": (EC_PEM, SECRET)}


@pytest.mark.parametrize(("new", "old"), KEYS.values(), ids=KEYS.keys())
class TestRotation:
    def test_the_previous_key_still_verifies_until_it_is_gone(
        self, clock: FakeClock, new: str, old: str
    ) -> None:
        token = issue(tokens(clock, old))
        tokens(clock, new, previous=old).verify(token)
        with pytest.raises(InvalidTokenError, match="key of ours"):
            tokens(clock, new).verify(token)

    def test_the_previous_key_signs_no_more(self, clock: FakeClock, new: str, old: str) -> None:
        token = issue(tokens(clock, new, previous=old))
        tokens(clock, new).verify(token)
        with pytest.raises(InvalidTokenError, match="key of ours"):
            tokens(clock, old).verify(token)

    def test_a_kid_of_ours_means_that_key(self, clock: FakeClock, new: str, old: str) -> None:
        kid = jwt.get_unverified_header(issue(tokens(clock, old)))["kid"]
        both = tokens(clock, new, previous=old)
        sign, algorithm = (
            (by_hand.hs256(new), "HS256") if new == SECRET else (by_hand.es256(EC_KEY), "ES256")
        )
        both.verify(by_hand.compact({"alg": algorithm}, claims(), sign))
        with pytest.raises(InvalidTokenError, match="key of ours"):
            both.verify(by_hand.compact({"alg": algorithm, "kid": kid}, claims(), sign))

    def test_the_same_key_twice_does_no_harm(self, clock: FakeClock, new: str, old: str) -> None:
        del old
        twice = tokens(clock, new, previous=new)
        twice.verify(issue(twice))
        assert len(twice.jwks()["keys"]) <= 1


class TestJwks:
    def test_has_what_others_need_to_verify(self, clock: FakeClock) -> None:
        both = tokens(clock, EC_PEM, previous=pem(EC_OTHER))
        published = {key["kid"]: key for key in both.jwks()["keys"]}
        assert len(published) == 2
        for minter in (both, tokens(clock, pem(EC_OTHER))):
            token = issue(minter)
            key = published[jwt.get_unverified_header(token)["kid"]]
            found = jwt.decode(
                token,
                jwt.PyJWK(key),
                algorithms=["ES256"],
                audience="ticketing",
                options={"verify_exp": False, "verify_iat": False},
            )
            assert found["sub"] == USER

    def test_has_nothing_private(self, clock: FakeClock) -> None:
        (key,) = tokens(clock, EC_PEM).jwks()["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}

    def test_is_empty_for_a_secret(self, clock: FakeClock) -> None:
        assert tokens(clock).jwks() == {"keys": []}

    def test_has_the_public_one_of_two(self, clock: FakeClock) -> None:
        assert len(tokens(clock, SECRET, previous=EC_PEM).jwks()["keys"]) == 1


PUBLIC_PEM = EC_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_SSH = EC_KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "reason"),
        [
            pytest.param("", "got 0", id="none"),
            pytest.param("MY_JWT_SECRET", "got 13", id="thirteen bytes"),
            pytest.param("x" * 31, "got 31", id="one byte short"),
            pytest.param(PUBLIC_PEM.decode(), "PEM private key", id="a public key"),
            pytest.param(PUBLIC_SSH.decode(), "got a public key", id="a public key of ssh"),
            pytest.param('{"kty":"oct","k":"' + "x" * 43 + '"}', "got a", id="a JWK"),
            pytest.param("-----BEGIN nonsense" + "x" * 32, "other PEM", id="broken PEM"),
            pytest.param(pem(ec.derive_private_key(5, ec.SECP384R1())), "another kind", id="P-384"),
            pytest.param(
                pem(ed25519.Ed25519PrivateKey.from_private_bytes(b"x" * 32)),
                "another kind",
                id="Ed25519",
            ),
            pytest.param(pem(EC_KEY, BestAvailableEncryption(b"x")), "unencrypted", id="encrypted"),
        ],
    )
    def test_these_are_refused(self, clock: FakeClock, key: str, reason: str) -> None:
        with pytest.raises(ValueError, match=reason):
            tokens(clock, key)
        if key:
            with pytest.raises(ValueError, match=reason):
                tokens(clock, SECRET, previous=key)

    def test_an_empty_previous_key_is_none(self, clock: FakeClock) -> None:
        tokens(clock, SECRET, previous="")

    def test_a_secret_counts_in_bytes(self, clock: FakeClock) -> None:
        one = tokens(clock, "ö" * 16)
        one.verify(issue(one))

    def test_secrets_do_not_show(self, clock: FakeClock) -> None:
        one = tokens(clock)
        assert SECRET not in repr(vars(one))
