"""Sealed text: what is stored and must not be readable by whoever reads the database.

Rotation: put a new key in front of the old ones on every process. New text is sealed with the new
key, old text still opens with the old one. An old key may go only when nothing that was sealed with
it is kept any more - journals keep it for good, unless they are sealed anew with
`vault.seal(vault.open(sealed))`.
"""

from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

__all__ = ["SealBrokenError", "Vault"]


class SealBrokenError(Exception):
    """The sealed text was changed, or was sealed with a key that is not here."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


class Vault:
    """Seals and opens text with Fernet keys (AES-128-CBC and HMAC-SHA256): the first one seals.

    Raises:
        ValueError: there is no key, or one is not 32 bytes in URL-safe base64.

    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("expected at least one Fernet key, got none")
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        """*text*, unreadable without a key: about a third longer, and another one each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text that was given to `seal`.

        Raises:
            SealBrokenError: it was changed, or no key of ours opens it.

        """
        try:
            return self._fernet.decrypt(sealed).decode()
        except (InvalidToken, ValueError):
            # ValueError: not ASCII, or sealed by somebody else from bytes that are not text.
            raise SealBrokenError from None
