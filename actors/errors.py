"""What can go wrong, and whether the work was done all the same.

There are two families. A `RefusalError` is a domain "no": the actor decided, nothing changed, the
asker is told. An `ActorError` is a failure of the machinery, and says in `executed` whether the
work certainly did not happen ("no") or may have happened ("maybe").
"""

from typing import Any, ClassVar, Literal

__all__ = [
    "OUTAGE",
    "ActorError",
    "AskIdReusedError",
    "CommitRefusedError",
    "CrashedError",
    "ExpiredError",
    "HeldError",
    "MovedError",
    "NotFoundError",
    "OverloadedError",
    "RefusalError",
    "RestartedError",
    "StoreUnavailableError",
    "UnavailableError",
]


class RefusalError(Exception):
    """The actor decided against it.

    The docstring of a subclass is its message; `code` is stable and is what other programs match
    on; `details` are facts a caller may need (an instant, a list of names).
    """

    code: ClassVar[str] = "refused"
    field: ClassVar[str | None] = None

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or first_line(type(self)))
        self.details = details
        self.is_anothers = False
        """Whether it came up in an ask of the actor that was asked, and went through it."""


class NotFoundError(RefusalError):
    """There is no such thing."""

    code = "not_found"


class AskIdReusedError(RefusalError):
    """The idempotency key was used before with another body."""

    code = "idempotency_key_reused"


class ActorError(Exception):
    """The machinery failed. `retry_after` is in seconds, where trying again can help."""

    executed: Literal["no", "maybe"] = "no"
    retry_after: float | None = None

    def __init__(
        self, message: str | None = None, *, executed: Literal["no", "maybe"] | None = None
    ) -> None:
        super().__init__(message or first_line(type(self)))
        if executed is not None:
            self.executed = executed


class OverloadedError(ActorError):
    """A mailbox or a queue is full."""

    retry_after = 1.0


class UnavailableError(ActorError):
    """The service cannot commit at the moment."""

    retry_after = 1.0


class MovedError(UnavailableError):
    """The actor is not here, or this node does not know whether it still is: look elsewhere."""

    retry_after = 1.0


class HeldError(UnavailableError):
    """The actor, or its whole service, keeps failing and is left alone for a while."""

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ExpiredError(ActorError):
    """The time the caller gave ran out."""

    executed = "maybe"
    retry_after = 1.0


class CrashedError(ActorError):
    """The actor failed while it handled the message; nothing of the turn was kept."""


class RestartedError(ActorError):
    """An operator restarted the actor; nothing of the turn was kept."""


class StoreUnavailableError(UnavailableError):
    """The connection to the store is lost; what was being committed may or may not be there."""

    executed = "maybe"


OUTAGE = (UnavailableError, OverloadedError, ExpiredError)
"""What says that something is out of reach for now, and nothing about the message itself."""


class CommitRefusedError(ActorError):
    """The store refused the data of one turn; nothing of it was kept."""


def first_line(error: type[Exception]) -> str:
    return (error.__doc__ or error.__name__).strip().splitlines()[0]
