"""What the gateway itself refuses, before any actor is asked."""

from collections.abc import Iterable
from typing import NamedTuple

from actors import RefusalError

__all__ = [
    "BodyTooLargeError",
    "BodyTooSlowError",
    "Fault",
    "ForeignOriginError",
    "InvalidInputError",
    "InvalidWebhookError",
    "MethodNotAllowedError",
    "NotPossibleNowError",
    "NotReadyError",
    "NotSignedInError",
    "PaymentDeclinedError",
    "ProviderUnavailableError",
    "RateLimitedError",
    "UnsupportedMediaTypeError",
    "UpgradeRequiredError",
]


class Fault(NamedTuple):
    """One rule that the input breaks, and the field at fault, if it is one."""

    message: str
    field: str | None = None


class InvalidInputError(RefusalError):
    """The request is not valid."""

    code = "invalid_input"

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)


class InvalidWebhookError(RefusalError):
    """The event is not signed as it has to be, or cannot be read."""

    code = "invalid_webhook"


class NotSignedInError(RefusalError):
    """You are not signed in."""

    code = "not_signed_in"


class ForeignOriginError(RefusalError):
    """Another site sent this request."""

    code = "foreign_origin"


class MethodNotAllowedError(RefusalError):
    """This method is not allowed here."""

    code = "method_not_allowed"


class BodyTooLargeError(RefusalError):
    """The body is too large."""

    code = "body_too_large"


class BodyTooSlowError(RefusalError):
    """The body did not arrive in time."""

    code = "body_too_slow"


class RateLimitedError(RefusalError):
    """Too many tries in a short time; wait a little."""

    code = "rate_limited"


class UnsupportedMediaTypeError(RefusalError):
    """The body must be JSON in UTF-8."""

    code = "unsupported_media_type"


class PaymentDeclinedError(RefusalError):
    """The payment was declined."""

    code = "payment_declined"


class ProviderUnavailableError(RefusalError):
    """The payment provider cannot be reached; nothing was sent."""

    code = "provider_unavailable"


class NotPossibleNowError(RefusalError):
    """It cannot be done at this moment."""

    code = "not_now"


class NotReadyError(RefusalError):
    """The service is not ready."""

    code = "not_ready"


class UpgradeRequiredError(RefusalError):
    """This is only for WebSockets."""

    code = "upgrade_required"
