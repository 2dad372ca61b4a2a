"""The vault: sealed text opens with every key that is kept, and with no other."""

import base64

import pytest
from cryptography.fernet import Fernet

from ticketing.vault import SealBrokenError, Vault


def key(letter: str) -> str:
    return base64.urlsafe_b64encode(letter.encode() * 32).decode()


@pytest.mark.parametrize("text", ["", "row 7, gate B", "Zugang über Tor 3 🎟\n", "x" * 2_000])
def test_what_was_sealed_opens(text: str) -> None:
    vault = Vault([key("a")])
    sealed = vault.seal(text)
    assert vault.open(sealed) == text
    assert sealed.isascii()
    assert not text or text not in sealed


def test_the_same_text_seals_differently() -> None:
    vault = Vault([key("a")])
    assert vault.seal("x") != vault.seal("x")


def test_rotation() -> None:
    before, during, after = (
        Vault([key("a")]),
        Vault([key("b"), key("a")]),
        Vault([key("b")]),
    )
    assert during.open(before.seal("old")) == "old"
    assert after.open(during.seal("new")) == "new"  # The first key seals.
    with pytest.raises(SealBrokenError):
        after.open(before.seal("old"))
    assert after.open(during.seal(during.open(before.seal("old")))) == "old"


@pytest.mark.parametrize(
    "sealed",
    [
        pytest.param("", id="empty"),
        pytest.param("in the clear", id="never sealed"),
        pytest.param("é", id="not ASCII"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("gAAAAA", id="only a beginning"),
        pytest.param(Vault([key("z")]).seal("x"), id="somebody else's key"),
        pytest.param(Vault([key("a")]).seal("x")[:-8], id="cut off"),
        pytest.param(Fernet(key("a")).encrypt(b"\xff").decode(), id="sealed, but not text"),
    ],
)
def test_what_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBrokenError, match="changed") as broken:
        Vault([key("a")]).open(sealed)
    assert broken.value.__cause__ is None


def test_any_change_breaks_the_seal() -> None:
    vault = Vault([key("a")])
    sealed = vault.seal("x")
    for place in range(0, len(sealed.rstrip("=")) - 1, 3):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(SealBrokenError):
            vault.open(sealed[:place] + other + sealed[place + 1 :])


@pytest.mark.parametrize("keys", [[], [""], ["x"], [key("a"), "short"], [key("a")[:40]]])
def test_wrong_keys_are_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="Fernet"):
        Vault(keys)
