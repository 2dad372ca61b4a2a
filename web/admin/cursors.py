"""Where a page of the administrators' lists ends. Sealed: a place may be an e-mail address."""

from typing import Any, Final

import msgspec

from ticketing.vault import SealBrokenError, Vault
from web.refusals import Fault, InvalidInputError

__all__ = ["place", "sealed"]

_encode: Final = msgspec.json.Encoder().encode


def sealed(vault: Vault, of: str, after: Any) -> str:
    """The text that stands for the place *after* which the list *of* goes on."""
    return vault.seal(_encode((of, after)).decode())


def place(vault: Vault, of: str, text: str, kind: Any) -> Any:
    """The place that `sealed` was given, as *kind*.

    Raises:
        InvalidInputError: it is no cursor of ours, or one of another list.

    """
    try:
        said, after = msgspec.json.decode(vault.open(text), type=tuple[str, msgspec.Raw])
        if said == of:
            return msgspec.json.decode(after, type=kind)
    except (SealBrokenError, msgspec.DecodeError):
        pass
    message = "after must be the cursor of a page in this order"
    raise InvalidInputError([Fault(message, "after")])
