"""Every refusal of the domain. The docstring is what the user reads; `code` is what programs match.

Which HTTP status a code becomes is decided in `web/errors.py` alone.
"""

from actors import NotFoundError, RefusalError

__all__ = [
    "CooldownError",
    "EmailInUseError",
    "EventExistsError",
    "EventPastError",
    "EventStartedError",
    "ForbiddenError",
    "InvalidCredentialsError",
    "InvalidResetError",
    "InvalidStartError",
    "NoSuchEventError",
    "NotFoundError",
    "OrderCancelledError",
    "OrderCompleteError",
    "OrderExpiredError",
    "OrderNotCompleteError",
    "OwnTicketError",
    "PaymentInProgressError",
    "PriceChangedError",
    "StaleVersionError",
    "TicketReservedError",
    "TicketSoldError",
    "TicketUnavailableError",
    "TicketWithdrawnError",
    "TooManyReservationsError",
]


class ForbiddenError(RefusalError):
    """You may not do that."""

    code = "forbidden"


class EmailInUseError(RefusalError):
    """Email in use."""

    code = "email_in_use"
    field = "email"


class InvalidCredentialsError(RefusalError):
    """Invalid credentials."""

    code = "invalid_credentials"


class InvalidResetError(RefusalError):
    """This link cannot be used, or not any more."""

    code = "invalid_reset"
    field = "token"


class StaleVersionError(RefusalError):
    """The ticket has changed since you looked at it."""

    code = "stale_version"


class TicketReservedError(RefusalError):
    """The ticket is reserved and cannot be changed."""

    code = "ticket_reserved"


class TicketSoldError(RefusalError):
    """The ticket is sold and cannot be changed."""

    code = "ticket_sold"


class TicketWithdrawnError(RefusalError):
    """The ticket has been withdrawn."""

    code = "ticket_withdrawn"


class TicketUnavailableError(RefusalError):
    """Ticket is already reserved."""

    code = "ticket_unavailable"
    field = "ticketId"


class OwnTicketError(RefusalError):
    """You cannot buy your own ticket."""

    code = "own_ticket"
    field = "ticketId"


class PriceChangedError(RefusalError):
    """The price has changed."""

    code = "price_changed"
    field = "price"


class CooldownError(RefusalError):
    """You let this ticket lapse three times; others go first for a while."""

    code = "cooldown"
    field = "ticketId"


class TooManyReservationsError(RefusalError):
    """You hold as many reservations as one user may have at a time."""

    code = "too_many_reservations"


class OrderCompleteError(RefusalError):
    """The order is complete."""

    code = "order_complete"


class OrderCancelledError(RefusalError):
    """The order is cancelled."""

    code = "order_cancelled"


class OrderExpiredError(RefusalError):
    """The order has expired."""

    code = "order_expired"


class OrderNotCompleteError(RefusalError):
    """The order is not complete, so there is nothing to give back."""

    code = "order_not_complete"


class PaymentInProgressError(RefusalError):
    """A payment for this order is in progress."""

    code = "payment_in_progress"


class EventExistsError(RefusalError):
    """There is such an event already."""

    code = "event_exists"


class InvalidStartError(RefusalError):
    """The event must start in the future."""

    code = "invalid_start"
    field = "startsAt"


class NoSuchEventError(RefusalError):
    """There is no such event."""

    code = "no_such_event"
    field = "eventId"


class EventPastError(RefusalError):
    """The event has started; no tickets can be offered for it."""

    code = "event_past"
    field = "eventId"


class EventStartedError(RefusalError):
    """The event has started; its tickets are off the market."""

    code = "event_started"
    field = "ticketId"
