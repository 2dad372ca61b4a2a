"""Identifiers, roles, money, and what must not be shown: the values every service speaks in."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Final, NewType, TypeAlias

from actors import RefusalError
from actors.redaction import redact

__all__ = [
    "ADMIN",
    "CURRENCIES",
    "EventId",
    "InvalidPriceError",
    "OrderId",
    "Personal",
    "Secret",
    "TicketId",
    "UserId",
    "major",
    "minor",
]

UserId = NewType("UserId", str)
TicketId = NewType("TicketId", str)
OrderId = NewType("OrderId", str)
EventId = NewType("EventId", str)

# Fields of these types are stored and sent like any text; operators see "(secret)" in their place.
Secret: TypeAlias = Annotated[str, redact("secret")]
"""What opens something: passwords and their hashes, card tokens, whatever is sealed."""
Personal: TypeAlias = Annotated[str, redact("personal")]
"""What says who somebody is, outside of here: e-mail addresses."""

ADMIN: Final = "admin"

PRICE_MAX: Final = Decimal("999999.99")

# The currencies a ticket can be priced in, and how many decimals each has: those that Stripe
# charges in and that have two or none (three-decimal ones have rounding rules of their own there).
CURRENCIES: Final[dict[str, int]] = {
    code: decimals
    for decimals, codes in (
        (2, "aud bgn brl cad chf cny czk dkk eur gbp hkd huf idr ils inr mxn myr nok nzd php pln"),
        (2, "ron sek sgd thb try twd usd zar"),
        (0, "clp jpy krw vnd xaf xof"),
    )
    for code in codes.split()
}

# Plain decimal notation only: "1e3" or "0x10" is a mistake far more often than a price.
_PLAIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?\Z", re.ASCII)


class InvalidPriceError(RefusalError):
    """Price must be greater than 0."""

    code = "invalid_price"
    field = "price"


def minor(price: float | str, currency: str) -> int:
    """The integer minor units of *price*, a number or decimal string in major units.

    `minor(19.99, "usd")` is 1999 and `minor(20, "jpy")` is 20. Numbers are read by the digits they
    were written with, never by their binary value, so 0.57 is 57 and not 56.

    Raises:
        InvalidPriceError: not a price, not above zero, too large, or more decimals than *currency*.

    """
    text = repr(price) if isinstance(price, float) else str(price)
    if isinstance(price, bool) or not _PLAIN.match(text):
        raise InvalidPriceError("Price must be a number greater than 0")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InvalidPriceError("Price must be a number greater than 0") from None
    if value <= 0:
        raise InvalidPriceError
    if value > PRICE_MAX:
        raise InvalidPriceError(f"Price must be at most {PRICE_MAX}")
    scaled = value.scaleb(CURRENCIES[currency])
    if scaled != scaled.to_integral_value():
        raise InvalidPriceError(
            f"Price must have at most {CURRENCIES[currency]} decimals in {currency.upper()}"
        )
    return int(scaled)


def major(amount_minor: int, currency: str) -> int | float:
    """*amount_minor* in major units, as the JSON number that users see: 1999 usd is 19.99."""
    decimals = CURRENCIES[currency]
    whole, rest = divmod(amount_minor, int(10**decimals))
    if rest == 0:
        return whole
    return float(Decimal(amount_minor).scaleb(-decimals))
