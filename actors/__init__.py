"""A runtime for durable actors on asyncio and PostgreSQL.

An actor is a long-lived object with a mailbox: it handles one message at a time, and each turn -
the new state, what it told others, its timers, its answer - becomes durable in one commit or not
at all. Nothing leaves a turn before that commit. This package knows no ticket and no HTTP.

Layout, in reading order:

- `message`, `ref`            what is said, what is recorded, and to whom
- `actor`, `turn`             how a handler is written, and what it may do
- `mailbox`, `activation`     one live actor: a message at a time
- `directory`, `gatherer`     which actors are in memory; how they get there
- `replies`                   who waits for an answer, and until when
- `writer`                    group commit: many turns, one statement, one fsync
- `timers`, `waiting`         durable messages that are due now or later, one sleeper
- `worker`, `pool`            effects outside: what takes long or leaves the house
- `supervisor`                what happens after a failure
- `store`, `memory`           what a store promises; the one in memory
- `postgres`, `postgres_*`    the one in PostgreSQL: sessions, batches, the statement
- `placement`, `bus`          who owns what; who hears of it
- `membership`, `lease`       this node among others: alive, owner of its share; `rendezvous`
- `link`, `*_link`            the line between nodes: in memory, over NATS
- `delivery`, `remote`        where what is sent goes, here or over the line; `routes`, `error_wire`
- `linked_bus`                changes across nodes; `remote_inspection`: looking across nodes
- `runtime`, `node`, `graph`  all of it together, checked before it starts
- `inspection`, `seen`        what goes on in a node, and acting on it; `observer`: the last turns
- `stored`, `redaction`       the same of what sleeps in the store; what nobody is shown
- `doing`, `tracing`          what is being done at the moment: for log lines, and for traces
- `clock`, `failpoints`, `telemetry`, `tasks`, `simulation`

It does not do: reentrant actors, actors that wait for each other in a ring, effects inside a turn.
"""

from actors.actor import Actor, HandlerError, handle
from actors.bus import Bus, Change, Listener, LocalBus, Subscription
from actors.clock import Clock, Ids, SystemClock, derived_id
from actors.errors import (
    ActorError,
    AskIdReusedError,
    CommitRefusedError,
    CrashedError,
    ExpiredError,
    HeldError,
    NotFoundError,
    OverloadedError,
    RefusalError,
    StoreUnavailableError,
    UnavailableError,
)
from actors.failpoints import failpoint
from actors.gatherer import Gatherer
from actors.graph import AskCycleError, TotalityError
from actors.mailbox import AskId
from actors.message import Fact, Message, State, decode_message, encode, wire_name
from actors.placement import Placement
from actors.ref import Ref
from actors.runtime import Runtime
from actors.service import Service
from actors.store import InboxRow, ParkedRow, Store
from actors.turn import AppendedRow, DirtyAskError, Turn, UndeclaredAskError
from actors.worker import Effect, NotYetError, Worker

__all__ = [
    "Actor",
    "ActorError",
    "AppendedRow",
    "AskCycleError",
    "AskId",
    "AskIdReusedError",
    "Bus",
    "Change",
    "Clock",
    "CommitRefusedError",
    "CrashedError",
    "DirtyAskError",
    "Effect",
    "ExpiredError",
    "Fact",
    "Gatherer",
    "HandlerError",
    "HeldError",
    "Ids",
    "InboxRow",
    "Listener",
    "LocalBus",
    "Message",
    "NotFoundError",
    "NotYetError",
    "OverloadedError",
    "ParkedRow",
    "Placement",
    "Ref",
    "RefusalError",
    "Runtime",
    "Service",
    "State",
    "Store",
    "StoreUnavailableError",
    "Subscription",
    "SystemClock",
    "TotalityError",
    "Turn",
    "UnavailableError",
    "UndeclaredAskError",
    "Worker",
    "decode_message",
    "derived_id",
    "encode",
    "failpoint",
    "handle",
    "wire_name",
]
