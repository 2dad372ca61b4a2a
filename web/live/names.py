"""The topics that clients may name, and who may watch them.

Nothing is looked up for a name: what does not have the form of a topic is unknown, and a ticket
that does not exist is a topic without items.
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from ticketing import topics
from ticketing.values import UserId
from web.fields import is_id

__all__ = ["ADMINS", "SIGN_IN", "Kind", "Name", "Refused", "parse"]


class Kind(StrEnum):
    """What a topic shows."""

    TICKET = "ticket"
    EVENT = "event"
    TICKETS = "tickets"
    ME = "me"
    OVERVIEW = "admin:overview"
    ACTOR = "admin:actor"

    @property
    def is_for_admins(self) -> bool:
        return self in {Kind.OVERVIEW, Kind.ACTOR}


class Name(NamedTuple):
    """A topic."""

    kind: Kind
    key: str = ""
    """The id of the ticket, the event or the user; `KIND:KEY` of an actor."""

    @property
    def internal(self) -> str:
        """Its name here; `me` is another topic for each user."""
        return f"{self.kind}:{self.key}"

    @property
    def wire(self) -> str:
        """Its name for those who watch it."""
        return self.internal if self.kind in _KEYED else self.kind.value

    @property
    def on_bus(self) -> str | None:
        """The topic of the bus that brings its changes; None: it has to be looked at."""
        match self.kind:
            case Kind.TICKET:
                return topics.ticket(self.key)
            case Kind.EVENT:
                return topics.event(self.key)
            case Kind.TICKETS:
                return topics.TICKETS
            case Kind.ME:
                return topics.user(self.key)
            case Kind.OVERVIEW | Kind.ACTOR:
                return None


class Refused(NamedTuple):
    """Why a name is no topic for whoever named it."""

    code: str
    message: str


_KEYED: Final = frozenset({Kind.TICKET, Kind.EVENT, Kind.ACTOR})

ADMINS: Final = "admin:"
"""What the names of those topics begin with that are for administrators."""

_UNKNOWN: Final = Refused("topic_unknown", "There is no such topic")
SIGN_IN: Final = Refused("unauthorized", "Sign in to watch this")

_ACTOR: Final = re.compile("admin:actor:[a-z_]{1,32}:[^\x00-\x20\x7f]+")
_OF_AN_ID: Final = {"ticket": Kind.TICKET, "event": Kind.EVENT}


def parse(text: str, user_id: UserId | None) -> Name | Refused:
    """The topic *text* for *user_id*; None is a stranger.

    Whether a user is an administrator is not in their name: `admin:` topics are for the signed in
    here, and the subscription asks who they are.
    """
    if text == Kind.TICKETS:
        return Name(Kind.TICKETS)
    if text == Kind.ME:
        return SIGN_IN if user_id is None else Name(Kind.ME, user_id)
    if text == Kind.OVERVIEW or _ACTOR.fullmatch(text):
        key = text.removeprefix(f"{Kind.ACTOR}:") if text != Kind.OVERVIEW else ""
        return SIGN_IN if user_id is None else Name(Kind.ACTOR if key else Kind.OVERVIEW, key)
    prefix, _, key = text.partition(":")
    kind = _OF_AN_ID.get(prefix)
    return Name(kind, key) if kind is not None and is_id(key) else _UNKNOWN
