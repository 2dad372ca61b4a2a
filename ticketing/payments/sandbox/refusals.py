"""How a request is refused: the one exception here, with Stripe's status, type and code.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes.
"""

from typing import Final

__all__ = ["Refusal"]

INVALID: Final = "invalid_request_error"


class Refusal(Exception):  # noqa: N818 - Stripe says no; nothing went wrong here.
    """The request was refused.

    `kept` says whether execution had begun: only then is the refusal stored under the request's
    idempotency key. What was wrong with the parameters is decided afresh each time.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = INVALID,
        code: str | None = None,
        param: str | None = None,
        decline_code: str | None = None,
        kept: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.decline_code = decline_code
        self.kept = kept

    @classmethod
    def missing(cls, what: str, name: str, *, param: str, status: int = 400) -> "Refusal":
        """Nothing is called *name*: 404 where the address names it, 400 where a parameter does."""
        message = f"No such {what}: '{name}'"
        return cls(message, status=status, code="resource_missing", param=param)

    @classmethod
    def unexpected_state(cls, message: str) -> "Refusal":
        """The intent's status does not allow it. Execution had begun, so the answer is kept."""
        return cls(message, code="payment_intent_unexpected_state", kept=True)
