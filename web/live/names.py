"""The topics that clients may name, and who may watch them.

Nothing is looked up for a name: what does not have the form of a topic is unknown, and a ticket
that does not exist is a topic without items.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from ticketing import topics
from ticketing.values import UserId
from web.fields import is_id

__all__ = ["Kind", "Name", "Refused", "parse"]


class Kind(StrEnum):
    """What a topic shows."""

    TICKET = "ticket"
    EVENT = "event"
    TICKETS = "tickets"
    ME = "me"


class Name(NamedTuple):
    """A topic."""

    kind: Kind
    key: str = ""
    """The id of the ticket, the event or the user."""

    @property
    def internal(self) -> str:
        """Its name here; `me` is another topic for each user."""
        return f"{self.kind}:{self.key}"

    @property
    def wire(self) -> str:
        """Its name for those who watch it."""
        return self.internal if self.kind in {Kind.TICKET, Kind.EVENT} else self.kind.value

    @property
    def on_bus(self) -> str:
        """The topic of the bus that brings its changes."""
        match self.kind:
            case Kind.TICKET:
                return topics.ticket(self.key)
            case Kind.EVENT:
                return topics.event(self.key)
            case Kind.TICKETS:
                return topics.TICKETS
            case Kind.ME:
                return topics.user(self.key)


class Refused(NamedTuple):
    """Why a name is no topic for whoever named it."""

    code: str
    message: str


_UNKNOWN: Final = Refused("topic_unknown", "There is no such topic")
_SIGN_IN: Final = Refused("unauthorized", "Sign in to watch this")

_OF_AN_ID: Final = {"ticket": Kind.TICKET, "event": Kind.EVENT}


def parse(text: str, user_id: UserId | None) -> Name | Refused:
    """The topic *text* for *user_id*; None is a stranger. `admin:` topics will have their place."""
    if text == Kind.TICKETS:
        return Name(Kind.TICKETS)
    if text == Kind.ME:
        return _SIGN_IN if user_id is None else Name(Kind.ME, user_id)
    prefix, _, key = text.partition(":")
    kind = _OF_AN_ID.get(prefix)
    return Name(kind, key) if kind is not None and is_id(key) else _UNKNOWN
