"""Messages, facts and states: the three kinds of frozen data everything is made of.

A *message* asks an actor or a worker for something and names the type of its reply. A *fact* is
what an actor recorded. A *state* is the sum of an actor's facts, and is one row of its table. All
are msgspec structs; their wire names are stable, because they are stored.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Generic, Self, TypeVar, get_args

import msgspec

__all__ = ["Fact", "Message", "State", "decode_message", "encode", "reply_type", "wire_name"]

R = TypeVar("R")
S = TypeVar("S", bound="State")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


class Message(msgspec.Struct, Generic[R], frozen=True, kw_only=True, tag_field="message"):
    """A command, and in its type parameter the type of the reply: `class Reserve(Message[Hold])`.

    Each subclass is given its wire name as `tag="tickets.reserve"`. Fields are only ever added,
    and with a default, because rows written by an older release are read by a newer one.
    """


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """Something that an actor recorded, in the past tense; stored in the journal for good."""


class State(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an actor is; its fields are the columns of its table.

    States hold values and no references to each other, so the garbage collector need not look at
    them: a hundred thousand are in memory.

    A state with `version` 0 is blank: the actor has never recorded anything and has no row.
    """

    id: str
    version: int = 0

    def apply(self, fact: Any) -> Self:
        """The state after *fact*. Pure: no clock, no I/O, and never a refusal."""
        raise NotImplementedError


@cache
def wire_name(kind: type[msgspec.Struct]) -> str:
    """The stable name a message or fact is stored under."""
    name = kind.__struct_config__.tag
    if not isinstance(name, str):
        raise TypeError(f"{kind.__name__} needs a wire name: tag='service.verb'")
    return name


@cache
def reply_type(message: type[Message[Any]]) -> Any:
    """The type parameter that *message* gave to `Message[...]`."""
    for base in getattr(message, "__orig_bases__", ()):
        arguments = get_args(base)
        if arguments:
            return arguments[0]
    raise TypeError(f"{message.__name__} does not say what its reply is: Message[...]")


def messages(base: type[Message[Any]] = Message) -> Iterator[type[Message[Any]]]:
    """All message classes that have been defined."""
    for message in base.__subclasses__():
        if isinstance(message.__struct_config__.tag, str):
            yield message
        yield from messages(message)


@cache
def _decoder(name: str) -> msgspec.json.Decoder[Message[Any]]:
    found = [message for message in messages() if wire_name(message) == name]
    if len(found) != 1:
        raise LookupError(f"expected one message called {name!r}, got {len(found)}")
    return msgspec.json.Decoder(found[0])


def decode_message(name: str, body: bytes | str) -> Message[Any]:
    """The message stored as *body* under its wire *name*."""
    return _decoder(name).decode(body)
