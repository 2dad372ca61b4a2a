"""The cases that a simulation is there to meet: `make simulate` fails if one is never met."""

from typing import Final

__all__ = ["SOMETIMES"]

SOMETIMES: Final = (
    "a buyer came back to a ticket that they held already",
    "a buyer came too late to pay",
    "a buyer let go of a ticket",
    "a buyer wanted to cancel what was being paid",
    "a buyer who let it lapse too often had to wait",
    "a capture that was under way at the deadline of its order",
    "a commit was fenced",
    "a node died after its commit, before anybody knew",
    "a node died before its commit",
    "a node learned that it had been declared dead",
    "a reservation lapsed",
    "a reservation lapsed while its buyer was paying",
    "a sale to somebody whose first card had not paid",
    "a sale was undone, because the money could not be taken",
    "a seller could not change what somebody holds",
    "a stored answer was given to a retry",
    "a take-over with a reservation whose time was up",
    "a ticket was sold and came back",
    "a ticket was sold at the very end of its reservation",
    "a turn computed from an old state was refused",
    "a zombie's commit was fenced",
    "an administrator gave money back",
    "an answer lost after its commit was given to the retry",
    "partitions of a dead node were taken over",
    "partitions were handed over",
    "somebody who watched came back to another node",
    "the event started while its ticket was reserved",
    "too late for the event",
)
