"""The people and things of all examples: Sam sells a ticket to the derby, and Kim buys it."""

from typing import Final

__all__ = [
    "BOUGHT_AT",
    "DELIVERY",
    "EVENT_ID",
    "EXPIRES_AT",
    "KIM_EMAIL",
    "KIM_ID",
    "LISTED_AT",
    "MESSAGE_ID",
    "NEW_PASSWORD",
    "NODE_ID",
    "ORDER_ID",
    "PASSWORD",
    "PRICE",
    "RESET_TOKEN",
    "SAM_ID",
    "STARTS_AT",
    "TICKET_ID",
    "TITLE",
]

SAM_ID: Final = "0197a3c4-5f10-7b52-9d1e-3a8c5e7f9012"
KIM_ID: Final = "0197a3c5-02ab-7c33-8f4d-6b1a2c3d4e5f"
KIM_EMAIL: Final = "kim@example.com"
PASSWORD: Final = "a seat with a view"  # noqa: S105 - nobody's
NEW_PASSWORD: Final = "a seat near the door"  # noqa: S105 - nobody's
RESET_TOKEN: Final = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - nobody's

TICKET_ID: Final = "0197a3c6-81d4-7e08-a5b2-9c0d1e2f3a4b"
TITLE: Final = "Derby, stand B"
PRICE: Final = 19.99
DELIVERY: Final = "Gate 4, code 8F2K-77QX"
LISTED_AT: Final = "2026-01-31T17:20:00.000Z"

EVENT_ID: Final = "5b1f0c62-90a7-8d14-9c3e-7f2a1b6d4e85"
STARTS_AT: Final = "2026-05-16T13:30:00.000Z"

ORDER_ID: Final = "0197a3c8-3c6e-7a91-b8d7-2e4f6a8c0b1d"
BOUGHT_AT: Final = "2026-01-31T17:45:00.000Z"
EXPIRES_AT: Final = "2026-01-31T18:00:00.000Z"

NODE_ID: Final = "0197a3b0-11aa-7c4d-9e5f-6a7b8c9d0e1f"
MESSAGE_ID: Final = "0197a3c8-3c6f-7b12-a3c4-5d6e7f8091a2"
