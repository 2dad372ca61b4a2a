"""Passwords: which are refused, and what a stored hash may be."""

import re

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ticketing.auth import passwords

GOOD = "tr0mbone under the stairs"
HASH = passwords.hash_password(GOOD)  # Once: each one takes 25 ms.

PARAMETERS = re.compile(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}")


class TestHash:
    def test_is_a_phc_string_with_the_parameters_we_chose(self) -> None:
        assert PARAMETERS.fullmatch(HASH)

    def test_has_a_new_salt_each_time(self) -> None:
        assert passwords.hash_password(GOOD) != HASH

    def test_belongs_to_its_password_alone(self) -> None:
        assert passwords.verify_password(GOOD, HASH)
        for wrong in (GOOD + " ", " " + GOOD, GOOD.upper(), GOOD[:-1], "", GOOD + "\0"):
            assert not passwords.verify_password(wrong, HASH)

    @pytest.mark.parametrize(
        "password",
        [
            pytest.param("x" * 128, id="the longest"),
            pytest.param("pässwörter 密码 🔑", id="not only ASCII"),
            pytest.param("  spaces  ", id="spaces are kept"),
            pytest.param("lone \ud800 surrogate", id="a lone surrogate is no error"),
        ],
    )
    def test_of_any_characters(self, password: str) -> None:
        assert passwords.verify_password(password, passwords.hash_password(password))

    def test_of_the_reference_implementation_is_understood(self) -> None:
        # A test vector of Argon2's reference implementation (its test.c, version 19, 64 MiB).
        phc = (
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        )
        assert passwords.verify_password("password", phc)
        assert not passwords.verify_password("passwort", phc)


class TestNoHash:
    def test_is_false(self) -> None:
        assert not passwords.verify_password(GOOD, None)

    def test_takes_the_same_work_as_a_wrong_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[str] = []

        class Recorder:
            @staticmethod
            def verify_phc_encoded(key: bytes, phc: str) -> None:
                del key
                seen.append(phc)

        monkeypatch.setattr(passwords, "Argon2id", Recorder)
        # Even if somebody knew the password of the dummy, it would not open an account.
        assert not passwords.verify_password(GOOD, None)
        assert not passwords.verify_password(GOOD, "not a hash")
        assert len(seen) == 2
        assert all(PARAMETERS.fullmatch(phc) for phc in seen)

    @pytest.mark.parametrize(
        "phc",
        [
            pytest.param("", id="empty"),
            pytest.param("x", id="no PHC string"),
            pytest.param("\0", id="U+0000"),
            pytest.param("é" + HASH, id="not ASCII"),
            pytest.param(HASH + "\n", id="line end"),
            pytest.param(HASH + "=", id="padding"),
            pytest.param(HASH[:-1], id="cut off"),
            pytest.param(HASH[: HASH.rindex("$") + 1], id="no hash"),
            pytest.param(HASH[: HASH.rindex("$") + 7], id="a hash of four bytes"),
            pytest.param(HASH.replace("argon2id", "argon2i"), id="another variant"),
            pytest.param(HASH.replace("v=19", "v=16"), id="another version"),
            pytest.param(HASH.replace("m=19456", "m=4294967295"), id="4 TiB"),
            pytest.param(HASH.replace("m=19456", "m=99999"), id="more memory than we give"),
            pytest.param(HASH.replace("m=19456", "m=" + "9" * 5_000), id="more digits than int"),
            pytest.param(HASH.replace("m=19456", "m=7"), id="too little memory"),
            pytest.param(HASH.replace("m=19456", "m=-1"), id="negative memory"),
            pytest.param(HASH.replace("t=2", "t=0"), id="no passes"),
            pytest.param(HASH.replace("t=2", "t=9"), id="more passes than we give"),
            pytest.param(HASH.replace("p=1", "p=0"), id="no lanes"),
            pytest.param(HASH.replace("p=1", "p=9"), id="more lanes than we give"),
            pytest.param(HASH.replace("m=19456,t=2", "t=2,m=19456"), id="another order"),
            pytest.param("$2b$12$" + "x" * 53, id="bcrypt"),
        ],
    )
    def test_malformed_is_false(self, phc: str) -> None:
        assert passwords.verify_password(GOOD, phc) is False

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"length": 8}, id="so short that wrong passwords fit"),
            pytest.param({"memory_cost": 65_544}, id="too much memory"),
            pytest.param({"iterations": 5}, id="too many passes"),
            pytest.param({"lanes": 5}, id="too many lanes"),
        ],
    )
    def test_beyond_the_limits_is_false_even_if_it_fits(self, changes: dict[str, int]) -> None:
        usual = {"length": 16, "iterations": 1, "lanes": 1, "memory_cost": 64}
        for parameters, fits in ((usual, True), (usual | changes, False)):
            phc = Argon2id(salt=b"somesalt", **parameters).derive_phc_encoded(GOOD.encode())
            assert passwords.verify_password(GOOD, phc) is fits


class TestCheck:
    @pytest.mark.parametrize(
        "password",
        [
            GOOD,
            "x7#qLw9!",
            "x" * 100 + "y" * 28,
            "        9",
            "пароль не для всех",
            "\x01control",
            "🔑🚪🪟🧱🔨🪛🔩🧰",
        ],
    )
    def test_these_may_be_used(self, password: str) -> None:
        passwords.check(password)

    @pytest.mark.parametrize(
        ("password", "reason"),
        [
            pytest.param("", "between 8 and 128", id="empty"),
            pytest.param("x7#qLw9", "between 8 and 128", id="seven characters"),
            pytest.param("🔑🚪🪟🧱🔨🪛🔩", "between 8 and 128", id="seven of four bytes each"),
            pytest.param("x" * 64 + "y" * 65, "between 8 and 128", id="129 characters"),
            pytest.param("x7#qLw9!\0", "not text", id="U+0000"),
            pytest.param("x7#qLw9!\udcff", "not text", id="a lone surrogate"),
            pytest.param("password", "most common", id="the most common of all"),
            pytest.param("PassWord", "most common", id="in another case"),
            pytest.param("\u017funshine", "most common", id="with a letter that folds"),
            pytest.param("12345678", "most common", id="digits"),
            pytest.param("1QAZ2WSX", "most common", id="a walk over the keyboard"),
            pytest.param("CONTRASEÑA", "most common", id="not only ASCII"),
            pytest.param("ticketing", "most common", id="what we are called"),
        ],
    )
    def test_these_may_not(self, password: str, reason: str) -> None:
        with pytest.raises(passwords.PasswordRefusedError, match=reason) as refused:
            passwords.check(password)
        assert (refused.value.code, refused.value.field) == ("invalid_password", "password")

    def test_nothing_is_trimmed(self) -> None:
        passwords.check(" password")
        passwords.check("password ")


def test_the_list_of_common_ones_is_sound() -> None:
    assert len(passwords.COMMON) >= 3_000
    for one in passwords.COMMON:
        assert 8 <= len(one) <= 128
        assert one == one.casefold() == one.strip()
        assert one.isprintable()
